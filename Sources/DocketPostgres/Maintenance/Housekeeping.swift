import Logging

/// The small regular steps beside the care of segments.
struct Housekeeping {
    /// The pause between two steps while more is to be done: so pruning takes a small share of the server.
    static let stepInterval: Duration = .milliseconds(50)
    /// How often it is looked whether anything is old enough.
    private static let pruneInterval: Duration = .seconds(5)

    let metrics: MaintenanceMetrics
    let logger: Logger
    let nextBatchID: @Sendable () -> Int64?
    private var pruneAt: ContinuousClock.Instant?

    init(metrics: MaintenanceMetrics, logger: Logger, nextBatchID: @escaping @Sendable () -> Int64?) {
        self.metrics = metrics
        self.logger = logger
        self.nextBatchID = nextBatchID
    }

    /// Does what is due. True when there is more to do soon.
    mutating func turn(_ connection: PostgresConnection) throws(PostgresError) -> Bool {
        let now = ContinuousClock.now
        if let pruneAt = self.pruneAt, now < pruneAt { return false }
        let pruned = try ReplayWindow.prune(connection)
        self.metrics.pruned(pruned)
        guard pruned == 0 else { return true }
        self.pruneAt = now + Self.pruneInterval
        return false
    }
}
