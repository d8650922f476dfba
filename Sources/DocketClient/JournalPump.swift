internal import DocketJournal
internal import DocketModel
internal import Logging
internal import Synchronization

/// Sends what is in the journal, in order, and acknowledges it there as answers come.
///
/// Batches of earlier processes come first, under the names that those had given them. They go by a connection of their own, one
/// producer at a time: on a stream a batch is known by its sequence alone. This process's batches wait for none of them.
final class JournalPump: Sendable {
    typealias Read = @Sendable (_ batch: SealedBatch, _ isOwn: Bool) -> Void
    typealias Answered = @Sendable (SealedBatch, Result<Verdict, ClientError>) -> Void

    private struct State: Sendable {
        var outstandingBytes = 0
        /// Of these, what earlier processes have left.
        var recoveryBytes = 0
        var waiter: OneAnswer<Void>?
        var task: Task<Void, Never>?

        mutating func add(_ bytes: Int, isOwn: Bool) {
            self.outstandingBytes += bytes
            if !isOwn { self.recoveryBytes += bytes }
        }
    }

    private let journal: Journal
    private let own: ProducerID
    private let publisher: Publisher
    private let recovery: Publisher
    private let compression: AuditClient.Configuration.Compression
    private let windowBytes: Int
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameters:
    ///   - own: this process's producer.
    ///   - publisher: sends this process's batches.
    ///   - recovery: sends those of others.
    ///   - windowBytes: how much is taken out of the journal and not answered, at the most; at least one batch.
    init(
        _ journal: Journal, own: ProducerID, publisher: Publisher, recovery: Publisher,
        compression: AuditClient.Configuration.Compression, windowBytes: Int, logger: Logger
    ) {
        self.journal = journal
        self.own = own
        self.publisher = publisher
        self.recovery = recovery
        self.compression = compression
        self.windowBytes = windowBytes
        self.logger = logger
    }

    /// Begins.
    ///
    /// - Parameters:
    ///   - read: is told of each batch as it is read.
    ///   - answered: is told of each batch that is done.
    func start(read: @escaping Read, answered: @escaping Answered) {
        let task = Task { await self.run(read, answered) }
        self.state.withLock { $0.task = task }
    }

    /// Ends the reading; what is under way is still answered.
    func stop() { self.state.withLock { $0.task }?.cancel() }

    /// Ends the reading, and the connection of earlier processes' batches.
    func shutDown() async {
        self.stop()
        await self.state.withLock { $0.task }?.value
        await self.recovery.shutDown()
    }

    private func run(_ read: Read, _ answered: @escaping Answered) async {
        var last: UInt64 = 0
        var recovered: ProducerID?
        while !Task.isCancelled {
            let records: [JournalRecord]
            do throws(JournalError) {
                records = try await self.journal.read(after: last, maxBytes: self.windowBytes / 2)
            } catch {
                guard let place = error.place else {
                    return self.logger.error("the journal can't be read", metadata: ["error": "\(error)"])
                }
                self.logger.error("records of the journal are lost", metadata: ["error": "\(error)"])
                self.journal.acknowledge(last + 1..<max(place.lastIndex, last + 1) + 1)
                last = max(place.lastIndex, last + 1)
                continue
            }
            if records.isEmpty { return }
            for record in records {
                last = record.index
                guard record.kind == .batch, let batch = SealedBatch(recordPayload: record.payload) else {
                    self.logger.error("a record of the journal is no batch", metadata: ["index": "\(record.index)"])
                    continue
                }
                // Those of another earlier process wait until the last one's are answered.
                let isFollowing = batch.producerID == self.own || batch.producerID == recovered
                guard await self.waitForRoom(batch.sizeBytes, behindRecovery: !isFollowing) else { return }
                if !isFollowing { recovered = batch.producerID }
                self.submit(batch, record.index, read, answered)
            }
        }
    }

    private func submit(_ batch: SealedBatch, _ index: UInt64, _ read: Read, _ answered: @escaping Answered) {
        let isOwn = batch.producerID == self.own
        read(batch, isOwn)
        self.state.withLock { $0.add(batch.sizeBytes, isOwn: isOwn) }
        let publisher = isOwn ? self.publisher : self.recovery
        publisher.submit(batch.prepared(self.compression), isEvictable: false) { batch, result in
            self.state.withLock { state in
                state.add(-batch.sizeBytes, isOwn: isOwn)
                defer { state.waiter = nil }
                return state.waiter
            }?.settle(())
            // What a process can't send any more stays for the next one.
            if case .failure(let error) = result, error.code == .shutDown { return }
            self.journal.acknowledge(index)
            answered(batch, result)
        }
    }

    /// Waits until the window has room for a batch; one that is larger has it for itself.
    ///
    /// - Parameter behindRecovery: whether to wait as well until all that earlier processes have left is answered.
    /// - Returns: `false` when the task was cancelled.
    private func waitForRoom(_ bytes: Int, behindRecovery: Bool) async -> Bool {
        while !Task.isCancelled {
            let answer = self.state.withLock { state -> OneAnswer<Void>? in
                let hasRoom = state.outstandingBytes <= max(0, self.windowBytes - bytes)
                guard !hasRoom || (behindRecovery && state.recoveryBytes > 0) else { return nil }
                let answer = OneAnswer<Void>()
                state.waiter = answer
                return answer
            }
            guard let answer else { return true }
            await withTaskCancellationHandler {
                await answer.value()
            } onCancel: {
                answer.settle(())
            }
        }
        return false
    }
}

extension ClientError {
    /// The error of the journal.
    init(_ error: JournalError) {
        let code: Code =
            switch error.code {
            case .full, .overloaded: .queueFull
            case .tooLarge: .tooLarge
            case .closed: .shutDown
            default: .journal
            }
        self.init(code: code, message: error.message)
    }
}

extension AuditClient.Configuration {
    /// The journal's options: a record must be able to hold any batch.
    func journalOptions(_ settings: Journal) -> JournalOptions {
        var options = JournalOptions()
        options.maxBytes = settings.maxBytes
        options.maxRecordBytes = self.maxBatchBytes + 1024
        options.maxSegmentBytes = max(options.maxSegmentBytes, options.maxRecordBytes + 4096)
        options.maxQueuedBytes = max(options.maxQueuedBytes, 2 * options.maxRecordBytes)
        return options
    }
}
