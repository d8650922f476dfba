import Dispatch
import DocketGRPC
import DocketHeaders
import DocketRPC
import DocketTestSupport
import DocketTransport
import Logging
import NIOCore
import NIOPosix
import Testing

@Suite("Connections", .timeLimit(.minutes(1)))
struct ConnectionTests {
    /// Says when it goes.
    private final class Canary {
        let gone: @Sendable () -> Void
        init(gone: @escaping @Sendable () -> Void) { self.gone = gone }
        deinit { self.gone() }
    }

    private final class LoopCounter { var calls = 0 }

    @Test("what handlers keep beside a connection goes with it; what they keep beside a loop stays")
    func storage() async throws {
        let (gone, continuation) = AsyncStream.makeStream(of: Void.self)
        let server = RPCServer(
            configuration: RPCServerConfiguration(address: .tcp(host: "127.0.0.1", port: 0)),
            budget: MemoryBudget(limitBytes: 64 << 20), group: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Logger(label: "test")
        ) { methods in
            methods.register("test.Echo", "Unary") { call in
                _ = call.connection.storage.object(Canary.self) { Canary { continuation.yield() } }
                let counter = call.connection.loopStorage.object(LoopCounter.self) { LoopCounter() }
                counter.calls += 1
                return UnaryHandler { [calls = counter.calls] _, call in call.reply([UInt8(calls)]) }
            }
        }
        let address = try await server.start()
        var iterator = gone.makeAsyncIterator()
        for connection in 0..<3 {
            let client = try await ClientConnection.connect(to: address, group: MultiThreadedEventLoopGroup.singleton)
            for call in 1...2 {
                #expect(try await client.unary(TestServer.echo, [0]) == [UInt8(2 * connection + call)])
            }
            await client.close()
            _ = await iterator.next()
        }
        await server.shutDown()
    }

    @Test("hundreds that close at once are closed in turns: the event loop looks at its sockets in between")
    func departures() async throws {
        let count = 200
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = RPCServer(
            configuration: RPCServerConfiguration(address: .tcp(host: "127.0.0.1", port: 0)),
            budget: MemoryBudget(limitBytes: 64 << 20), group: group, logger: Logger(label: "test")
        ) { _ in }
        guard case .tcp(let host, let port) = try await server.start() else { return }
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        var peers: [any Channel] = []
        for _ in 0..<count { peers.append(try await bootstrap.connect(host: host, port: port).get()) }
        await until { server.connectionCount == count }
        // The loop hears of all of them together.
        let loop = group.next()
        let isClosed = DispatchSemaphore(value: 0)
        let isHeld = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: Void.self)
        loop.execute {
            isHeld.succeed()
            isClosed.wait()
        }
        try await isHeld.futureResult.get()
        for peer in peers { try await peer.close() }
        let samples = loop.makePromise(of: [Int].self)
        Self.sample(loop, [], { server.connectionCount }, samples)
        isClosed.signal()
        let left = try await samples.futureResult.get()
        let most = zip(left, left.dropFirst()).map { $0 - $1 }.max()
        #expect(try #require(most) <= 32, "of \(count) at once: \(left)")
        await server.shutDown()
        try await group.shutdownGracefully()
    }

    /// What there is left each time that the loop comes round, until there is nothing.
    private static func sample(
        _ loop: any EventLoop, _ samples: [Int], _ count: @escaping @Sendable () -> Int, _ done: EventLoopPromise<[Int]>
    ) {
        loop.scheduleTask(in: .microseconds(10)) {
            let all = samples + [count()]
            if all.last == 0 { done.succeed(all) } else { Self.sample(loop, all, count, done) }
        }
    }

    @Test("a server that falls silent is noticed by keepalive, and the open call told UNAVAILABLE")
    func keepalive() async throws {
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(MuteServer()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        var limits = ClientConnectionLimits()
        limits.keepalive = KeepalivePace(interval: .milliseconds(500))
        limits.keepaliveTimeout = .milliseconds(50)
        let port = try #require(silent.localAddress?.port)
        let client = try await ClientConnection.connect(
            to: .tcp(host: "127.0.0.1", port: port), limits: limits, group: MultiThreadedEventLoopGroup.singleton)
        let status = await #expect(throws: GRPCStatus.self) { try await client.unary(TestServer.echo, [1]) }
        #expect(status?.code == .unavailable)
        #expect(status?.message.contains("PING") == true)
        await client.waitUntilClosed()
        try await silent.close().get()
    }

    @Test("a connection without calls asks for no sign of life")
    func keepaliveWithoutCalls() async throws {
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(MuteServer()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        var limits = ClientConnectionLimits()
        limits.keepalive = KeepalivePace(interval: .milliseconds(50))
        limits.keepaliveTimeout = .milliseconds(1)
        let address = TransportAddress.tcp(host: "127.0.0.1", port: try #require(silent.localAddress?.port))
        let group = MultiThreadedEventLoopGroup.singleton
        let (states, news) = AsyncStream.makeStream(of: ClientConnectionState.self)
        let idle = try await ClientConnection.connect(to: address, limits: limits, group: group) { news.yield($0) }
        // A call that begins later is watched over, too.
        for _ in 0..<3 {
            let busy = try await ClientConnection.connect(to: address, limits: limits, group: group)
            await #expect(throws: GRPCStatus.self) { try await busy.unary(TestServer.echo, [1]) }
        }
        news.finish()
        for await state in states { Issue.record("the idle connection is \(state)") }
        let status = await #expect(throws: GRPCStatus.self) { try await idle.unary(TestServer.echo, [1]) }
        #expect(status?.message.contains("PING") == true)
        try await silent.close().get()
    }

    @Test("a client that asks for signs of life too often is told so, and asks half as often (gRPC A8)")
    func tooManyPings() async throws {
        try await TestServer.run(adjust: { $0.limits.life.minPingInterval = .seconds(3600) }) { test in
            let pace = KeepalivePace(interval: .milliseconds(20))
            var limits = ClientConnectionLimits()
            limits.keepalive = pace
            let client = try await test.connect(limits: limits)
            let status = await #expect(throws: GRPCStatus.self) { try await client.unary(TestServer.asyncHang, [1]) }
            #expect(status?.code == .unavailable)
            await client.waitUntilClosed()
            #expect(pace.interval == .milliseconds(40))
        }
    }

    @Test("metadata goes both ways, headers before messages, and trailers after")
    func metadata() async throws {
        let server = RPCServer(
            configuration: RPCServerConfiguration(address: .tcp(host: "127.0.0.1", port: 0)),
            budget: MemoryBudget(limitBytes: 64 << 20), group: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test")
        ) { methods in
            methods.register("test.Echo", "Unary") { call throws(GRPCStatus) in
                guard let token = call.head.headers.value(of: "authorization") else {
                    throw GRPCStatus(.unauthenticated, "no token")
                }
                call.sendHeaders(HeaderList(["x-early": token]))
                return UnaryHandler { message, call in
                    call.send(message.bytes)
                    call.finish(.ok, metadata: HeaderList(["x-late": "2"]))
                }
            }
        }
        let client = try await ClientConnection.connect(
            to: try await server.start(), group: MultiThreadedEventLoopGroup.singleton)
        let options = ClientCallOptions(metadata: HeaderList(["authorization": "Bearer t"]))
        let response = try await client.unaryResponse(TestServer.echo, [1], options: options)
        #expect(response.message == [1])
        #expect(response.metadata.value(of: "x-early") == "Bearer t")
        #expect(response.trailers.value(of: "x-late") == "2")
        let status = await #expect(throws: GRPCStatus.self) { try await client.unary(TestServer.echo, [1]) }
        #expect(status?.code == .unauthenticated)
        await client.close()
        await server.shutDown()
    }
}

/// Speaks just enough HTTP/2 for the connection to be ready, an empty SETTINGS frame, and then nothing.
private final class MuteServer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelActive(context: ChannelHandlerContext) {
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: [0, 0, 0, 4, 0, 0, 0, 0, 0])), promise: nil)
    }
}
