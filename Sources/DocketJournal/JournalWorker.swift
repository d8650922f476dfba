internal import DocketThreads

/// The thread of a journal: takes what waits, and does it.
struct JournalWorker {
    private let writer: JournalWriter
    private let state: Monitor<JournalState>
    /// When to keep a checkpoint, or to try again what failed, at the earliest.
    private var keepAt: ContinuousClock.Instant
    /// When the oldest record was written that isn't synced.
    private var unsyncedSince: ContinuousClock.Instant?
    /// Whether acknowledged segments are left, since deleting one has failed.
    private var hasLeftovers = false
    private var failureCount = 0
    private var lastFailure: JournalError?

    init(writer: JournalWriter, state: Monitor<JournalState>) {
        self.writer = writer
        self.state = state
        self.keepAt = .now + writer.options.checkpointInterval
    }

    static func status(of writer: JournalWriter) -> JournalStatus {
        JournalStatus(
            filesBytes: writer.filesBytes, segmentCount: writer.segments.count, nextIndex: writer.nextIndex,
            acknowledgedThrough: writer.acknowledged.through,
            unacknowledgedCount: writer.nextIndex - 1 - writer.acknowledged.count)
    }

    consuming func run() {
        var worker = self
        while true {
            let work = worker.state.wait(for: worker.timeUntilDue) { $0.take() } ?? JournalState.Work()
            worker.turn(work)
            if worker.state.withLock({ $0.isFinished }) { break }
        }
        worker.end()
    }

    private mutating func turn(_ work: JournalState.Work) {
        let wasSealed = self.writer.isSealed
        let results = self.write(work.submissions)
        if !work.flushes.isEmpty || self.isSyncDue { self.synchronize(work.flushes) }
        for indexes in work.acknowledged { self.writer.acknowledge(indexes) }
        if !work.acknowledged.isEmpty, !self.hasLeftovers { self.deleteAcknowledged() }
        self.keep()
        // Where nothing was open, and still nothing is, what was tried has failed.
        let isSealed = self.writer.isSealed && (!wasSealed || !work.submissions.isEmpty)
        let refused = self.settle(work.submissions, isSealed: isSealed)
        for (submission, result) in zip(work.submissions, results) { submission.completion(result) }
        for (submission, error) in refused { submission.completion(.failure(error)) }
        self.answerRead()
    }

    private mutating func write(_ submissions: [JournalState.Submission]) -> [Result<UInt64, JournalError>] {
        guard !submissions.isEmpty else { return [] }
        let syncs = self.writer.options.synchronization == .everyGroup || submissions.contains(where: \.isDurable)
        do throws(JournalError) {
            let first = try self.writer.append(submissions.map(\.entry), synchronizes: syncs)
            self.noteUnsynced()
            return submissions.indices.map { .success(first + UInt64($0)) }
        } catch {
            self.note(error)
            self.noteUnsynced()
            return submissions.map { _ in .failure(error) }
        }
    }

    private mutating func synchronize(_ flushes: [JournalState.Completion]) {
        let result: Result<UInt64, JournalError>
        do throws(JournalError) {
            try self.writer.synchronizeOrSeal()
            result = .success(self.writer.nextIndex - 1)
        } catch {
            self.note(error)
            result = .failure(error)
        }
        self.noteUnsynced()
        for completion in flushes { completion(result) }
    }

    private mutating func deleteAcknowledged() {
        do throws(JournalError) {
            try self.writer.deleteAcknowledged()
            self.hasLeftovers = false
        } catch {
            self.note(error)
            self.hasLeftovers = true
        }
    }

    /// Keeps on disk what is acknowledged, when it is time, and tries again what has failed.
    private mutating func keep() {
        guard self.isKeepDue, self.keepAt <= .now else { return }
        let before = self.failureCount
        if self.hasLeftovers { self.deleteAcknowledged() }
        if self.writer.isCheckpointDue {
            do throws(JournalError) { try self.writer.writeCheckpoint() } catch { self.note(error) }
        }
        let interval = self.writer.options.checkpointInterval
        self.keepAt = .now + (self.failureCount == before ? interval : max(interval, Self.retryInterval))
    }

    /// How long to leave a disk alone that has refused.
    private static let retryInterval: Duration = .seconds(1)

    private var isKeepDue: Bool { self.writer.isCheckpointDue || self.hasLeftovers }

    private func settle(
        _ submissions: [JournalState.Submission], isSealed: Bool
    ) -> [(JournalState.Submission, JournalError)] {
        var status = Self.status(of: self.writer)
        status.failureCount = self.failureCount
        status.lastFailure = self.lastFailure
        return self.state.withLock { state in
            state.status = status
            state.finished(submissions)
            return state.settle(filesBytes: status.filesBytes, isSealed: isSealed)
        }
    }

    private func answerRead() {
        let request = self.state.withLock { state in
            state.takeRead { self.writer.firstUnacknowledged(after: $0.index) != nil }
        }
        guard let request else { return }
        do throws(JournalError) {
            request.completion(.success(try self.writer.read(after: request.index, maxBytes: request.maxBytes)))
        } catch {
            request.completion(.failure(error))
        }
    }

    private mutating func end() {
        // What came while the last turn was done.
        if let work = self.state.withLock({ $0.take() }) {
            for indexes in work.acknowledged { self.writer.acknowledge(indexes) }
        }
        self.answerRead()
        var failure: JournalError?
        do throws(JournalError) { try self.writer.finish() } catch { failure = error }
        let result = failure
        for completion in self.state.withLock({ $0.end(result) }) { completion(result) }
    }

    private mutating func note(_ error: JournalError) {
        self.failureCount += 1
        self.lastFailure = error
    }

    // MARK: Time

    private mutating func noteUnsynced() {
        self.unsyncedSince = self.writer.hasUnsynced ? self.unsyncedSince ?? .now : nil
    }

    private var syncDueAt: ContinuousClock.Instant? {
        guard case .interval(let interval) = self.writer.options.synchronization else { return nil }
        return self.unsyncedSince.map { $0 + interval }
    }

    private var isSyncDue: Bool { self.syncDueAt.map { $0 <= .now } ?? false }

    /// How long until something is to be done that nobody asks for.
    private var timeUntilDue: Duration? {
        guard let due = [self.syncDueAt, self.isKeepDue ? self.keepAt : nil].compactMap({ $0 }).min() else {
            return nil
        }
        return max(.zero, due - .now)
    }
}
