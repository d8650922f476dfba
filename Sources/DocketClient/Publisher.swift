internal import DocketCodec
package import DocketGRPC
internal import DocketHeaders
internal import DocketMessages
internal import DocketModel
internal import DocketRPC
internal import DocketTransport
internal import Logging
internal import NIOCore
internal import Synchronization

/// Sends batches on one stream and tells what became of each: the I/O around ``PublishMachine``.
///
/// The machine is behind a lock; its actions are performed after unlocking. Two threads may so perform actions in another
/// order than they were decided in, which costs at most a batch that is sent twice: the collector answers the second
/// one with the first one's verdict.
final class Publisher: Sendable {
    typealias Completion = @Sendable (SealedBatch, Result<Verdict, ClientError>) -> Void

    private struct Pending {
        let batch: SealedBatch
        let completion: Completion
    }

    private struct Stream {
        let number: Int
        let connection: ClientConnection
        let call: ClientCallReference
    }

    private struct State {
        var machine: PublishMachine
        var pending: [Int64: Pending] = [:]
        var stream: Stream?
        /// Counts attempts to connect, so that news of an earlier one are told apart.
        var streamNumber = 0
        var connecting: Task<Void, Never>?
        var lastError: ClientError?
        var isShutDown = false
    }

    private let configuration: AuditClient.Configuration
    private let address: TransportAddress
    private let group: any EventLoopGroup
    private let timers: any EventLoop
    private let state: Mutex<State>

    init(_ configuration: AuditClient.Configuration, group: any EventLoopGroup) throws(ClientError) {
        guard let address = TransportAddress(parsing: configuration.target) else {
            throw ClientError(
                code: .invalidConfiguration,
                message: "target is '\(configuration.target)'; it must be HOST:PORT, [IPV6]:PORT or unix:PATH")
        }
        var policy = PublishMachine.RetryPolicy()
        policy.initialBackoffMilliseconds = Int64(configuration.initialBackoffMilliseconds)
        policy.maxBackoffMilliseconds = Int64(configuration.maxBackoffMilliseconds)
        policy.maxAttempts = configuration.maxAttempts
        self.configuration = configuration
        self.address = address
        self.group = group
        self.timers = group.next()
        self.state = Mutex(
            State(machine: PublishMachine(maxInFlightBatches: configuration.maxInFlightBatches, policy: policy)))
    }

    /// Why the newest attempt failed; `nil` while all is well.
    var lastError: ClientError? { self.state.withLock { $0.lastError } }

    /// Takes a batch. `completion` is called exactly once, on any thread.
    func submit(_ batch: SealedBatch, completion: @escaping Completion) {
        let actions = self.state.withLock { state -> [PublishMachine.Action]? in
            guard !state.isShutDown else { return nil }
            state.pending[batch.sequence] = Pending(batch: batch, completion: completion)
            return state.machine.enqueue(batch.sequence, now: Self.now())
        }
        guard let actions else {
            completion(batch, .failure(ClientError(code: .shutDown, message: "the client has been shut down")))
            return
        }
        self.perform(actions)
    }

    /// Gives up whatever isn't answered and closes the connection.
    func shutDown() async {
        let error = ClientError(code: .shutDown, message: "the client was shut down before the collector answered")
        let (actions, stream, connecting) = self.state.withLock { state in
            state.isShutDown = true
            defer {
                state.stream = nil
                state.connecting = nil
            }
            return (state.machine.abandon(error), state.stream, state.connecting)
        }
        self.perform(actions)
        connecting?.cancel()
        await connecting?.value
        stream?.call.end()
        await stream?.connection.shutDown()
    }

    // MARK: Actions

    private func perform(_ actions: [PublishMachine.Action]) {
        for action in actions {
            switch action {
            case .openStream:
                self.openStream()
            case .send(let sequence):
                let (call, frame) = self.state.withLock { ($0.stream?.call, $0.pending[sequence]?.batch.frame) }
                if let call, let frame { call.sendFrame(frame) }
            case .complete(let sequence, let result):
                let pending = self.state.withLock { $0.pending.removeValue(forKey: sequence) }
                if let pending { pending.completion(pending.batch, result) }
            case .wake(let time):
                let delay = TimeAmount.nanoseconds(max(0, time - Self.now()))
                self.timers.scheduleTask(in: delay) { [weak self] in
                    guard let self else { return }
                    self.perform(self.state.withLock { $0.machine.wake(now: Self.now()) })
                }
            case .closeStream:
                self.state.withLock { $0.stream?.call }?.end()
            }
        }
    }

    /// Connects and opens the stream. The task belongs to the publisher: `shutDown` cancels it and waits for its end.
    private func openStream() {
        self.state.withLock { state in
            guard !state.isShutDown else { return }
            state.streamNumber += 1
            let number = state.streamNumber
            state.connecting = Task { await self.connect(streamNumber: number) }
        }
    }

    private func connect(streamNumber: Int) async {
        let tls: ClientTLS? =
            switch self.configuration.security {
            case .plaintext: nil
            case .tls(let trustFile): ClientTLS(trustFile: trustFile)
            }
        do {
            let connection = try await ClientConnection.connect(
                to: self.address, tls: tls, group: self.group
            ) { [weak self] state in
                // A collector that takes its leave (GOAWAY) finishes what it has; the next stream goes elsewhere.
                if case .draining = state { self?.drainStream(number: streamNumber) }
            }
            await self.start(on: connection, streamNumber: streamNumber)
        } catch {
            self.lost(
                streamNumber: streamNumber, ClientError(code: .unavailable, message: "\(error)"), isPermanent: false)
        }
    }

    private func start(on connection: ClientConnection, streamNumber: Int) async {
        let options = ClientCallOptions(metadata: HeaderList(["authorization": "Bearer \(self.configuration.token)"]))
        let call = connection.start(
            "/docket.v1.CollectorService/PublishStream", options: options,
            receiver: StreamReceiver(publisher: self, number: streamNumber))
        let actions = self.state.withLock { state -> [PublishMachine.Action]? in
            guard !state.isShutDown, state.streamNumber == streamNumber else { return nil }
            state.stream = Stream(number: streamNumber, connection: connection, call: call)
            return state.machine.streamOpened(now: Self.now())
        }
        guard let actions else {
            await connection.close()
            return
        }
        self.perform(actions)
    }

    /// Half-closes the stream: the collector answers what it has and ends it.
    private func drainStream(number: Int) {
        let call = self.state.withLock { $0.stream?.number == number ? $0.stream?.call : nil }
        call?.end()
    }

    // MARK: News

    fileprivate func received(_ message: [UInt8], streamNumber: Int) {
        do {
            let response = try decodePublishResponse(message)
            switch response.result {
            case .verdict(let verdict):
                self.perform(
                    self.state.withLock { state in
                        state.lastError = nil
                        return state.machine.accepted(response.sequence, verdict, now: Self.now())
                    })
            case .status(let bytes):
                self.refused(response.sequence, try StatusMessage(serialized: bytes))
            }
        } catch {
            let call = self.state.withLock { $0.stream?.number == streamNumber ? $0.stream?.call : nil }
            call?.cancel(GRPCStatus(.internal, "the collector's answer can't be read: \(error)"))
        }
    }

    private func refused(_ sequence: Int64, _ status: StatusMessage) {
        let code = GRPCCode(rawValue: Int(status.code)) ?? .unknown
        let error = ClientError(status: GRPCStatus(code, status.message))
        let retryAfter = Self.retryDelayMilliseconds(in: status)
        let isPermanent = !code.mayPass || (code == .resourceExhausted && retryAfter == nil)
        self.perform(
            self.state.withLock { state in
                state.lastError = error
                return state.machine.refused(
                    sequence, error, isPermanent: isPermanent, retryAfterMilliseconds: retryAfter, now: Self.now(),
                    jitter: Double.random(in: 0...1))
            })
    }

    /// The pause that the collector asks for.
    private static func retryDelayMilliseconds(in status: StatusMessage) -> Int64? {
        for case .retryInfo(let delay) in status.details {
            let (seconds, attoseconds) = delay.components
            return min(max(seconds, 0), 3600) * 1000 + attoseconds / 1_000_000_000_000_000
        }
        return nil
    }

    fileprivate func ended(_ status: GRPCStatus, streamNumber: Int) {
        let error =
            status.isOK
            ? ClientError(code: .unavailable, message: "the collector ended the stream") : ClientError(status: status)
        self.lost(streamNumber: streamNumber, error, isPermanent: !status.isOK && !status.code.mayPass)
    }

    private func lost(streamNumber: Int, _ error: ClientError, isPermanent: Bool) {
        let (actions, connection) = self.state.withLock { state -> ([PublishMachine.Action], ClientConnection?) in
            guard state.streamNumber == streamNumber, !state.isShutDown else { return ([], nil) }
            let connection = state.stream?.connection
            state.stream = nil
            state.lastError = error
            return (
                state.machine.streamLost(
                    error, isPermanent: isPermanent, now: Self.now(), jitter: Double.random(in: 0...1)), connection
            )
        }
        if !actions.isEmpty {
            self.configuration.logger.warning(
                "the stream to the collector is lost; what it has not answered is sent again",
                metadata: ["target": "\(self.configuration.target)", "error": "\(error)"])
        }
        self.perform(actions)
        connection?.closeNow()
    }

    /// Nanoseconds of a monotonic clock.
    static func now() -> Int64 { Int64(NIODeadline.now().uptimeNanoseconds) }
}

/// Passes on what comes on a stream, with the stream's number.
private final class StreamReceiver: ClientCallReceiver {
    private weak let publisher: Publisher?
    private let number: Int

    init(publisher: Publisher, number: Int) {
        self.publisher = publisher
        self.number = number
    }

    func message(_ bytes: [UInt8]) { self.publisher?.received(bytes, streamNumber: self.number) }

    func finished(_ status: GRPCStatus, trailers: HeaderList) {
        self.publisher?.ended(status, streamNumber: self.number)
    }
}

extension GRPCCode {
    /// Whether the same request may succeed later without anybody mending anything.
    var mayPass: Bool {
        switch self {
        case .unavailable, .resourceExhausted, .aborted, .deadlineExceeded, .cancelled, .internal, .unknown: true
        default: false
        }
    }
}

extension ClientError {
    /// The error of a gRPC status.
    package init(status: GRPCStatus) {
        let code: Code =
            switch status.code {
            case .unauthenticated, .permissionDenied: .unauthorized
            case .unavailable, .cancelled, .aborted, .unknown, .internal: .unavailable
            case .deadlineExceeded: .timedOut
            case .resourceExhausted: .tooLarge
            default: .refused
            }
        self.init(code: code, message: status.description)
    }
}
