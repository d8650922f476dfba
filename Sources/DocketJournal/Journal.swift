internal import DocketThreads
internal import Synchronization

/// A durable, append-only sequence of records in a directory of its own: what an emitter has not yet sent, or a collector not yet stored.
///
/// Any task or thread may append, acknowledge, and ask; one reads. One thread of the journal's own does all that touches files: whatever
/// waits when it comes round is written together, and shares one sync. docs/journal.md describes the files and what is promised when
/// something fails.
package final class Journal: Sendable {
    /// What was found and done at the opening.
    package let recovery: JournalRecovery
    private let state: Monitor<JournalState>
    private let readIDs = Atomic<UInt64>(0)
    private let options: JournalOptions

    private init(recovery: JournalRecovery, state: Monitor<JournalState>, options: JournalOptions) {
        self.recovery = recovery
        self.state = state
        self.options = options
    }

    deinit { self.beginClosing() }

    /// Opens a journal, and makes it if there is none; the directory's parent must exist.
    ///
    /// - Throws: ``JournalError``: `inUse`, `unusableDirectory`, `damaged`, `unsupported`, `invalidOptions` or `failed`.
    package static func open(
        _ path: String, options: JournalOptions = JournalOptions()
    ) async throws(JournalError) -> Journal {
        try await self.open(options: options) { () throws(JournalError) in try SystemDirectory(owning: path) }
    }

    /// Opens a journal in whatever `directory` gives, which is called and used on the journal's thread alone.
    static func open(
        options: JournalOptions, directory: @escaping @Sendable () throws(JournalError) -> any JournalDirectory
    ) async throws(JournalError) -> Journal {
        try options.check()
        let opened: Result<Journal, JournalError> = await withCheckedContinuation { continuation in
            do throws(ThreadError) {
                try OwnedThread.start { Self.run(options, directory) { continuation.resume(returning: $0) } }
            } catch {
                let message = "no thread for the journal can be started: errno \(error.errorNumber)"
                continuation.resume(returning: .failure(JournalError(code: .failed, message: message)))
            }
        }
        return try opened.get()
    }

    /// What the thread does, from the opening to the end.
    private static func run(
        _ options: JournalOptions, _ directory: () throws(JournalError) -> any JournalDirectory,
        opened: (Result<Journal, JournalError>) -> Void
    ) {
        let state: Monitor<JournalState>
        let worker: JournalWorker
        do throws(JournalError) {
            var generator = SystemRandomNumberGenerator()
            let (writer, recovery) = try JournalWriter.recover(
                try directory(), options: options, using: &generator, now: wallClockMicroseconds)
            // On a disk without room for it, it is missed when that is full of what is acknowledged.
            try? writer.makeRoomForCheckpoint()
            state = Monitor(JournalState(options: options, status: JournalWorker.status(of: writer)))
            worker = JournalWorker(writer: writer, state: state)
            opened(.success(Journal(recovery: recovery, state: state, options: options)))
        } catch {
            opened(.failure(error))
            return
        }
        worker.run()
    }

    // MARK: Appending

    /// Queues a record, without waiting for anything.
    ///
    /// - Parameters:
    ///   - durably: whether it is to be synced before `completion` is told, whatever the policy is.
    ///   - completion: is told the record's index, or why it isn't in the journal, on the journal's thread: it must not block. After an
    ///     error the record may still be found when the journal is opened the next time, if the system failed.
    /// - Throws: ``JournalError``: `full`, `overloaded`, `tooLarge` or `closed`; `completion` isn't called then.
    package func submit(
        _ kind: RecordKind, _ payload: [UInt8], durably: Bool,
        completion: @escaping @Sendable (Result<UInt64, JournalError>) -> Void
    ) throws(JournalError) {
        let entry = JournalWriter.Entry(kind: kind, payload: payload)
        var error: JournalError?
        self.state.withLockWaking { state in
            error = state.submit(entry, isDurable: durably, completion: completion)
            return error == nil ? state.wake() : .none
        }
        if let error { throw error }
    }

    /// Appends a record, and returns its index as soon as the policy has it: synced, or written.
    package func append(_ kind: RecordKind, _ payload: [UInt8]) async throws(JournalError) -> UInt64 {
        try await self.append(kind, payload, durably: false)
    }

    /// Appends a record, and returns its index once it is synced, its file's name included.
    package func appendDurably(_ kind: RecordKind, _ payload: [UInt8]) async throws(JournalError) -> UInt64 {
        try await self.append(kind, payload, durably: true)
    }

    private func append(_ kind: RecordKind, _ payload: [UInt8], durably: Bool) async throws(JournalError) -> UInt64 {
        let result: Result<UInt64, JournalError> = await withCheckedContinuation { continuation in
            do throws(JournalError) {
                try self.submit(kind, payload, durably: durably) { continuation.resume(returning: $0) }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }

    /// Waits until all that was appended before is synced.
    package func flush() async throws(JournalError) {
        let result: Result<UInt64, JournalError> = await withCheckedContinuation { continuation in
            var isTaken = false
            self.state.withLockWaking { state in
                isTaken = state.flush { continuation.resume(returning: $0) }
                return state.wake()
            }
            if !isTaken { continuation.resume(returning: .failure(.closed)) }
        }
        _ = try result.get()
    }

    // MARK: Taking out

    /// Reads records in order, leaving out acknowledged ones; waits until there is one.
    ///
    /// - Parameters:
    ///   - index: the index that was read last; 0 to begin with the first record that isn't acknowledged.
    ///   - maxBytes: of payloads; at least one record is read.
    /// - Returns: nothing when the task is cancelled or the journal closed.
    /// - Throws: ``JournalError`` `damaged` for a record that isn't as it was written: its place says where to go on.
    package func read(after index: UInt64, maxBytes: Int) async throws(JournalError) -> [JournalRecord] {
        let id = self.readIDs.add(1, ordering: .relaxed).newValue
        let result: Result<[JournalRecord], JournalError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let request = JournalState.ReadRequest(id: id, index: index, maxBytes: maxBytes) {
                    continuation.resume(returning: $0)
                }
                var error: JournalError?
                self.state.withLockWaking { state in
                    error = state.request(request)
                    return state.wake()
                }
                if let error { continuation.resume(returning: error == .closed ? .success([]) : .failure(error)) }
                // It may have been cancelled before the request was there to be given up.
                if Task.isCancelled { self.cancelRead(id) }
            }
        } onCancel: {
            self.cancelRead(id)
        }
        return try result.get()
    }

    private func cancelRead(_ id: UInt64) {
        self.state.withLock { $0.cancelRead(id) }?.completion(.success([]))
    }

    /// Takes note that records are done with: they are never read again, and their space comes back with their segment's.
    ///
    /// It is kept on disk within ``JournalOptions/checkpointInterval``; what a crash makes it forget is read again.
    package func acknowledge(_ indexes: Range<UInt64>) {
        guard !indexes.isEmpty else { return }
        self.state.withLockWaking { state in
            state.acknowledge(indexes)
            return state.wake()
        }
    }

    package func acknowledge(_ index: UInt64) { self.acknowledge(index..<index + 1) }

    // MARK: State

    package var status: JournalStatus { self.state.withLock { $0.status } }

    /// Writes and syncs all that waits, keeps what is acknowledged, and lets go of the directory. What comes later is refused.
    ///
    /// - Throws: ``JournalError`` `failed` when records that were not promised to be durable may not be.
    package func close() async throws(JournalError) {
        self.beginClosing()
        let failure: JournalError? = await withCheckedContinuation { continuation in
            let ended = self.state.withLock { state -> JournalError?? in
                state.isEnded ? .some(state.failure) : state.awaitEnd { continuation.resume(returning: $0) }
            }
            if let ended { continuation.resume(returning: ended) }
        }
        if let failure { throw failure }
    }

    private func beginClosing() {
        self.state.withLockWaking { state in
            state.close()
            return state.wake()
        }
    }
}
