@_exported public import DocketEvents
@_exported public import DocketModel
internal import DocketJournal
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Sends audit events to a Docket collector.
///
/// There are three ways to emit, by what has happened when they return:
///
/// | | returns when the event is | throws |
/// | --- | --- | --- |
/// | ``emit(_:)`` | in the queue, or dropped and counted | never |
/// | ``emitDurably(_:)`` | synced in the local journal | when it isn't |
/// | ``emitAndWait(_:timeout:)`` | committed by the collector | when it isn't |
///
/// Batches are sent in the background, pipelined on one connection, and sent again under the same sequence until a collector has
/// answered, so that each event is stored exactly once.
///
/// ```swift
/// let client = try AuditClient(.init(target: "127.0.0.1:7480", token: token))
/// client.emit(Event("authz.decision").by(.user("alice")).doing("delete").on("document", "42").decided(.deny))
/// try await client.flush()
/// await client.shutdown()
/// ```
public final class AuditClient: Sendable {
    let configuration: Configuration
    let publisher: Publisher
    let timers: any EventLoop
    let producerID: ProducerID
    let journal: Journal?
    let pump: JournalPump?
    let state: Mutex<ClientState>
    let metrics: ClientMetrics

    /// A client without a journal. It connects when the first batch is ready.
    ///
    /// - Throws: ``ClientError`` when a setting can't work.
    public convenience init(_ configuration: Configuration) throws(ClientError) {
        guard configuration.journal == nil else {
            throw ClientError(
                code: .invalidConfiguration,
                message: "a journal is set, which takes a while to open: make the client with 'await AuditClient.open'")
        }
        try self.init(configuration, journal: nil)
    }

    /// A client, with a journal if the configuration has one. What an earlier process has left there is sent first, under the names
    /// that it had given its batches, so that nothing is stored twice.
    ///
    /// - Throws: ``ClientError`` when a setting can't work, or the journal can't be used: another process has it open, or its files
    ///   are damaged (`docket journal fsck` tells more).
    public static func open(_ configuration: Configuration) async throws(ClientError) -> AuditClient {
        try configuration.validate()
        guard let settings = configuration.journal else { return try AuditClient(configuration) }
        let journal: Journal
        do throws(JournalError) {
            journal = try await Journal.open(settings.path, options: configuration.journalOptions(settings))
        } catch {
            throw ClientError(error)
        }
        let client = try AuditClient(configuration, journal: journal)
        client.startPump()
        return client
    }

    private init(_ configuration: Configuration, journal: Journal?) throws(ClientError) {
        try configuration.validate()
        let group = MultiThreadedEventLoopGroup.singleton
        var generator = SystemRandomNumberGenerator()
        let producerID = configuration.producerID ?? .random(using: &generator)
        self.configuration = configuration
        self.producerID = producerID
        self.timers = group.next()
        let metrics = ClientMetrics()
        let publisher = try Publisher(configuration, group: group, metrics: metrics)
        self.metrics = metrics
        self.publisher = publisher
        self.journal = journal
        self.pump = try journal.map { journal throws(ClientError) in
            JournalPump(
                journal, own: producerID, publisher: publisher,
                recovery: try Publisher(configuration, group: group, metrics: metrics),
                compression: configuration.compression, windowBytes: configuration.journalWindowBytes,
                logger: configuration.logger)
        }
        let bounds = EmitBuffer.Bounds(
            maxBatchEvents: configuration.maxBatchEvents, maxBatchBytes: configuration.maxBatchBytes,
            maxQueueBytes: configuration.maxQueueBytes - configuration.journalWindowBytes)
        self.state = Mutex(
            ClientState(
                buffer: EmitBuffer(bounds: bounds, tenant: configuration.tenant ?? "", producerID: producerID)))
    }

    /// A client that is released without ``shutdown(timeout:)`` loses the events of the batch that it was filling, and
    /// says so. It isn't released before the batches that it has sent are answered.
    deinit {
        self.pump?.stop()
        let lost = self.state.withLock { state in
            let lost = state.buffer.untakenEventCount
            if lost > 0 { _ = state.drops.add(.abandoned, count: lost) }
            return lost
        }
        if lost > 0 { self.metrics.dropped(.abandoned, lost) }
        self.logDrops()
    }

    /// What became of the events so far.
    public var statistics: Statistics {
        var statistics = self.state.withLock { $0.statistics }
        statistics.journalBytes = self.journal?.status.filesBytes ?? 0
        return statistics
    }

    /// How many events were lost, for whatever reason; ``statistics`` has the reasons.
    public var droppedCount: Int { self.state.withLock { $0.drops.totalCount } }

    /// Why the newest attempt to send failed; `nil` while all is well.
    public var lastError: ClientError? { self.publisher.lastError }

    // MARK: Flushing

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

    /// Sends what is left, waits for the answers as ``flush(timeout:)`` does, and closes the connection. What isn't answered by then
    /// goes into the journal, if there is one; without it, it is dropped and counted. So is what is handed to
    /// ``emit(_:)`` afterwards; the other ways throw. A cancelled task waits as well: cleaning up is what it does last.
    ///
    /// - Parameter timeout: how long to wait for answers; closing takes a second more at the most.
    public func shutdown(timeout: Duration = .seconds(10)) async {
        self.reportDropsToCollector()
        self.state.withLock { $0.buffer.close() }
        let (number, answer) = self.beginFlush()
        if case .failure(let error) = await self.wait(for: answer, number, timeout) {
            self.configuration.logger.error("shut down with events unanswered", metadata: ["error": "\(error)"])
        }
        await self.pump?.shutDown()
        await self.publisher.shutDown()
        await self.closeJournal()
        self.state.withLock { $0.takeWaiters() }.settle()
        self.logDrops()
    }

    private func beginFlush() -> (number: UInt64, answer: FlushLedger.Answer) {
        self.send(.all)
        return self.state.withLock { $0.flushes.begin(endSequence: $0.buffer.nextSequence) }
    }

    private func endFlush(_ number: UInt64, _ error: ClientError) {
        self.state.withLock { $0.flushes.end(number, error) }?.settle()
    }

    private func wait(
        for answer: FlushLedger.Answer, _ number: UInt64, _ timeout: Duration
    ) async -> Result<Void, ClientError> {
        let timer = self.timers.scheduleTask(in: TimeAmount(timeout)) { [weak self] in
            self.map { $0.endFlush(number, $0.timedOut(timeout)) }
        }
        defer { timer.cancel() }
        return await answer.value()
    }

    /// The error of somebody who waited for too long; it tells why nothing came.
    func timedOut(_ timeout: Duration) -> ClientError {
        let why = self.lastError.map { ": \($0.message)" } ?? ""
        return ClientError(code: .timedOut, message: "no answer within \(timeout)\(why)")
    }
}
