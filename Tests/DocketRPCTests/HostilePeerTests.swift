import DocketGRPC
import DocketHTTP2
import DocketHeaders
import DocketRPC
import DocketTestSupport
import DocketTransport
import NIOCore
import NIOPosix
import Testing

@Suite("Hostile and broken peers", .timeLimit(.minutes(1)))
struct HostilePeerTests {
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    /// Connects to the server, writes bytes, and hangs up or waits until the server does.
    private func sendRaw(_ bytes: [UInt8], to test: TestServer, hangUp: Bool) async throws {
        guard case .tcp(let host, let port) = test.address else { return }
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: host, port: port).get()
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
        if hangUp { try? await channel.close().get() }
        try? await channel.closeFuture.get()
    }

    @Test(
        "garbage, half a preface, half a frame and a hang-up cost their own connection only",
        arguments: [true, false])
    func garbage(hangUp: Bool) async throws {
        try await TestServer.run(adjust: { $0.limits.handshakeTimeout = .seconds(1) }) { test in
            let healthy = try await test.connect()
            let stream = healthy.openStream(TestServer.bidirectional)
            let settings: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]
            var peers: [[UInt8]] = [
                Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), [UInt8](repeating: 0xFF, count: 4_096),
                Array(Self.preface.prefix(10)), [0], Self.preface,
                Self.preface + [0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 1],
                // DATA on a stream that was never opened.
                Self.preface + settings + [0, 0, 1, 0, 0, 0, 0, 0, 1, 65],
            ]
            // A frame that never ends passes the handshake: only its own hang-up ends it, the rest is for idle limits.
            if hangUp { peers.append(Self.preface + settings + [0, 16, 0, 1, 4, 0, 0, 0, 1, 0x82]) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for bytes in peers { group.addTask { try await self.sendRaw(bytes, to: test, hangUp: hangUp) } }
                try await group.waitForAll()
            }

            try await stream.send([1])
            let iterator = stream.messages.makeAsyncIterator()
            #expect(try await iterator.next() == [1])
            await until { test.server.connectionCount == 1 }
            await healthy.close()
        }
    }

    @Test("a client that reads as fast as it is sent to leaves its loop to others")
    func greedyReader() async throws {
        try await TestServer.run { test in
            let greedy = try await RawPeer.connect(to: test.address, reads: true)
            try await greedy.request(
                [
                    ":method": "POST", ":scheme": "http", ":path": TestServer.pour, ":authority": "a",
                    "content-type": "application/grpc", "te": "trailers",
                ], body: MessageFraming.frame([1]))
            #expect(await greedy.nextHeaders()?.value(of: ":status") == "200")
            // More connections than loops: some share theirs with the greedy one.
            for _ in 0..<(2 * System.coreCount) {
                let healthy = try await test.connect()
                #expect(try await healthy.unary(TestServer.echo, [1]) == [1])
                await healthy.close()
            }
            await greedy.close()
        }
    }

    @Test("a wrong content-type is refused and costs its call only")
    func wrongContentType() async throws {
        try await TestServer.run { test in
            let peer = try await RawPeer.connect(to: test.address, reads: true)
            try await peer.request([
                ":method": "POST", ":scheme": "http", ":path": TestServer.echo, ":authority": "a",
                "content-type": "text/html", "te": "trailers",
            ])
            let answer = await peer.nextHeaders()
            #expect(answer?.value(of: ":status") == "415")
            try await peer.request([
                ":method": "POST", ":scheme": "http", ":path": "/test.Nothing/Nothing", ":authority": "a",
                "content-type": "application/grpc", "te": "trailers",
            ])
            #expect(await peer.nextHeaders()?.value(of: "grpc-status") == "12")
            await peer.close()
        }
    }

    @Test("a peer that opens its windows and never reads is sent no more than its socket takes, and is cut off")
    func neverReads() async throws {
        try await TestServer.run(adjust: {
            $0.limits.maxQueuedOutboundBytes = 256 << 10
            $0.limits.writeStallTimeout = .milliseconds(200)
        }) { test in
            let peer = try await RawPeer.connect(to: test.address, reads: false)
            let healthy = try await test.connect()
            try await peer.request(
                [
                    ":method": "POST", ":scheme": "http", ":path": TestServer.pour, ":authority": "a",
                    "content-type": "application/grpc", "te": "trailers",
                ], body: MessageFraming.frame([1]))
            // The socket fills up, the server stops writing, and after a while it gives up.
            await test.probe.nextCancelled()
            #expect(try await healthy.unary(TestServer.echo, [1]) == [1])
            await until { test.server.connectionCount == 1 }
            await peer.close()
            await healthy.close()
        }
    }

    @Test("a peer that reads slowly is sent to for as long as it reads")
    func slowReader() async throws {
        let stall = Duration.seconds(1)
        try await TestServer.run(adjust: { $0.limits.writeStallTimeout = stall }) { test in
            let peer = try await RawPeer.connect(to: test.address, reads: false)
            try await peer.request(
                [
                    ":method": "POST", ":scheme": "http", ":path": TestServer.pour, ":authority": "a",
                    "content-type": "application/grpc", "te": "trailers",
                ], body: MessageFraming.frame([1]))
            let start = ContinuousClock.now
            while ContinuousClock.now - start < stall * 4 {
                peer.readOnce()
                // The pace at which it reads: there is nothing to wait for.
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(test.server.connectionCount == 1)
            await peer.close()
        }
    }

    @Test("a reader that never opens its window has its call reset at the limit, and the connection goes on")
    func closedWindow() async throws {
        try await TestServer.run(adjust: { $0.limits.maxQueuedOutboundBytes = 1 << 20 }) { test in
            let client = try await test.connect()
            let stream = client.openStream(TestServer.flood)
            try await stream.send([1])
            await test.probe.nextCancelled()
            let status = await #expect(throws: GRPCStatus.self) { for try await _ in stream.messages {} }
            #expect(status?.code == .resourceExhausted)
            #expect(try await client.unary(TestServer.echo, [1]) == [1])
            await client.close()
        }
    }
}

/// A client that speaks HTTP/2 without gRPC's manners.
final class RawPeer: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<RawPeerHandler>
    private let headers: AsyncStream<HeaderList>

    private init(channel: any Channel, handler: NIOLoopBound<RawPeerHandler>, headers: AsyncStream<HeaderList>) {
        self.channel = channel
        self.handler = handler
        self.headers = headers
    }

    static func connect(to address: TransportAddress, reads: Bool) async throws -> RawPeer {
        guard case .tcp(let host, let port) = address else { throw TransportError(.configuration, "TCP only") }
        let (headers, continuation) = AsyncStream.makeStream(of: HeaderList.self)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(RawPeerHandler(headers: continuation))
                }
            }
            .connect(host: host, port: port).get()
        let handler = try await channel.eventLoop.submit {
            let handler = try channel.pipeline.syncOperations.handler(type: RawPeerHandler.self)
            return NIOLoopBound(handler, eventLoop: channel.eventLoop)
        }.get()
        return RawPeer(channel: channel, handler: handler, headers: headers)
    }

    func request(_ headers: HeaderList, body: [UInt8] = []) async throws {
        try await self.channel.eventLoop.submit { [handler] in
            try handler.value.request(headers, body)
        }.get()
    }

    func request(_ headers: KeyValuePairs<String, String>, body: [UInt8] = []) async throws {
        try await self.request(HeaderList(headers), body: body)
    }

    func nextHeaders() async -> HeaderList? {
        for await list in self.headers { return list }
        return nil
    }

    /// Takes something of what has come, if it doesn't read by itself.
    func readOnce() { self.channel.read() }

    func close() async { try? await self.channel.close().get() }
}

private final class RawPeerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let session: HTTP2Session
    private let headers: AsyncStream<HeaderList>.Continuation
    private var context: ChannelHandlerContext?

    init(headers: AsyncStream<HeaderList>.Continuation) throws {
        var configuration = HTTP2Configuration()
        configuration.initialStreamWindowBytes = HTTP2Configuration.maxWindowBytes
        configuration.connectionWindowBytes = HTTP2Configuration.maxWindowBytes
        self.session = try HTTP2Session(role: .client, configuration: configuration)
        self.headers = headers
    }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        self.flush()
    }

    func channelInactive(context: ChannelHandlerContext) { self.context = nil }

    func request(_ headers: HeaderList, _ body: [UInt8]) throws {
        let stream = try self.session.submitRequest(headers: headers, endStream: body.isEmpty)
        if !body.isEmpty { try self.session.sendData(streamID: stream, body) }
        self.flush()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.unwrapInboundIn(data).withUnsafeReadableBytes { bytes in
            try? self.session.receive(bytes) { event in
                if case .headers(_, let list) = event { self.headers.yield(list) }
            }
        }
        self.flush()
    }

    private func flush() {
        guard let context else { return }
        var buffer = ByteBuffer()
        try? self.session.output { _ = buffer.writeBytes($0) }
        context.writeAndFlush(self.wrapOutboundOut(buffer), promise: nil)
    }
}
