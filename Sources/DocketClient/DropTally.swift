/// Counts the events that were dropped, and decides when that is said: a pure value, kept behind the client's lock.
struct DropTally: Sendable {
    /// Why an event was dropped before it was part of a batch.
    enum Reason: Hashable, Sendable, CaseIterable {
        case queueFull
        case tooLarge
        case shutDown
        /// The client went away without having been shut down.
        case abandoned

        /// What the log says.
        var text: String {
            switch self {
            case .queueFull: "events were dropped: the queue is full; raise maxQueueBytes, or emit less"
            case .tooLarge: "events were dropped: each is larger than a batch may be; raise maxBatchBytes"
            case .shutDown: "events were dropped: the client has been shut down"
            case .abandoned: "events were dropped: the client was released without shutdown()"
            }
        }
    }

    /// How many events were lost in all.
    private(set) var totalCount = 0
    private var unreported: [Reason: Int] = [:]
    private var isReportDue = false

    /// Counts a dropped event.
    ///
    /// - Returns: whether the caller is to see to it that ``takeReport()`` is called, in a while.
    mutating func add(_ reason: Reason, count: Int = 1) -> Bool {
        self.totalCount += count
        self.unreported[reason, default: 0] += count
        defer { self.isReportDue = true }
        return !self.isReportDue
    }

    /// Counts events of a batch that was given up; whoever gave it up reports it.
    mutating func addReported(_ count: Int) { self.totalCount += count }

    /// What hasn't been said yet.
    mutating func takeReport() -> [(reason: Reason, count: Int)] {
        defer {
            self.unreported = [:]
            self.isReportDue = false
        }
        return Reason.allCases.compactMap { reason in self.unreported[reason].map { (reason, $0) } }
    }
}
