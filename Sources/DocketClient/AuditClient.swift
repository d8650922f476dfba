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
    private struct State {
        var buffer: EmitBuffer
        var flushes = FlushLedger()
        var drops = DropTally()
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

    /// A client that is released without ``shutdown(timeout:)`` loses the events of the batch that it was filling, and
    /// says so. It isn't released before the batches that it has sent are answered.
    deinit {
        let report = self.state.withLock { state in
            let lost = state.buffer.untakenEventCount
            if lost > 0 {
                _ = state.drops.add(.abandoned, count: lost)
                self.dropped.increment(by: lost)
            }
            return state.drops.takeReport()
        }
        self.log(report)
    }

    /// How many events were lost: dropped because the queue was full, the client shut down or the event too large, or
    /// in a batch that was given up.
    public var droppedCount: Int { self.state.withLock { $0.drops.totalCount } }

    /// Why the newest attempt to send failed; `nil` while all is well.
    public var lastError: ClientError? { self.publisher.lastError }

    // MARK: Emitting

    /// Hands an event over. Never blocks for I/O and never throws: when the queue is full the event is dropped and counted.
    public func emit(_ event: Event) {
        let (outcome, mustReport) = self.state.withLock { state in
            let outcome = state.buffer.append(event)
            let mustReport = outcome.dropReason.map { state.drops.add($0) } ?? false
            return (outcome, mustReport)
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
        case .dropped, .closed, .tooLarge:
            self.dropped.increment()
            if mustReport { self.reportDropsSoon() }
            return
        }
        self.emitted.increment()
    }

    /// Sends what has been emitted so far and waits until the collector has answered all of it, and `onRejection` has
    /// been told.
    ///
    /// Cancelling the task ends the waiting, not the sending.
    ///
    /// - Throws: ``ClientError`` when a batch was refused for good, nothing came within the time allowed, or the task was
    ///   cancelled; what was sent may still be stored.
    public func flush(timeout: Duration = .seconds(30)) async throws(ClientError) {
        let (number, answer) = self.beginFlush()
        let result = await withTaskCancellationHandler {
            await self.wait(for: answer, number, timeout)
        } onCancel: {
            self.endFlush(number, .cancelled)
        }
        try result.get()
    }

    /// Sends what is left, waits for the answers as ``flush(timeout:)`` does, and closes the connection. Events emitted
    /// afterwards are dropped and counted. A cancelled task waits as well: cleaning up is what it does last.
    ///
    /// - Parameter timeout: how long to wait for answers; closing takes a second more at the most.
    public func shutdown(timeout: Duration = .seconds(10)) async {
        self.state.withLock { $0.buffer.close() }
        let (number, answer) = self.beginFlush()
        if case .failure(let error) = await self.wait(for: answer, number, timeout) {
            self.configuration.logger.error("shut down with events unanswered", metadata: ["error": "\(error)"])
        }
        await self.publisher.shutDown()
    }

    private func beginFlush() -> (number: UInt64, answer: FlushLedger.Answer) {
        self.send(includingOpen: true)
        return self.state.withLock { $0.flushes.begin(endSequence: $0.buffer.nextSequence) }
    }

    private func endFlush(_ number: UInt64, _ error: ClientError) {
        self.state.withLock { $0.flushes.end(number, error) }?.settle()
    }

    private func wait(
        for answer: FlushLedger.Answer, _ number: UInt64, _ timeout: Duration
    ) async -> Result<Void, ClientError> {
        let timer = self.timers.scheduleTask(in: TimeAmount(timeout)) { [weak self] in
            guard let self else { return }
            let why = self.lastError.map { ": \($0.message)" } ?? ""
            self.endFlush(number, ClientError(code: .timedOut, message: "no answer within \(timeout)\(why)"))
        }
        defer { timer.cancel() }
        return await answer.value()
    }

    // MARK: Numbered batches

    /// Publishes a batch under a number of the caller's own and returns its verdict: for processes that cut batches
    /// themselves, such as importers. Not to be mixed with ``emit(_:)`` on one client, which numbers batches itself.
    ///
    /// Cancelling the task ends the waiting at once; the batch may still be stored.
    ///
    /// - Parameter tenant: The tenant to write to; the configuration's otherwise.
    /// - Throws: ``ClientError`` when the batch was given up, or the task was cancelled.
    package func publish(
        _ events: [Event], sequence: Int64, tenant: String? = nil
    ) async throws(ClientError) -> Verdict {
        let batch = SealedBatch(
            events: events, tenant: tenant ?? self.configuration.tenant ?? "", producerID: self.producerID,
            sequence: sequence
        ).prepared(self.configuration.compression)
        let answer = OneAnswer<Result<Verdict, ClientError>>()
        let result = await withTaskCancellationHandler {
            if !Task.isCancelled { self.publisher.submit(batch) { _, result in answer.settle(result) } }
            return await answer.value()
        } onCancel: {
            answer.settle(.failure(.cancelled))
        }
        return try result.get()
    }

    // MARK: Batches

    private func send(includingOpen: Bool) {
        let batches = self.state.withLock { state in
            let batches = state.buffer.takeSealed(includingOpen: includingOpen)
            state.flushes.sent(batches.lazy.map(\.sequence))
            return batches
        }
        for batch in batches {
            self.publisher.submit(batch.prepared(self.configuration.compression)) { batch, result in
                self.answered(batch, result)
            }
        }
    }

    private func answered(_ batch: SealedBatch, _ result: Result<Verdict, ClientError>) {
        var failure: ClientError?
        // First of all, so that whoever waits for the answer finds everything told.
        switch result {
        case .success(let verdict):
            self.acknowledged.increment()
            for rejection in verdict.rejections { self.configuration.onRejection?(rejection) }
        case .failure(let error):
            failure = error
            self.dropped.increment(by: batch.eventCount)
            self.configuration.logger.error(
                "a batch was given up", metadata: ["events": "\(batch.eventCount)", "error": "\(error)"])
        }
        let settlements = self.state.withLock { state in
            state.buffer.answered(batch)
            if failure != nil { state.drops.addReported(batch.eventCount) }
            return state.flushes.answered(batch.sequence, failure: failure)
        }
        for settlement in settlements { settlement.settle() }
    }

    // MARK: Lost events

    /// Says that events are being lost, at most once a second.
    private func reportDropsSoon() {
        self.timers.scheduleTask(in: .seconds(1)) { [weak self] in
            guard let self else { return }
            self.log(self.state.withLock { $0.drops.takeReport() })
        }
    }

    private func log(_ report: [(reason: DropTally.Reason, count: Int)]) {
        for (reason, count) in report {
            self.configuration.logger.error("\(reason.text)", metadata: ["events": "\(count)"])
        }
    }
}

extension EmitBuffer.Outcome {
    /// Why the event was dropped; `nil` when it wasn't.
    fileprivate var dropReason: DropTally.Reason? {
        switch self {
        case .opened, .added, .sealed: nil
        case .dropped: .queueFull
        case .closed: .shutDown
        case .tooLarge: .tooLarge
        }
    }
}
