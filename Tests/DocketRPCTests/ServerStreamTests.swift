import DocketGRPC
import DocketRPC
import DocketTestSupport
import DocketTransport
import Synchronization
import Testing

@Suite("A method that answers by a stream", .timeLimit(.minutes(2)))
struct ServerStreamTests {
    @Test("sends its messages in order, and ends with its status")
    func order() async throws {
        try await TestServer.run { test in
            let client = try await test.connect()
            let stream = client.openStream(TestServer.stream)
            let sizes: [UInt8] = [0, 1, 255, 3, 0, 64]
            try await stream.send(sizes)
            stream.end()
            var found: [Int] = []
            for try await message in stream.messages { found.append(message.count) }
            #expect(found == sizes.map { Int($0) << 10 })
            await client.close()
        }
    }

    @Test("waits for a client that doesn't read, with two messages at most on the way beyond its window")
    func slowReader() async throws {
        try await TestServer.run { test in
            let client = try await test.connect()
            let stream = client.openStream(TestServer.stream)
            // 25 MiB, and whoever reads nothing has opened less than two of them.
            try await stream.send([UInt8](repeating: 250, count: 100))
            stream.end()
            let iterator = stream.messages.makeAsyncIterator()
            #expect(try await iterator.next()?.count == 250 << 10)
            await until { test.probe.sentCount.load(ordering: .relaxed) >= 2 }
            // What it could send without being held up it has sent by the time another call has been answered.
            for _ in 0..<20 { _ = try await client.unary(TestServer.asyncEcho, [1]) }
            #expect(test.probe.sentCount.load(ordering: .relaxed) < 40)
            var count = 1
            while try await iterator.next() != nil { count += 1 }
            #expect(count == 100)
            await client.close()
        }
    }

    @Test("whoever reads only after the connection has closed gets everything that had come by then, and the end")
    func readAfterClose() async throws {
        try await TestServer.run { test in
            var limits = ClientConnectionLimits()
            limits.streamWindowBytes = 65_535
            let client = try await test.connect(limits: limits)
            let stream = client.openStream(TestServer.stream)
            // The first fills what a client holds that nobody reads from; the others have come, and wait behind it.
            let sizes: [UInt8] = [250, 1, 1]
            try await stream.send(sizes)
            stream.end()
            await test.probe.nextCancelled()
            await test.server.shutDown()
            await client.waitUntilClosed()
            var found: [Int] = []
            for try await message in stream.messages { found.append(message.count) }
            #expect(found == sizes.map { Int($0) << 10 })
        }
    }

    @Test("ends when its call is cancelled, though nobody reads")
    func cancelled() async throws {
        try await TestServer.run { test in
            let client = try await test.connect()
            let stream = client.openStream(TestServer.stream)
            try await stream.send([UInt8](repeating: 250, count: 200))
            stream.end()
            let iterator = stream.messages.makeAsyncIterator()
            _ = try await iterator.next()
            stream.cancel()
            await test.probe.nextCancelled()
            #expect(test.probe.sentCount.load(ordering: .relaxed) < 200)
            await client.close()
        }
    }

    @Test("ends as UNAVAILABLE in good order when the server is drained, so that the client goes on elsewhere")
    func drained() async throws {
        try await TestServer.run(adjust: { $0.shutdownGrace = .seconds(30) }) { test in
            let client = try await test.connect()
            let stream = client.openStream(TestServer.stream)
            try await stream.send([UInt8](repeating: 250, count: 200))
            stream.end()
            let iterator = stream.messages.makeAsyncIterator()
            _ = try await iterator.next()
            async let end: Void = test.server.shutDown()
            await test.probe.nextCancelled()
            let status = await #expect(throws: GRPCStatus.self) { while try await iterator.next() != nil {} }
            #expect(status?.code == .unavailable)
            await end
            await client.close()
        }
    }
}
