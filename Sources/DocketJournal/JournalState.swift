internal import DocketThreads

/// What the users of a journal and its thread share: a pure value behind a lock.
struct JournalState: Sendable {
    typealias Completion = @Sendable (Result<UInt64, JournalError>) -> Void
    typealias ReadCompletion = @Sendable (Result<[JournalRecord], JournalError>) -> Void

    /// A record that waits to be written.
    struct Submission: Sendable {
        let entry: JournalWriter.Entry
        let isDurable: Bool
        var reservation: SpaceLedger.Reservation
        let completion: Completion

        var recordBytes: Int { RecordFrame.byteCount + self.entry.payload.count }
    }

    struct ReadRequest: Sendable {
        let id: UInt64
        let index: UInt64
        let maxBytes: Int
        let completion: ReadCompletion
    }

    /// What the thread takes at a time.
    struct Work: Sendable {
        /// Fit into one segment together.
        var submissions: [Submission] = []
        var acknowledged: [Range<UInt64>] = []
        var flushes: [Completion] = []
    }

    private let options: JournalOptions
    private var ledger: SpaceLedger
    private var waiting: [Submission] = []
    /// Of what waits and of what is being written.
    private var queuedBytes = 0
    private var queuedRecords = 0
    private var acknowledged = AcknowledgedSet()
    private var flushes: [Completion] = []
    private var read: ReadRequest?
    private var isReadNew = false
    private var isClosing = false
    /// Whether the thread waits for something to do.
    private var isIdle = false
    private(set) var isEnded = false
    private(set) var failure: JournalError?
    private var awaitingEnd: [@Sendable (JournalError?) -> Void] = []
    var status: JournalStatus

    init(options: JournalOptions, status: JournalStatus) {
        self.options = options
        self.ledger = SpaceLedger(options: options, filesBytes: status.filesBytes)
        self.status = status
    }

    /// Whether the thread must be woken; asked once after each change.
    mutating func wake() -> MonitorWake {
        guard self.isIdle else { return .none }
        self.isIdle = false
        return .one
    }

    // MARK: Users

    /// Queues a record.
    ///
    /// - Returns: why that can't be done; `nil` when it is.
    mutating func submit(
        _ entry: JournalWriter.Entry, isDurable: Bool, completion: @escaping Completion
    ) -> JournalError? {
        guard !self.isClosing else { return .closed }
        let bytes = RecordFrame.byteCount + entry.payload.count
        guard entry.payload.count <= self.options.maxRecordBytes else {
            return JournalError(
                code: .tooLarge,
                message:
                    "a record of \(entry.payload.count) bytes exceeds maxRecordBytes (\(self.options.maxRecordBytes)); "
                    + "split it or raise the limit")
        }
        guard self.queuedRecords < self.options.maxQueuedRecords,
            self.queuedBytes + bytes <= self.options.maxQueuedBytes
        else {
            return JournalError(
                code: .overloaded,
                message:
                    "\(self.queuedRecords) records of \(self.queuedBytes) bytes wait to be written; maxQueuedRecords is "
                    + "\(self.options.maxQueuedRecords) and maxQueuedBytes \(self.options.maxQueuedBytes): wait, or drop"
            )
        }
        guard let reservation = self.ledger.reserve(bytes) else { return self.fullError(bytes) }
        self.waiting.append(
            Submission(entry: entry, isDurable: isDurable, reservation: reservation, completion: completion))
        self.queuedBytes += bytes
        self.queuedRecords += 1
        return nil
    }

    private func fullError(_ bytes: Int) -> JournalError {
        JournalError(
            code: .full,
            message: "a record of \(bytes) bytes doesn't fit: the journal takes \(self.ledger.filesBytes) bytes, "
                + "\(self.ledger.reservedBytes) more are promised, and maxBytes is \(self.options.maxBytes); space comes back "
                + "when the oldest segment is acknowledged whole; raise maxBytes, or find out why nothing is taken out")
    }

    mutating func acknowledge(_ indexes: Range<UInt64>) {
        if !self.isEnded { self.acknowledged.insert(indexes) }
    }

    /// - Returns: whether it will be answered.
    mutating func flush(_ completion: @escaping Completion) -> Bool {
        guard !self.isClosing else { return false }
        self.flushes.append(completion)
        return true
    }

    /// - Returns: why nothing can be read.
    mutating func request(_ read: ReadRequest) -> JournalError? {
        guard !self.isClosing else { return .closed }
        guard self.read == nil else {
            return JournalError(code: .overloaded, message: "another task is reading already; a journal has one reader")
        }
        self.read = read
        self.isReadNew = true
        return nil
    }

    /// Gives up a read that hasn't been answered.
    mutating func cancelRead(_ id: UInt64) -> ReadRequest? {
        guard self.read?.id == id else { return nil }
        defer { self.read = nil }
        return self.read
    }

    mutating func close() { self.isClosing = true }

    // MARK: The thread

    /// What is to be done; `nil` when there is nothing.
    mutating func take() -> Work? {
        let isEnd = self.isClosing && self.waiting.isEmpty
        guard
            !self.waiting.isEmpty || !self.flushes.isEmpty || self.isReadNew || isEnd
                || self.acknowledged != AcknowledgedSet()
        else {
            self.isIdle = true
            return nil
        }
        var work = Work()
        self.isIdle = false
        self.isReadNew = false
        work.submissions = self.takeGroup()
        // A flush is for what was there before it.
        if self.waiting.isEmpty {
            work.flushes = self.flushes
            self.flushes = []
        }
        work.acknowledged = self.acknowledged.ranges
        if self.acknowledged.through > 0 { work.acknowledged.append(1..<self.acknowledged.through + 1) }
        self.acknowledged = AcknowledgedSet()
        return work
    }

    private mutating func takeGroup() -> [Submission] {
        var (count, bytes) = (0, 0)
        for submission in self.waiting {
            if count > 0 {
                guard !submission.reservation.beginsSegment, bytes < self.options.maxGroupBytes else { break }
            }
            count += 1
            bytes += submission.recordBytes
        }
        defer { self.waiting.removeFirst(count) }
        return Array(self.waiting.prefix(count))
    }

    /// A group was written, or couldn't be.
    mutating func finished(_ submissions: [Submission]) {
        for submission in submissions {
            self.ledger.release(submission.reservation.bytes)
            self.queuedBytes -= submission.recordBytes
            self.queuedRecords -= 1
        }
    }

    /// The files take so much now.
    ///
    /// - Parameter isSealed: whether the last segment was sealed: those that wait begin a new one, which takes room for its header.
    /// - Returns: those that don't fit any more, and why.
    mutating func settle(filesBytes: Int, isSealed: Bool) -> [(Submission, JournalError)] {
        self.ledger.settle(filesBytes: filesBytes)
        guard isSealed else { return [] }
        self.ledger.restart()
        var kept: [Submission] = []
        var refused: [(Submission, JournalError)] = []
        for var submission in self.waiting {
            if let reservation = self.ledger.reserve(submission.recordBytes) {
                submission.reservation = reservation
                kept.append(submission)
            } else {
                refused.append((submission, self.fullError(submission.recordBytes)))
                self.queuedBytes -= submission.recordBytes
                self.queuedRecords -= 1
            }
        }
        self.waiting = kept
        return refused
    }

    /// The read that waits, if it is to be answered now.
    mutating func takeRead(if isReady: (ReadRequest) -> Bool) -> ReadRequest? {
        guard let read = self.read, self.isClosing || isReady(read) else { return nil }
        self.read = nil
        return read
    }

    /// Whether nothing is left to do but to end.
    var isFinished: Bool { self.isClosing && self.waiting.isEmpty && self.flushes.isEmpty }

    /// Has someone told when the journal has ended.
    mutating func awaitEnd(_ completion: @escaping @Sendable (JournalError?) -> Void) -> JournalError?? {
        self.awaitingEnd.append(completion)
        return nil
    }

    /// The journal has ended.
    ///
    /// - Returns: who is to be told.
    mutating func end(_ failure: JournalError?) -> [@Sendable (JournalError?) -> Void] {
        self.isEnded = true
        self.failure = failure
        defer { self.awaitingEnd = [] }
        return self.awaitingEnd
    }
}

extension JournalError {
    static let closed = JournalError(code: .closed, message: "the journal has been closed; open it again")
}
