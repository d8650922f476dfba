import Logging

/// The duty that does what takes long: the steps of segments that are not finished, retention, and pruning.
struct SegmentDuty: LeaderDuty {
    private static let idleInterval: Duration = .milliseconds(250)
    /// How long until a step that could not be done is tried again: at first, and at most.
    private static let firstDelay: Duration = .seconds(1)
    private static let longestDelay: Duration = .seconds(60)

    let metrics: MaintenanceMetrics
    let logger: Logger
    let nextBatchID: @Sendable () -> Int64?
    private var putOff: [SegmentStep: (until: ContinuousClock.Instant, delay: Duration)] = [:]
    private var housekeeping: Housekeeping

    init(metrics: MaintenanceMetrics, logger: Logger, nextBatchID: @escaping @Sendable () -> Int64?) {
        self.metrics = metrics
        self.logger = logger
        self.nextBatchID = nextBatchID
        self.housekeeping = Housekeeping(metrics: metrics, logger: logger, nextBatchID: nextBatchID)
    }

    mutating func takeOver(_ connection: PostgresConnection) throws(PostgresError) {
        self.putOff = [:]
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
        return Self.pause(after: duration, unsealed: facts.count { $0.state == .sealing })
    }

    /// Sealing leaves some of the machine to ingestion, unless it falls behind.
    static func pause(after step: Duration, unsealed: Int) -> Duration {
        unsealed >= BackPressure.maxUnsealedSegments ? .zero : step / 4
    }
}
