internal import DocketModel
internal import DocketRPC
internal import DocketTransport
internal import Metrics
internal import NIOCore
internal import Synchronization

/// Sends batches on one stream and tells what became of each: the I/O around ``PublishMachine``.
///
/// The machine is behind a lock; its actions are performed after unlocking, on the stream that they were decided for.
/// Two threads may so perform actions in another order than they were decided in, which the machine doesn't mind: what is
/// sent on a stream that has ended meanwhile is dropped, and sent again on the next.
final class Publisher: Sendable {
    typealias Completion = @Sendable (SealedBatch, Result<Verdict, ClientError>) -> Void

    struct Pending: Sendable {
        let batch: SealedBatch
        let sinceNanoseconds: Int64
        var completions: [Completion]
    }

    struct Stream: Sendable {
        let number: Int
        let endpoint: CollectorEndpoint
        let connection: ClientConnection
        let call: ClientCallReference
    }

    /// What is to be done, and on which stream.
    struct Decision: Sendable {
        let actions: [PublishMachine.Action]
        let stream: Stream?
    }

    struct State: Sendable {
        var machine: PublishMachine
        var endpoints: EndpointSet<CollectorEndpoint>
        /// How many batches the collector has refused in a row as UNAVAILABLE.
        var unavailableCount = 0
        /// How many answers have come on the stream.
        var answerCount = 0
        /// Since when the collector owes an answer and has given none; `nil` when it owes nothing.
        var silentSinceNanoseconds: Int64?
        var pending: [Int64: Pending] = [:]
        var stream: Stream?
        /// Counts attempts to connect, so that news of an earlier one are told apart.
        var streamNumber = 0
        /// The newest attempt that has ended: its call may end before its stream is stored.
        var endedStreamNumber = 0
        var connecting: Task<Void, Never>?
        var lastError: ClientError?
        var isShutDown = false
    }

    /// After how long a silence a PING asks whether the collector is still there: without it a peer that vanished keeps
    /// its unanswered batches until TCP gives up.
    private static let keepaliveInterval = Duration.seconds(30)
    /// After how many refusals as UNAVAILABLE in a row another collector is tried, if there is one.
    static let maxUnavailableAnswers = 3
    /// How long one collector may have everything wait by ending a stream, in milliseconds. A batch alone may wait for longer.
    static let maxRetryAfterMilliseconds: Int64 = 60_000
    /// The most events of a batch, and so the most of its rejections.
    static let maxRejections = 10_000
    /// How long a connection may take to end properly.
    private static let closeGrace = TimeAmount.seconds(1)

    let configuration: AuditClient.Configuration
    let resolver: EndpointResolver
    let limits: ClientConnectionLimits
    let group: any EventLoopGroup
    let state: Mutex<State>
    let metrics: ClientMetrics
    let timers: any EventLoop

    init(
        _ configuration: AuditClient.Configuration, group: any EventLoopGroup, metrics: ClientMetrics
    ) throws(ClientError) {
        self.resolver = try EndpointResolver(configuration.targets)
        var policy = PublishMachine.RetryPolicy()
        policy.initialBackoffMilliseconds = Int64(configuration.initialBackoffMilliseconds)
        policy.maxBackoffMilliseconds = Int64(configuration.maxBackoffMilliseconds)
        policy.maxAttempts = configuration.maxAttempts
        var limits = ClientConnectionLimits()
        limits.keepalive = KeepalivePace(interval: Self.keepaliveInterval)
        self.configuration = configuration
        self.limits = limits
        self.group = group
        self.metrics = metrics
        self.timers = group.next()
        self.state = Mutex(
            State(
                machine: PublishMachine(maxInFlightBatches: configuration.maxInFlightBatches, policy: policy),
                endpoints: EndpointSet([], offset: 0, policy: policy)))
    }

    /// Nobody waits for an answer any more: whoever did kept the client, and so the publisher.
    deinit {
        self.state.withLock { $0.stream }?.connection.closeNow()
    }

    /// Why the newest attempt failed; `nil` while all is well.
    var lastError: ClientError? { self.state.withLock { $0.lastError } }

    /// Takes a batch. `completion` is called exactly once, on any thread. A batch that is under way already, since
    /// whoever sent it stopped waiting, isn't sent anew: both get its answer.
    ///
    /// - Parameter isEvictable: whether it may be given up for newer ones (``evictOldest()``).
    func submit(_ batch: SealedBatch, isEvictable: Bool = true, completion: @escaping Completion) {
        let decision = self.state.withLock { state -> Result<Decision, ClientError> in
            guard !state.isShutDown else {
                return .failure(.shutDown)
            }
            if let pending = state.pending[batch.sequence] {
                guard pending.batch == batch else {
                    return .failure(
                        ClientError(
                            code: .refused,
                            message: "another batch \(batch.sequence) is under way; give new batches new sequences"))
                }
                state.pending[batch.sequence]?.completions.append(completion)
                return .success(Decision(actions: [], stream: nil))
            }
            state.pending[batch.sequence] = Pending(
                batch: batch, sinceNanoseconds: Self.now(), completions: [completion])
            let actions = state.machine.enqueue(batch.sequence, isEvictable: isEvictable, now: Self.now())
            return .success(Decision(actions: actions, stream: state.stream))
        }
        switch decision {
        case .success(let decision): self.perform(decision)
        case .failure(let error): completion(batch, .failure(error))
        }
    }

    /// Gives the oldest batch up that was never sent, to make room.
    ///
    /// - Returns: whether there was one.
    func evictOldest() -> Bool {
        let error = ClientError(code: .evicted, message: "the queue is full, and newer events came")
        let decision = self.state.withLock { Decision(actions: $0.machine.evictOldest(error), stream: nil) }
        self.perform(decision)
        return !decision.actions.isEmpty
    }

    /// Gives up whatever isn't answered and closes the connection: properly, when that takes no longer than a second.
    func shutDown() async {
        let error = ClientError(code: .shutDown, message: "the client was shut down before the collector answered")
        let (decision, connecting) = self.state.withLock { state in
            state.isShutDown = true
            defer {
                state.stream = nil
                state.connecting = nil
            }
            return (Decision(actions: state.machine.abandon(error), stream: state.stream), state.connecting)
        }
        self.perform(decision)
        connecting?.cancel()

        // A peer that stays silent must not hold up the caller, nor an attempt to connect that can't be called off: that
        // one finds out by itself when it ends.
        let connection = decision.stream?.connection
        let done = self.timers.makePromise(of: Void.self)
        let timer = self.timers.scheduleTask(in: Self.closeGrace) {
            connection?.closeNow()
            done.succeed()
        }
        Task {
            await connecting?.value
            await connection?.shutDown()
            done.succeed()
        }
        try? await done.futureResult.get()
        timer.cancel()
    }

    // MARK: Actions

    /// Changes the state, and performs what follows from it.
    func decide(_ change: (inout State) -> [PublishMachine.Action]) {
        self.perform(self.state.withLock { Decision(actions: change(&$0), stream: $0.stream) })
    }

    func perform(_ decision: Decision) {
        for action in decision.actions {
            switch action {
            case .openStream:
                self.openStream()
            case .send(let sequence):
                let frame = self.state.withLock { state in
                    if state.silentSinceNanoseconds == nil { state.silentSinceNanoseconds = Self.now() }
                    return state.pending[sequence]?.batch.frame
                }
                if let call = decision.stream?.call, let frame { call.sendFrame(frame) }
            case .complete(let sequence, let result):
                guard let pending = self.state.withLock({ $0.pending.removeValue(forKey: sequence) }) else { continue }
                if case .success = result {
                    self.metrics.batchSeconds.recordNanoseconds(Self.now() - pending.sinceNanoseconds)
                }
                for completion in pending.completions { completion(pending.batch, result) }
            case .wake(let time):
                let delay = TimeAmount.nanoseconds(max(0, time - Self.now()))
                self.timers.scheduleTask(in: delay) { [weak self] in
                    self?.decide { $0.machine.wake(now: Self.now()) }
                }
            case .closeStream:
                decision.stream?.call.end()
            }
        }
    }

    /// Nanoseconds of a monotonic clock.
    static func now() -> Int64 { Int64(NIODeadline.now().uptimeNanoseconds) }
}
