import DocketGRPC
import DocketHeaders
import DocketRPC
import DocketTransport
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// What the handlers of a ``TestServer`` tell the test, in order.
final class Probe: Sendable {
    enum Event: Sendable {
        /// A held call has come: the test answers it by the reference.
        case held(ServerCallReference, InboundMessage)
        case asyncStarted
        case cancelled
    }

    let events: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    let receivedBytes = Atomic<Int>(0)
    let cancelledCount = Atomic<Int>(0)
    /// How many messages a streaming method has got rid of.
    let sentCount = Atomic<Int>(0)

    init() {
        (self.events, self.continuation) = AsyncStream.makeStream()
    }

    func report(_ event: Event) {
        if case .cancelled = event { self.cancelledCount.wrappingAdd(1, ordering: .relaxed) }
        self.continuation.yield(event)
    }

    /// The next held call.
    func nextHeld() async -> (reference: ServerCallReference, message: InboundMessage)? {
        for await event in self.events {
            if case .held(let reference, let message) = event { return (reference, message) }
        }
        return nil
    }

    /// Returns once an `async` method runs.
    func nextAsyncStarted() async {
        for await event in self.events {
            if case .asyncStarted = event { return }
        }
    }

    /// Returns once a handler has been cancelled.
    func nextCancelled() async {
        for await event in self.events {
            if case .cancelled = event { return }
        }
    }
}

/// A server with a few methods that tests need, on a port of its own.
struct TestServer {
    static let echo = "/test.Echo/Unary"
    static let asyncEcho = "/test.Echo/Async"
    static let asyncHang = "/test.Echo/AsyncHang"
    static let bidirectional = "/test.Echo/Bidirectional"
    static let count = "/test.Echo/Count"
    static let hold = "/test.Echo/Hold"
    static let refuse = "/test.Echo/Refuse"
    static let flood = "/test.Echo/Flood"
    static let pour = "/test.Echo/Pour"
    static let gzip = "/test.Echo/Gzip"
    static let stream = "/test.Echo/Stream"

    let server: RPCServer
    let address: TransportAddress
    let probe: Probe
    let budget: MemoryBudget

    static func start(
        address: TransportAddress = .tcp(host: "127.0.0.1", port: 0), tls: ServerTLS? = nil,
        budgetBytes: Int = 64 << 20, adjust: (inout RPCServerConfiguration) -> Void = { _ in }
    ) async throws -> TestServer {
        let probe = Probe()
        let budget = MemoryBudget(limitBytes: budgetBytes)
        var configuration = RPCServerConfiguration(address: address, tls: tls)
        // Of budgets as small as a test's there would be nothing left.
        configuration.limits.connectionBytes = 0
        adjust(&configuration)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let server = RPCServer(
            configuration: configuration, budget: budget, group: MultiThreadedEventLoopGroup.singleton, logger: logger
        ) { Self.register(&$0, probe) }
        return TestServer(server: server, address: try await server.start(), probe: probe, budget: budget)
    }

    /// Starts a server, runs the test, and stops the server however the test ends.
    static func run(
        tls: ServerTLS? = nil, budgetBytes: Int = 64 << 20,
        adjust: (inout RPCServerConfiguration) -> Void = { _ in }, _ body: (TestServer) async throws -> Void
    ) async throws {
        let test = try await Self.start(tls: tls, budgetBytes: budgetBytes) {
            $0.shutdownGrace = .milliseconds(100)
            adjust(&$0)
        }
        do {
            try await body(test)
        } catch {
            await test.server.shutDown()
            throw error
        }
        await test.server.shutDown()
    }

    func connect(
        tls: ClientTLS? = nil, limits: ClientConnectionLimits = ClientConnectionLimits(),
        stateChanged: @escaping @Sendable (ClientConnectionState) -> Void = { _ in }
    ) async throws -> ClientConnection {
        try await ClientConnection.connect(
            to: self.address, tls: tls, limits: limits, group: MultiThreadedEventLoopGroup.singleton,
            stateChanged: stateChanged)
    }

    private static func register(_ methods: inout RPCMethods, _ probe: Probe) {
        methods.register("test.Echo", "Unary") { _ in UnaryHandler { message, call in call.reply(message.bytes) } }
        methods.registerUnary("test.Echo", "Async") { _, message async throws(GRPCStatus) in message }
        methods.registerUnary("test.Echo", "AsyncHang") { _, message async throws(GRPCStatus) in
            probe.report(.asyncStarted)
            // Ends by cancellation only.
            await hangUntilCancelled()
            probe.report(.cancelled)
            throw GRPCStatus(.cancelled)
        }
        methods.register("test.Echo", "Bidirectional") { call in
            call.sendHeaders()
            return EchoHandler(probe: probe)
        }
        methods.register("test.Echo", "Count") { _ in CountHandler(probe: probe) }
        methods.register("test.Echo", "Hold") { _ in HoldHandler(probe: probe) }
        methods.register("test.Echo", "Refuse") { call throws(GRPCStatus) in
            throw GRPCStatus(.permissionDenied, "no entry: \u{1F6AB}", retryPushbackMilliseconds: 250)
        }
        methods.register("test.Echo", "Flood") { _ in FloodHandler(probe: probe) }
        methods.register("test.Echo", "Pour") { _ in PourHandler(probe: probe) }
        methods.registerServerStream("test.Echo", "Stream", admit: { _ throws(GRPCStatus) in }) {
            _, message, replies throws(GRPCStatus) in
            // As many messages as the request has bytes, each as large as its byte says in KiB.
            defer { probe.report(.cancelled) }
            for size in message {
                try await replies.send([UInt8](repeating: 7, count: Int(size) << 10))
                probe.sentCount.wrappingAdd(1, ordering: .relaxed)
            }
        }
        methods.register("test.Echo", "Gzip") { _ in
            UnaryHandler { message, call in
                call.setReplyEncoding(.gzip)
                call.sendHeaders(HeaderList(["request-was-compressed": "\(message.wasCompressed)"]))
                call.send(message.bytes)
                call.finish(.ok, metadata: HeaderList(["x-end": "1"]))
            }
        }
    }
}

/// Answers every message with itself, on the loop.
private final class EchoHandler: ServerCallHandler {
    let probe: Probe
    init(probe: Probe) { self.probe = probe }
    func receive(_ message: InboundMessage, call: ServerCallContext) {
        self.probe.receivedBytes.wrappingAdd(message.bytes.count, ordering: .relaxed)
        call.send(message.bytes)
    }
    func receiveEnd(call: ServerCallContext) { call.finish(.ok) }
    func cancelled(call: ServerCallContext) { self.probe.report(.cancelled) }
}

/// Counts the bytes of all messages, and answers with the sum; from another thread.
private final class CountHandler: ServerCallHandler {
    let probe: Probe
    var sum = 0
    init(probe: Probe) { self.probe = probe }
    func receive(_ message: InboundMessage, call: ServerCallContext) { self.sum += message.bytes.count }
    func receiveEnd(call: ServerCallContext) {
        let (reference, sum) = (call.reference, self.sum)
        NIOThreadPool.singleton.submit { _ in reference.reply(Array("\(sum)".utf8)) }
    }
    func cancelled(call: ServerCallContext) { self.probe.report(.cancelled) }
}

/// Hands every message to the test, which answers.
private final class HoldHandler: ServerCallHandler {
    let probe: Probe
    init(probe: Probe) { self.probe = probe }
    func receive(_ message: InboundMessage, call: ServerCallContext) {
        self.probe.receivedBytes.wrappingAdd(message.bytes.count, ordering: .relaxed)
        self.probe.report(.held(call.reference, message))
    }
    func receiveEnd(call: ServerCallContext) {}
    func cancelled(call: ServerCallContext) { self.probe.report(.cancelled) }
}

/// Sends 64 KiB messages without looking at what the client takes.
private final class FloodHandler: ServerCallHandler {
    let probe: Probe
    init(probe: Probe) { self.probe = probe }
    func receive(_ message: InboundMessage, call: ServerCallContext) {
        let block = [UInt8](repeating: 7, count: 65_536)
        for _ in 0..<1_000 where call.isOpen { call.send(block) }
    }
    func receiveEnd(call: ServerCallContext) {}
    func cancelled(call: ServerCallContext) { self.probe.report(.cancelled) }
}

/// Sends 64 KiB whenever everything before has been taken, for ever.
private final class PourHandler: ServerCallHandler {
    let probe: Probe
    init(probe: Probe) { self.probe = probe }
    func receive(_ message: InboundMessage, call: ServerCallContext) { self.outboundDrained(call: call) }
    func outboundDrained(call: ServerCallContext) { call.send([UInt8](repeating: 7, count: 65_536)) }
    func receiveEnd(call: ServerCallContext) {}
    func cancelled(call: ServerCallContext) { self.probe.report(.cancelled) }
}

/// Returns when the task is cancelled.
func hangUntilCancelled() async {
    let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
    await withTaskCancellationHandler {
        for await _ in stream {}
    } onCancel: {
        continuation.finish()
    }
}
