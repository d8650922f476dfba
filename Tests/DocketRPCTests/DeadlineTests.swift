import DocketGRPC
import DocketHeaders
import DocketRPC
import DocketTransport
import NIOCore
import Testing

@Suite("Deadlines and cancellation", .timeLimit(.minutes(1)))
struct DeadlineTests {
    @Test("a call that isn't answered in time is DEADLINE_EXCEEDED on both sides")
    func deadline() async throws {
        try await TestServer.run { test in
            let client = try await test.connect()
            let status = await #expect(throws: GRPCStatus.self) {
                try await client.unary(TestServer.hold, [1], options: ClientCallOptions(timeout: .milliseconds(50)))
            }
            #expect(status?.code == .deadlineExceeded)
            await test.probe.nextCancelled()
            #expect(try await client.unary(TestServer.echo, [1]) == [1])
            await client.close()
        }
    }

    @Test("the server keeps the deadline by itself when the client doesn't")
    func serverDeadline() async throws {
        try await TestServer.run { test in
            let client = try await test.connect()
            let metadata = HeaderList(["grpc-timeout": "50m"])
            let status = await #expect(throws: GRPCStatus.self) {
                try await client.unary(TestServer.hold, [1], options: ClientCallOptions(metadata: metadata))
            }
            #expect(status?.code == .deadlineExceeded)
            await test.probe.nextCancelled()
            await client.close()
        }
    }

    @Test("a handler sees the deadline, and its late answer is dropped")
    func lateAnswer() async throws {
        try await TestServer.run { test in
            let client = try await test.connect()
            let call = Task {
                try await client.unary(TestServer.hold, [1], options: ClientCallOptions(timeout: .milliseconds(50)))
            }
            let held = await test.probe.nextHeld()
            #expect(held?.reference.deadline != nil)
            await test.probe.nextCancelled()
            held?.reference.reply([2])
            await #expect(throws: GRPCStatus.self) { try await call.value }
            #expect(try await client.unary(TestServer.echo, [1]) == [1])
            await client.close()
        }
    }

    @Test("cancelling reaches the handler and frees the stream")
    func cancel() async throws {
        try await TestServer.run(adjust: { $0.limits.maxConcurrentStreams = 1 }) { test in
            let client = try await test.connect()
            for _ in 0..<3 {
                let call = Task { try await client.unary(TestServer.hold, [1]) }
                _ = await test.probe.nextHeld()
                call.cancel()
                await test.probe.nextCancelled()
                let status = await #expect(throws: GRPCStatus.self) { try await call.value }
                #expect(status?.code == .cancelled)
            }
            #expect(try await client.unary(TestServer.echo, [1]) == [1])
            await client.close()
        }
    }

    @Test("more calls than the server allows at once wait their turn")
    func streamLimit() async throws {
        try await TestServer.run(adjust: { $0.limits.maxConcurrentStreams = 3 }) { test in
            let client = try await test.connect()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<50 {
                    group.addTask {
                        let answer = try await client.unary(TestServer.count, [UInt8](repeating: 1, count: index))
                        #expect(answer == Array("\(index)".utf8))
                    }
                }
                try await group.waitForAll()
            }
            await client.close()
        }
    }
}
