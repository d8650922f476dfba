import DocketGRPC
import DocketHeaders
import DocketRPC
import DocketTransport
import NIOCore
import NIOPosix
import Testing

@Suite("Calls over a loopback socket")
struct CallTests {
    @Test("a unary call answers with its message")
    func unary() async throws {
        try await TestServer.run { test in
            let client = try await test.connect()
            #expect(try await client.unary(TestServer.echo, [1, 2, 3]) == [1, 2, 3])
            #expect(try await client.unary(TestServer.echo, []) == [])
            #expect(try await client.unary(TestServer.asyncEcho, [4]) == [4])
            #expect(try await client.unary(TestServer.count, [UInt8](repeating: 0, count: 99)) == Array("99".utf8))
            await client.close()
        }
    }

    @Test("a Unix-domain socket carries calls, and a leftover socket file is taken over")
    func unixSocket() async throws {
        let path = "/tmp/docket-rpc-\(UInt64.random(in: 0 ... .max)).sock"
        for _ in 0..<2 {
            let test = try await TestServer.start(address: .unix(path: path))
            let client = try await test.connect()
            #expect(try await client.unary(TestServer.echo, [5]) == [5])
            await client.close()
            await test.server.shutDown()
        }
    }

    @Test("ten thousand pipelined messages come back in order")
    func pingPong() async throws {
        try await TestServer.run { test in
            let client = try await test.connect()
            let stream = client.openStream(TestServer.bidirectional)
            let count = 10_000
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for index in 0..<count { try await stream.send(Array("\(index)".utf8)) }
                    stream.end()
                }
                var next = 0
                for try await message in stream.messages {
                    if message != Array("\(next)".utf8) { Issue.record("message \(next) is wrong") }
                    next += 1
                }
                #expect(next == count)
                try await group.waitForAll()
            }
            #expect(test.budget.availableBytes == test.budget.limitBytes)
            await client.close()
        }
    }

    @Test("200 concurrent calls share one connection, and their completions come from other threads")
    func concurrentCalls() async throws {
        try await TestServer.run { test in
            let client = try await test.connect()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<200 {
                    group.addTask {
                        let answer = try await client.unary(
                            TestServer.count, [UInt8](repeating: 1, count: 1_000 + index))
                        #expect(answer == Array("\(1_000 + index)".utf8))
                    }
                }
                try await group.waitForAll()
            }
            #expect(test.server.connectionCount == 1)
            await client.close()
        }
    }

    @Test("gzip goes in, and counts decompressed")
    func gzip() async throws {
        try await TestServer.run { test in
            let client = try await test.connect()
            let message = [UInt8](repeating: 65, count: 1 << 20)
            let answer = try await client.unary(TestServer.count, message, options: ClientCallOptions(encoding: .gzip))
            #expect(answer == Array("1048576".utf8))
            #expect(test.budget.availableBytes == test.budget.limitBytes)
            await client.close()
        }
    }

    @Test("a handler learns how its message came, and says how its reply goes and with which metadata")
    func gzipBothWays() async throws {
        try await TestServer.run { test in
            let client = try await test.connect()
            let message = [UInt8](repeating: 65, count: 1 << 20)
            for encoding in [GRPCEncoding.identity, .gzip] {
                let answer = try await client.unaryResponse(
                    TestServer.gzip, message, options: ClientCallOptions(encoding: encoding))
                #expect(answer.message == message)
                #expect(answer.metadata.value(of: "grpc-encoding") == "gzip")
                #expect(answer.metadata.value(of: "request-was-compressed") == "\(encoding == .gzip)")
                #expect(answer.trailers.value(of: "x-end") == "1")
                let plain = try await client.unaryResponse(
                    TestServer.echo, message, options: ClientCallOptions(encoding: encoding))
                #expect(plain.message == message)
                #expect(plain.metadata.value(of: "grpc-encoding") == (encoding == .gzip ? "gzip" : nil))
            }
            await client.close()
        }
    }

    @Test("a refusal arrives with its status, message and pushback")
    func refusal() async throws {
        try await TestServer.run { test in
            let client = try await test.connect()
            await #expect(
                throws: GRPCStatus(.permissionDenied, "no entry: \u{1F6AB}", retryPushbackMilliseconds: 250)
            ) { try await client.unary(TestServer.refuse, [1]) }
            await client.close()
        }
    }

    @Test("unknown methods and services are UNIMPLEMENTED, and the connection goes on")
    func unimplemented() async throws {
        try await TestServer.run { test in
            let client = try await test.connect()
            for path in ["/test.Echo/Nothing", "/test.Nothing/Unary"] {
                let status = await #expect(throws: GRPCStatus.self) { try await client.unary(path, [1]) }
                #expect(status?.code == .unimplemented)
            }
            #expect(try await client.unary(TestServer.echo, [1]) == [1])
            await client.close()
        }
    }

    @Test("a second message to a unary method is refused")
    func secondMessage() async throws {
        try await TestServer.run { test in
            let client = try await test.connect()
            let stream = client.openStream(TestServer.echo)
            try await stream.send([1])
            try await stream.send([2])
            let status = await #expect(throws: GRPCStatus.self) { for try await _ in stream.messages {} }
            #expect(status?.code == .unimplemented)
            await client.close()
        }
    }

    @Test("a message of exactly the limit passes; one byte more is RESOURCE_EXHAUSTED and costs its call only")
    func messageLimit() async throws {
        try await TestServer.run(budgetBytes: 200_000, adjust: { $0.limits.maxMessageBytes = 100_000 }) { test in
            let client = try await test.connect()
            let most = [UInt8](repeating: 3, count: 100_000)
            #expect(try await client.unary(TestServer.echo, most) == most)
            let status = await #expect(throws: GRPCStatus.self) { try await client.unary(TestServer.echo, most + [3]) }
            #expect(status?.code == .resourceExhausted)
            #expect(try await client.unary(TestServer.echo, [1]) == [1])
            #expect(test.budget.availableBytes == test.budget.limitBytes)
            await client.close()
        }
    }

    @Test("an async method is cancelled with its call, and too many at once are refused")
    func asyncMethods() async throws {
        try await TestServer.run(adjust: { $0.maxConcurrentAsyncCalls = 1 }) { test in
            let client = try await test.connect()
            let hanging = Task { try await client.unary(TestServer.asyncHang, [1]) }
            await test.probe.nextAsyncStarted()
            let refusal = await #expect(throws: GRPCStatus.self) { try await client.unary(TestServer.asyncEcho, [1]) }
            #expect(refusal?.code == .resourceExhausted)
            hanging.cancel()
            await test.probe.nextCancelled()
            let status = await #expect(throws: GRPCStatus.self) { try await hanging.value }
            #expect(status?.code == .cancelled)
            await client.close()
        }
    }
}
