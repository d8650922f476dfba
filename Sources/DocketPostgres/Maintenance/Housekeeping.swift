import Logging

/// The small regular steps beside the care of segments: the replay window, retention, the quarantine's bounds.
struct Housekeeping {
    /// The pause between two steps while more is to be done: so they take a small share of the server.
    static let stepInterval: Duration = .milliseconds(50)
    /// How often it is looked whether anything is old enough.
    private static let pruneInterval: Duration = .seconds(5)
    private static let retentionInterval: Duration = .seconds(30)

    /// One of the tasks.
    private enum Task: CaseIterable {
        case replayWindow, retention, quarantine

        var interval: Duration { self == .replayWindow ? pruneInterval : retentionInterval }
    }

    let metrics: MaintenanceMetrics
    let logger: Logger
    private let retention: Retention
    private let quarantine: QuarantineRemoval
    private var nextTurn: [Task: ContinuousClock.Instant] = [:]

    init(metrics: MaintenanceMetrics, logger: Logger, nextBatchID: @escaping @Sendable () -> Int64?) {
        self.metrics = metrics
        self.logger = logger
        let log = SystemLog(nextBatchID: nextBatchID)
        self.retention = Retention(log: log)
        self.quarantine = QuarantineRemoval(log: log)
    }

    /// One step of each task that is due. True when there is more to do soon.
    mutating func turn(_ connection: PostgresConnection) throws(PostgresError) -> Bool {
        var isMoreToDo = false
        for task in Task.allCases {
            let now = ContinuousClock.now
            if let next = self.nextTurn[task], now < next { continue }
            if try self.step(task, connection) {
                self.nextTurn[task] = nil
                isMoreToDo = true
            } else {
                self.nextTurn[task] = now + task.interval
            }
        }
        return isMoreToDo
    }

    /// True when the task has more to do.
    private func step(_ task: Task, _ connection: PostgresConnection) throws(PostgresError) -> Bool {
        switch task {
        case .replayWindow:
            let pruned = try ReplayWindow.prune(connection)
            self.metrics.pruned(pruned)
            return pruned > 0
        case .retention:
            guard let removed = try self.retention.step(connection) else { return false }
            self.metrics.removed(events: removed)
            self.logger.info("retention removed events", metadata: ["events": "\(removed)"])
            return true
        case .quarantine:
            return try self.quarantine.pruneStep(connection) > 0
        }
    }
}
