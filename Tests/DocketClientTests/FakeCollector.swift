import DocketCodec
import DocketGRPC
import DocketMessages
import DocketModel
import DocketRPC
import DocketTransport
import Logging
import NIOPosix
import Synchronization

@testable import DocketClient

/// A server with the collector's stream method, on a port of its own, that answers as the test says.
final class FakeCollector: Sendable {
    /// Answers the given request, on the connection's loop.
    typealias Answer = @Sendable (_ sequence: Int64, _ call: ServerCallContext) -> Void

    /// What happens at the server, in order.
    enum Event: Sendable, Equatable {
        case received(sequence: Int64)
        case cancelled
    }

    let server: RPCServer
    let target: String
    let events: AsyncStream<Event>
    private let received: Log<Int64>

    /// The sequences of the requests that came, in order.
    var sequences: [Int64] { self.received.entries }

    private init(server: RPCServer, target: String, events: AsyncStream<Event>, received: Log<Int64>) {
        self.server = server
        self.target = target
        self.events = events
        self.received = received
    }

    /// Starts a collector, runs the test, and stops the collector however the test ends.
    static func run(
        maxMessageBytes: Int = 4 << 20, refusing refusal: GRPCStatus? = nil, requests: Log<[UInt8]> = Log(),
        answer: @escaping Answer,
        _ body: (FakeCollector) async throws -> Void
    ) async throws {
        let (events, continuation) = AsyncStream.makeStream(of: Event.self)
        let received = Log<Int64>()
        var configuration = RPCServerConfiguration(address: .tcp(host: "127.0.0.1", port: 0))
        configuration.limits.maxMessageBytes = maxMessageBytes
        configuration.shutdownGrace = .milliseconds(100)
        let server = RPCServer(
            configuration: configuration, budget: MemoryBudget(limitBytes: 64 << 20),
            group: MultiThreadedEventLoopGroup.singleton,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        ) { methods in
            methods.register("docket.v1.CollectorService", "PublishStream") { call throws(GRPCStatus) in
                if let refusal { throw refusal }
                call.sendHeaders()
                return StreamHandler(answer: answer, received: received, requests: requests, events: continuation)
            }
        }
        let address = try await server.start()
        let collector = FakeCollector(server: server, target: "\(address)", events: events, received: received)
        do {
            try await body(collector)
        } catch {
            await server.shutDown()
            throw error
        }
        await server.shutDown()
    }

    /// A client of this collector, impatient.
    func client(
        logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        adjust: (inout AuditClient.Configuration) -> Void = { _ in }
    ) throws -> AuditClient {
        try AuditClient(self.configuration(logger: logger, adjust: adjust))
    }

    func configuration(
        logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        adjust: (inout AuditClient.Configuration) -> Void = { _ in }
    ) -> AuditClient.Configuration {
        var configuration = AuditClient.Configuration(target: self.target, token: "t")
        configuration.initialBackoffMilliseconds = 1
        configuration.maxBackoffMilliseconds = 5
        configuration.logger = logger
        adjust(&configuration)
        return configuration
    }

    /// Returns once the collector has seen this.
    func waitFor(_ awaited: Event) async {
        for await event in self.events where event == awaited { return }
    }

    // MARK: Answers

    static func accept(_ sequence: Int64, _ call: ServerCallContext) {
        call.send(encodePublishResponse(sequence: sequence, verdict: Self.verdict()))
    }

    static func verdict(rejections: [Rejection] = []) -> Verdict {
        Verdict(
            acceptedCount: 1, rejections: rejections,
            receipt: Receipt(
                batchID: 1, root: [], durability: .committed, receivedAt: Timestamp(microsecondsSinceEpoch: 0),
                contentHash: []))
    }

    static func refuse(
        _ sequence: Int64, _ call: ServerCallContext, _ code: GRPCCode, details: [StatusDetail] = []
    ) {
        let status = StatusMessage(code: Int32(code.rawValue), message: "refused", details: details)
        call.send(encodePublishResponse(sequence: sequence, status: status.serialized()))
    }
}

private final class StreamHandler: ServerCallHandler {
    private let answer: FakeCollector.Answer
    private let received: Log<Int64>
    private let requests: Log<[UInt8]>
    private let events: AsyncStream<FakeCollector.Event>.Continuation

    init(
        answer: @escaping FakeCollector.Answer, received: Log<Int64>, requests: Log<[UInt8]>,
        events: AsyncStream<FakeCollector.Event>.Continuation
    ) {
        self.answer = answer
        self.received = received
        self.requests = requests
        self.events = events
    }

    func receive(_ message: InboundMessage, call: ServerCallContext) {
        guard let sequence = publishRequestSequence(in: message.bytes, maxFields: .max) else {
            call.finish(GRPCStatus(.invalidArgument, "no sequence"))
            return
        }
        self.received.append(sequence)
        self.requests.append(message.bytes)
        self.answer(sequence, call)
        // Last, so that whoever waits for it finds what the answer has left behind.
        self.events.yield(.received(sequence: sequence))
    }

    // As one that waits for PostgreSQL: only a stream that is cancelled ends.
    func receiveEnd(call: ServerCallContext) {}

    func cancelled(call: ServerCallContext) { self.events.yield(.cancelled) }
}

/// A list that several threads append to.
final class Log<Entry: Sendable>: Sendable {
    private let list = Mutex<[Entry]>([])

    var entries: [Entry] { self.list.withLock { $0 } }

    func append(_ entry: Entry) { self.list.withLock { $0.append(entry) } }
}

/// Keeps what is logged, with the `events` that the line counts.
struct KeepingLogHandler: LogHandler {
    let lines: Log<String>
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    static func logger(_ lines: Log<String>) -> Logger {
        Logger(label: "test") { _ in KeepingLogHandler(lines: lines) }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let count = event.metadata?["events"].map { "\($0) " } ?? ""
        self.lines.append("\(count)\(event.message)")
    }
}

/// A batch whose answer is held back.
struct HeldBatch: Sendable {
    let sequence: Int64
    let call: ServerCallReference
}
