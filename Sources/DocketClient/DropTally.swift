extension AuditClient {
    /// Why an event was lost.
    public enum DropReason: String, Sendable, Hashable, CaseIterable {
        /// The queue was full (``Configuration/maxQueueBytes``).
        case queueFull = "queue_full"
        /// It was given up for newer ones (``OverflowPolicy/dropOldest``).
        case evicted
        /// It is larger than a batch may be.
        case tooLarge = "too_large"
        /// The collector refused its batch for good, or often enough (``Configuration/maxAttempts``).
        case refused
        /// The journal couldn't keep it; whoever waited for that was told.
        case journal
        /// The client had been shut down, or was before the event was sent.
        case shutDown = "shut_down"
        /// It was sent, and the client shut down before an answer came: it may be stored all the same.
        case unanswered
        /// The client was released without ``AuditClient/shutdown(timeout:)``.
        case abandoned

        /// What the log says.
        var text: String {
            switch self {
            case .queueFull: "events were dropped: the queue is full; raise maxQueueBytes, or emit less"
            case .evicted: "events were dropped for newer ones: the queue is full; raise maxQueueBytes, or emit less"
            case .tooLarge: "events were dropped: each is larger than a batch may be; raise maxBatchBytes"
            case .refused: "events were dropped: the collector refused their batches"
            case .journal: "events were not accepted: the journal can't keep them"
            case .shutDown: "events were dropped: the client has been shut down"
            case .unanswered: "events were sent, and the client was shut down before they were answered"
            case .abandoned: "events were dropped: the client was released without shutdown()"
            }
        }
    }
}

/// Counts the events that were dropped, and decides when that is said: a pure value, kept behind the client's lock.
struct DropTally: Sendable {
    typealias Reason = AuditClient.DropReason

    /// How many events were lost, by reason.
    private(set) var counts: [Reason: Int] = [:]
    /// Of these, how many the log has been told of, and how many the collector has.
    private var logged: [Reason: Int] = [:]
    private var reported: [Reason: Int] = [:]
    private var isLogDue = false

    /// How many events were lost in all.
    var totalCount: Int { self.counts.values.reduce(0, +) }

    /// Counts dropped events.
    ///
    /// - Parameter isLogged: whether the log is told by whoever dropped them.
    /// - Returns: whether the caller is to see to it that ``takeLog()`` is called, in a while.
    mutating func add(_ reason: Reason, count: Int = 1, isLogged: Bool = false) -> Bool {
        self.counts[reason, default: 0] += count
        guard !isLogged else {
            self.logged[reason, default: 0] += count
            return false
        }
        defer { self.isLogDue = true }
        return !self.isLogDue
    }

    /// What the log hasn't been told yet.
    mutating func takeLog() -> [(reason: Reason, count: Int)] {
        let unlogged = self.counts(beyond: self.logged)
        self.logged = self.counts
        self.isLogDue = false
        return Reason.allCases.compactMap { reason in unlogged[reason].map { (reason, $0) } }
    }

    /// What the collector hasn't been told yet: it is on its way now.
    mutating func takeReport() -> [Reason: Int] {
        defer { self.reported = self.counts }
        return self.counts(beyond: self.reported)
    }

    /// The collector couldn't be told.
    mutating func putBack(_ report: [Reason: Int]) {
        for (reason, count) in report { self.reported[reason, default: 0] -= count }
    }

    private func counts(beyond told: [Reason: Int]) -> [Reason: Int] {
        self.counts.merging(told, uniquingKeysWith: -).filter { $0.value > 0 }
    }
}
