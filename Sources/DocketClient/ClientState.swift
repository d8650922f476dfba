internal import DocketModel

/// What a client keeps behind its lock. Whoever is to be told something is told after unlocking: see ``Settlements``.
struct ClientState: Sendable {
    typealias ReceiptAnswer = OneAnswer<Result<Receipt, ClientError>>
    typealias Answer = OneAnswer<Result<Void, ClientError>>

    /// Answers that are to be given.
    struct Settlements: Sendable {
        private var acts: [@Sendable () -> Void] = []
        /// Whether the log is to be told of dropped events, in a while.
        fileprivate(set) var mustLog = false

        mutating func add(_ act: @escaping @Sendable () -> Void) { self.acts.append(act) }
        func settle() { for act in self.acts { act() } }
    }

    var buffer: EmitBuffer
    var flushes = FlushLedger()
    var drops = DropTally()
    private(set) var counts = AuditClient.Statistics()
    /// Who waits for the receipts of which batch, and at which index their events are.
    private var receiptWaiters: [Int64: [(index: Int, answer: ReceiptAnswer)]] = [:]
    /// Who waits until which batch is in the journal.
    private var durableWaiters: [Int64: [Answer]] = [:]
    /// Who waits for room.
    private var roomWaiters: [Answer] = []
    /// How many batches are on their way into the journal.
    private var journallingCount = 0
    /// Whether somebody will ask for ``nextLinger()``.
    private var isLingering = false

    init(buffer: EmitBuffer) { self.buffer = buffer }

    /// Whether a batch in which somebody waits is to be sent at once: nothing is under way that would bring its turn.
    var sendsUrgent: Bool { self.buffer.isIdle }
    var journalsUrgent: Bool { self.journallingCount == 0 }

    /// The counters and what is in the queue.
    var statistics: AuditClient.Statistics {
        var statistics = self.counts
        statistics.droppedCounts = self.drops.counts
        statistics.queuedCount = self.buffer.heldEventCount + self.counts.journalledCount
        statistics.queuedBytes = self.buffer.heldBytes
        return statistics
    }

    // MARK: Emitting

    /// Adds an event. For the first of a batch, `opened` says that the caller is to see to ``nextLinger()``; where somebody already
    /// does, there is nothing to do.
    mutating func append(
        _ event: Event, to destination: EmitBuffer.Destination? = nil, isUrgent: Bool = false,
        now: @autoclosure () -> Int64
    ) -> EmitBuffer.Outcome {
        let outcome = self.buffer.append(event, to: destination, isUrgent: isUrgent, now: now())
        guard let place = outcome.place else { return outcome }
        self.counts.enqueuedCount += 1
        guard case .opened = outcome else { return outcome }
        defer { self.isLingering = true }
        return self.isLingering ? .added(place) : outcome
    }

    /// Since when the oldest batch is being filled, to ask again when its linger time is over; `nil` when there is none.
    mutating func nextLinger() -> Int64? {
        let oldest = self.buffer.oldestOpening
        self.isLingering = oldest != nil
        return oldest
    }

    /// Counts an event that couldn't be queued.
    ///
    /// - Returns: whether the caller is to see to it that the log is told, in a while.
    mutating func drop(_ reason: AuditClient.DropReason) -> Bool {
        self.counts.enqueuedCount += 1
        return self.drops.add(reason)
    }

    mutating func waitForReceipt(_ answer: ReceiptAnswer, at place: EmitBuffer.Place) {
        self.receiptWaiters[place.sequence, default: []].append((place.index, answer))
    }

    mutating func waitForJournal(_ answer: Answer, at place: EmitBuffer.Place) {
        self.durableWaiters[place.sequence, default: []].append(answer)
    }

    mutating func waitForRoom(_ answer: Answer) { self.roomWaiters.append(answer) }

    private mutating func takeRoomWaiters(_ settlements: inout Settlements) {
        for waiter in self.roomWaiters { settlements.add { waiter.settle(.success(())) } }
        self.roomWaiters = []
    }

    // MARK: The journal

    mutating func journalling(_ count: Int) { self.journallingCount += count }

    /// A batch is in the journal, or isn't. Its memory is free unless it goes on from there.
    ///
    /// - Parameter willRetry: whether those who wait emit their events again: then they don't count.
    mutating func journalled(_ batch: SealedBatch, _ error: ClientError?, willRetry: Bool) -> Settlements {
        var settlements = Settlements()
        self.journallingCount -= 1
        let waiters = self.durableWaiters.removeValue(forKey: batch.sequence) ?? []
        for waiter in waiters { settlements.add { waiter.settle(error.map { .failure($0) } ?? .success(())) } }
        if let error {
            guard batch.isDurable else { return settlements }
            if willRetry {
                // Those who wait emit their events again: for a flush this batch is done with.
                self.counts.enqueuedCount -= batch.eventCount
                for settlement in self.flushes.answered(batch.sequence, failure: nil) {
                    settlements.add { settlement.settle() }
                }
            } else {
                _ = self.drops.add(.journal, count: batch.eventCount, isLogged: true)
                self.settle(batch, .failure(error), &settlements)
            }
        } else {
            self.counts.journalledCount += batch.eventCount
        }
        self.buffer.released(batch)
        self.takeRoomWaiters(&settlements)
        return settlements
    }

    /// A batch of an earlier process was read from the journal.
    mutating func recovered(_ eventCount: Int) {
        self.counts.recoveredCount += eventCount
        self.counts.journalledCount += eventCount
    }

    // MARK: Answers

    /// The client has been shut down: nobody is told anything any more.
    mutating func takeWaiters() -> Settlements {
        var settlements = Settlements()
        for (_, answer) in self.receiptWaiters.values.joined() {
            settlements.add { answer.settle(.failure(.shutDown)) }
        }
        for answer in self.durableWaiters.values.joined() { settlements.add { answer.settle(.failure(.shutDown)) } }
        for settlement in self.flushes.endAll(.shutDown) { settlements.add { settlement.settle() } }
        self.receiptWaiters = [:]
        self.durableWaiters = [:]
        self.takeRoomWaiters(&settlements)
        return settlements
    }

    /// A batch is done.
    ///
    /// - Parameters:
    ///   - isOwn: whether this process made it: somebody may wait for it.
    ///   - isInJournal: whether it came from there.
    mutating func answered(
        _ batch: SealedBatch, _ result: Result<Verdict, ClientError>, isOwn: Bool, isInJournal: Bool
    ) -> Settlements {
        var settlements = Settlements()
        switch result {
        case .success(let verdict):
            let rejectedCount = min(verdict.rejections.count, batch.eventCount)
            self.counts.rejectedCount += rejectedCount
            self.counts.committedCount += batch.eventCount - rejectedCount
            self.counts.acknowledgedBatchCount += 1
        case .failure(let error):
            settlements.mustLog = self.drops.add(
                error.dropReason, count: batch.eventCount, isLogged: error.code != .evicted)
        }
        if isInJournal {
            self.counts.journalledCount -= batch.eventCount
        } else {
            self.buffer.released(batch)
        }
        if isOwn { self.settle(batch, result, &settlements) }
        self.takeRoomWaiters(&settlements)
        return settlements
    }

    private static func tell(_ waiters: [(index: Int, answer: ReceiptAnswer)], _ result: Result<Verdict, ClientError>) {
        var rejections: [Int: Rejection] = [:]
        if case .success(let verdict) = result {
            rejections = Dictionary(verdict.rejections.map { ($0.index, $0) }) { first, _ in first }
        }
        for (index, answer) in waiters {
            answer.settle(rejections[index].map { .failure(ClientError($0)) } ?? result.map(\.receipt))
        }
    }

    /// Tells those who wait for a batch's receipt, and the flushes.
    private mutating func settle(
        _ batch: SealedBatch, _ result: Result<Verdict, ClientError>, _ settlements: inout Settlements
    ) {
        if let waiters = self.receiptWaiters.removeValue(forKey: batch.sequence) {
            settlements.add { Self.tell(waiters, result) }
        }
        var failure: ClientError?
        if case .failure(let error) = result { failure = error }
        for settlement in self.flushes.answered(batch.sequence, failure: failure) {
            settlements.add { settlement.settle() }
        }
    }
}

extension ClientError {
    /// What an event counts as whose batch ended so.
    var dropReason: AuditClient.DropReason {
        switch self.code {
        case .evicted: .evicted
        case .queueFull: .queueFull
        case .shutDown: self.leavesDoubt ? .unanswered : .shutDown
        case .tooLarge: .tooLarge
        default: self.leavesDoubt ? .unanswered : .refused
        }
    }
}
