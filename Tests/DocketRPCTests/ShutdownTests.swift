import DocketGRPC
import DocketHeaders
import DocketRPC
import DocketTransport
import Logging
import NIOCore
import NIOPosix
import Testing

@Suite("The end of servers and connections", .timeLimit(.minutes(1)))
struct ShutdownTests {
    @Test("a graceful stop finishes accepted calls, takes no further ones, and closes")
    func graceful() async throws {
        let test = try await TestServer.start()
        let (states, continuation) = AsyncStream.makeStream(of: ClientConnectionState.self)
        let client = try await test.connect(stateChanged: { continuation.yield($0) })
        let call = Task { try await client.unary(TestServer.hold, [1]) }
        let held = await test.probe.nextHeld()
        let stop = Task { await test.server.shutDown() }

        for await state in states {
            if case .draining = state { break }
        }
        let refused = await #expect(throws: GRPCStatus.self) { try await client.unary(TestServer.echo, [1]) }
        #expect(refused?.code == .unavailable)
        await #expect(throws: TransportError.self) { try await test.connect() }

        held?.reference.reply([42])
        #expect(try await call.value == [42])
        await stop.value
        await client.waitUntilClosed()
        guard case .closed = client.state else {
            Issue.record("the connection is \(client.state)")
            return
        }
        #expect(test.server.connectionCount == 0)
    }

    @Test("what isn't done within the grace is closed, and its caller told UNAVAILABLE")
    func graceEnds() async throws {
        let test = try await TestServer.start { $0.shutdownGrace = .milliseconds(50) }
        let client = try await test.connect()
        let call = Task { try await client.unary(TestServer.hold, [1]) }
        _ = await test.probe.nextHeld()
        await test.server.shutDown()
        let status = await #expect(throws: GRPCStatus.self) { try await call.value }
        #expect(status?.code == .unavailable)
        await test.probe.nextCancelled()
    }

    @Test("every call that races with a stop is either answered or UNAVAILABLE")
    func race() async throws {
        let test = try await TestServer.start()
        let client = try await test.connect()
        await withDiscardingTaskGroup { group in
            for index in 0..<500 {
                group.addTask {
                    // Answered, or refused so that the caller knows that it may try elsewhere: which of them is chance.
                    do throws(GRPCStatus) {
                        _ = try await client.unary(TestServer.count, [1])
                    } catch {
                        #expect(error.code == .unavailable, "\(error)")
                    }
                }
                if index == 100 { group.addTask { await test.server.shutDown() } }
            }
        }
        await client.waitUntilClosed()
    }

    @Test("run() serves until its task is cancelled, then stops gracefully")
    func runs() async throws {
        let budget = MemoryBudget(limitBytes: 64 << 20)
        let server = RPCServer(
            configuration: RPCServerConfiguration(address: .tcp(host: "127.0.0.1", port: 0)), budget: budget,
            group: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test")
        ) { methods in
            methods.register("test.Echo", "Unary") { _ in UnaryHandler { $1.reply($0.bytes) } }
        }
        let (addresses, continuation) = AsyncStream.makeStream(of: TransportAddress.self)
        let run = Task { try await server.run { continuation.yield($0) } }
        var iterator = addresses.makeAsyncIterator()
        let address = try #require(await iterator.next())
        let client = try await ClientConnection.connect(to: address, group: MultiThreadedEventLoopGroup.singleton)
        #expect(try await client.unary(TestServer.echo, [1]) == [1])
        run.cancel()
        try await run.value
        await client.waitUntilClosed()
    }

    @Test("a client's graceful end lets open calls finish; its abrupt one fails them")
    func clientEnds() async throws {
        try await TestServer.run { test in
            let patient = try await test.connect()
            let first = Task { try await patient.unary(TestServer.hold, [1]) }
            let held = await test.probe.nextHeld()
            let end = Task { await patient.shutDown() }
            held?.reference.reply([5])
            #expect(try await first.value == [5])
            await end.value

            let hasty = try await test.connect()
            let second = Task { try await hasty.unary(TestServer.hold, [1]) }
            _ = await test.probe.nextHeld()
            await hasty.close()
            let status = await #expect(throws: GRPCStatus.self) { try await second.value }
            #expect(status?.code == .unavailable)
            await test.probe.nextCancelled()
            let late = await #expect(throws: GRPCStatus.self) { try await hasty.unary(TestServer.echo, [1]) }
            #expect(late?.code == .unavailable)
        }
    }

    @Test("a port nobody listens on, and one that speaks no HTTP/2, are connect errors that name the address")
    func connectErrors() async throws {
        let mute = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(mute.localAddress?.port)
        var limits = ClientConnectionLimits()
        limits.connectTimeout = .milliseconds(100)
        let address = TransportAddress.tcp(host: "127.0.0.1", port: port)
        for _ in 0..<2 {
            let error = await #expect(throws: TransportError.self) {
                try await ClientConnection.connect(
                    to: address, limits: limits, group: MultiThreadedEventLoopGroup.singleton)
            }
            #expect(error?.code == .connect)
            #expect(error?.message.contains("\(port)") == true)
            try? await mute.close().get()
        }
    }
}
