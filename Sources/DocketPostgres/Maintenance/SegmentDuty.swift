import Logging

/// The duty that does what takes long: the steps of segments that are not finished, retention, and pruning.
struct SegmentDuty: LeaderDuty {
    private static let idleInterval: Duration = .milliseconds(250)
    /// How long until a step that could not be done is tried again: at first, and at most.
    private static let firstDelay: Duration = .seconds(1)
    private static let longestDelay: Duration = .seconds(60)

    let metrics: MaintenanceMetrics
    let logger: Logger
    private var putOff: [SegmentStep: (until: ContinuousClock.Instant, delay: Duration)] = [:]
    private var housekeeping: Housekeeping
    /// How large the hot segment was at the last look, in bytes.
    private var hot: (id: Int32, bytes: Int64)?

    init(metrics: MaintenanceMetrics, logger: Logger, nextBatchID: @escaping @Sendable () -> Int64?) {
        self.metrics = metrics
        self.logger = logger
        self.housekeeping = Housekeeping(metrics: metrics, logger: logger, nextBatchID: nextBatchID)
    }

    mutating func takeOver(_ connection: PostgresConnection) throws(PostgresError) {
        self.putOff = [:]
        self.hot = nil
        try connection.execute("SET maintenance_work_mem = '256MB'; SET statement_timeout = 0")
    }

    mutating func turn(_ connection: PostgresConnection) throws(PostgresError) -> Duration {
        let isMoreToDo = try self.housekeeping.turn(connection)
        var facts = try SegmentFacts.readUnfinished(connection)
        // A segment that rows are being removed from would be vacuumed after each step.
        if isMoreToDo { facts.removeAll { $0.state == .sealed } }
        let now = ContinuousClock.now
        self.putOff = self.putOff.filter { step, _ in facts.contains { $0.id == step.segment } }
        let waiting = Set(self.putOff.filter { $0.value.until > now }.keys)
        guard let step = SegmentPlan.next(facts, putOff: waiting),
            let table = facts.first(where: { $0.id == step.segment })?.table
        else {
            return isMoreToDo ? Housekeeping.stepInterval : Self.idleInterval
        }
        let pace = SealingPace(
            isIngesting: try self.isHotGrowing(connection), unsealed: facts.count { $0.state == .sealing })
        try connection.execute("SET max_parallel_maintenance_workers = \(pace.parallelWorkers)")
        let isDone = try step.perform(on: table, connection)
        let duration = ContinuousClock.now - now
        self.metrics.stepped(step, in: duration)
        self.logger.debug(
            "a step of a segment", metadata: ["step": "\(step.name)", "table": "\(table)", "done": "\(isDone)"])
        guard isDone else {
            let delay = self.putOff[step].map { min($0.delay * 2, Self.longestDelay) } ?? Self.firstDelay
            self.putOff[step] = (ContinuousClock.now + delay, delay)
            return .zero
        }
        self.putOff[step] = nil
        if case .markSealed = step { self.logger.info("a segment is sealed", metadata: ["table": "\(table)"]) }
        return pace.pause(after: duration)
    }

    /// Whether anything has been written since the last look.
    private mutating func isHotGrowing(_ connection: PostgresConnection) throws(PostgresError) -> Bool {
        let row = try connection.query(
            """
            SELECT segment_id, pg_relation_size(('docket.' || table_name)::regclass)
            FROM docket.segments WHERE state = 'hot'
            """)
        let (id, bytes): (Int32, Int64) = (try row.integer(0, 0), try row.integer(0, 1))
        defer { self.hot = (id, bytes) }
        guard let hot = self.hot else { return true }
        return hot.id != id || hot.bytes != bytes
    }
}

/// How fast segments are sealed: a part of the machine is left to ingestion while there is any, unless sealing falls
/// behind; then ingestion waits for it anyhow.
struct SealingPace: Equatable {
    let isIngesting: Bool
    /// How many full segments wait.
    let unsealed: Int

    private var isBounded: Bool { self.isIngesting && self.unsealed < BackPressure.maxUnsealedSegments }

    /// How many processes build an index beside the one that always does.
    var parallelWorkers: Int { self.isBounded ? 0 : 1 }

    /// The pause behind a step.
    func pause(after step: Duration) -> Duration { self.isBounded ? step / 4 : .zero }
}
