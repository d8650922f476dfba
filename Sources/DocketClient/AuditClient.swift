@_exported public import DocketModel
internal import Logging
internal import Metrics
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Sends audit events to a Docket collector.
///
/// ``emit(_:)`` hands an event over and returns; batches are sent in the background, pipelined on one connection, and
/// sent again under the same sequence until the collector has answered, so that each event is stored exactly once.
///
/// ```swift
/// let client = try AuditClient(.init(target: "127.0.0.1:7480", token: token))
/// client.emit(Event(eventID: .new(), type: "authz.decision", occurredAt: .now, actor: Actor(kind: "user", id: "alice")))
/// try await client.flush()
/// await client.shutdown()
/// ```
public final class AuditClient: Sendable {
    private struct Waiter {
        /// The waiter is content once every batch below this number is answered.
        let endSequence: Int64
        let continuation: CheckedContinuation<Result<Void, ClientError>, Never>
    }

    private struct State {
        var buffer: EmitBuffer
        /// Batches that were taken from the buffer and aren't answered.
        var unanswered: Set<Int64> = []
        var failure: ClientError?
        var waiters: [UInt64: Waiter] = [:]
        var nextWaiter: UInt64 = 0
        var droppedCount = 0
        var unreportedDrops = 0
    }

    private let configuration: Configuration
    private let publisher: Publisher
    private let timers: any EventLoop
    private let producerID: ProducerID
    private let state: Mutex<State>
    private let emitted = Counter(label: "docket_client_events_emitted_total")
    private let dropped = Counter(label: "docket_client_events_dropped_total")
    private let acknowledged = Counter(label: "docket_client_batches_acknowledged_total")

    /// A client. It connects when the first batch is ready.
    ///
    /// - Throws: ``ClientError`` when a setting can't work.
    public init(_ configuration: Configuration) throws(ClientError) {
        try configuration.validate()
        let group = MultiThreadedEventLoopGroup.singleton
        var generator = SystemRandomNumberGenerator()
        let producerID = configuration.producerID ?? .random(using: &generator)
        self.configuration = configuration
        self.producerID = producerID
        self.timers = group.next()
        self.publisher = try Publisher(configuration, group: group)
        let bounds = EmitBuffer.Bounds(
            maxBatchEvents: configuration.maxBatchEvents, maxBatchBytes: configuration.maxBatchBytes,
            maxQueueBytes: configuration.maxQueueBytes)
        self.state = Mutex(
            State(buffer: EmitBuffer(bounds: bounds, tenant: configuration.tenant ?? "", producerID: producerID)))
    }

    /// How many events were dropped because the queue was full, the client shut down, or the event too large.
    public var droppedCount: Int { self.state.withLock { $0.droppedCount } }

    /// Why the newest attempt to send failed; `nil` while all is well.
    public var lastError: ClientError? { self.publisher.lastError }

    // MARK: Emitting

    /// Hands an event over. Never blocks for I/O and never throws: when the queue is full the event is dropped and counted.
    public func emit(_ event: Event) {
        let outcome = self.state.withLock { state in
            let outcome = state.buffer.append(event)
            if outcome == .dropped || outcome == .tooLarge {
                state.droppedCount += 1
                state.unreportedDrops += 1
            }
            return outcome
        }
        switch outcome {
        case .added:
            break
        case .opened:
            self.timers.scheduleTask(in: .milliseconds(Int64(self.configuration.lingerMilliseconds))) { [weak self] in
                self?.send(includingOpen: true)
            }
        case .sealed:
            self.send(includingOpen: false)
        case .dropped, .tooLarge:
            self.reportDrop()
            return
        }
        self.emitted.increment()
    }

    /// Sends what has been emitted so far and waits until the collector has answered all of it.
    ///
    /// - Throws: ``ClientError`` when a batch was refused for good, or nothing came within the time allowed; what was
    ///   sent may still be stored.
    public func flush(timeout: Duration = .seconds(30)) async throws(ClientError) {
        self.send(includingOpen: true)
        let number = self.state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        let timer = self.timers.scheduleTask(in: TimeAmount(timeout)) { [weak self] in
            self?.giveUpWaiting(number, timeout)
        }
        defer { timer.cancel() }
        let result = await withCheckedContinuation { continuation in
            let settled: Result<Void, ClientError>? = self.state.withLock { state in
                guard !state.unanswered.isEmpty else {
                    defer { state.failure = nil }
                    return state.failure.map { .failure($0) } ?? .success(())
                }
                state.waiters[number] = Waiter(endSequence: state.buffer.nextSequence, continuation: continuation)
                return nil
            }
            if let settled { continuation.resume(returning: settled) }
        }
        try result.get()
    }

    /// Sends what is left, waits for the answers as ``flush(timeout:)`` does, and closes the connection. Events emitted
    /// afterwards are dropped and counted.
    public func shutdown(timeout: Duration = .seconds(10)) async {
        self.state.withLock { $0.buffer.close() }
        do {
            try await self.flush(timeout: timeout)
        } catch {
            self.configuration.logger.error("shut down with events unanswered", metadata: ["error": "\(error)"])
        }
        await self.publisher.shutDown()
    }

    // MARK: Numbered batches

    /// Publishes a batch under a number of the caller's own and returns its verdict: for processes that cut batches
    /// themselves, such as importers. Not to be mixed with ``emit(_:)`` on one client, which numbers batches itself.
    package func publish(_ events: [Event], sequence: Int64) async throws(ClientError) -> Verdict {
        let batch = SealedBatch(
            events: events, tenant: self.configuration.tenant ?? "", producerID: self.producerID, sequence: sequence)
        let result = await withCheckedContinuation { continuation in
            self.publisher.submit(batch) { _, result in continuation.resume(returning: result) }
        }
        return try result.get()
    }

    // MARK: Batches

    private func send(includingOpen: Bool) {
        let batches = self.state.withLock { state in
            let batches = state.buffer.takeSealed(includingOpen: includingOpen)
            state.unanswered.formUnion(batches.map(\.sequence))
            return batches
        }
        for batch in batches {
            self.publisher.submit(batch) { batch, result in self.answered(batch, result) }
        }
    }

    private func answered(_ batch: SealedBatch, _ result: Result<Verdict, ClientError>) {
        let content = self.state.withLock { state -> [(Waiter, Result<Void, ClientError>)] in
            state.buffer.answered(batch)
            state.unanswered.remove(batch.sequence)
            if case .failure(let error) = result {
                state.failure = error
                state.droppedCount += batch.eventCount
            }
            let oldest = state.unanswered.min() ?? Int64.max
            let content = state.waiters.filter { $0.value.endSequence <= oldest }
            for key in content.keys { state.waiters[key] = nil }
            let outcome: Result<Void, ClientError> = state.failure.map { .failure($0) } ?? .success(())
            if !content.isEmpty { state.failure = nil }
            return content.values.map { ($0, outcome) }
        }
        for (waiter, outcome) in content { waiter.continuation.resume(returning: outcome) }
        switch result {
        case .success(let verdict):
            self.acknowledged.increment()
            for rejection in verdict.rejections { self.configuration.onRejection?(rejection) }
        case .failure(let error):
            self.dropped.increment(by: batch.eventCount)
            self.configuration.logger.error(
                "a batch was given up", metadata: ["events": "\(batch.eventCount)", "error": "\(error)"])
        }
    }

    private func giveUpWaiting(_ number: UInt64, _ timeout: Duration) {
        guard let waiter = self.state.withLock({ $0.waiters.removeValue(forKey: number) }) else { return }
        let why = self.lastError.map { ": \($0.message)" } ?? ""
        waiter.continuation.resume(
            returning: .failure(ClientError(code: .timedOut, message: "no answer within \(timeout)\(why)")))
    }

    /// Says that events are being lost, at most once a second.
    private func reportDrop() {
        self.dropped.increment()
        let isFirst = self.state.withLock { $0.unreportedDrops == 1 }
        guard isFirst else { return }
        self.timers.scheduleTask(in: .seconds(1)) { [weak self] in
            guard let self else { return }
            let count = self.state.withLock { state in
                defer { state.unreportedDrops = 0 }
                return state.unreportedDrops
            }
            self.configuration.logger.error(
                "events were dropped: the queue is full, or they are too large",
                metadata: ["events": "\(count)", "max_queue_bytes": "\(self.configuration.maxQueueBytes)"])
        }
    }
}
