import Logging

/// The duty that must never wait for anything slow: the log, the hot segment's rotation and index, and the pressure on writers.
struct LogDuty: LeaderDuty {
    /// How long until the next turn while batches come in, and while none do.
    private static let busyInterval: Duration = .milliseconds(100)
    private static let idleInterval: Duration = .milliseconds(250)
    /// A pressure that isn't renewed within 15 seconds counts as none.
    private static let renewInterval: Duration = .seconds(5)

    let metrics: MaintenanceMetrics
    let logger: Logger
    private var appender = Appender()
    private var summary = HeapSummary()
    /// Rows of the hot segment: counted when this leader took over, then added up from the log.
    private var hot: (id: Int32, rows: Int64)?
    private var published: (pressure: Double, at: ContinuousClock.Instant)?

    init(metrics: MaintenanceMetrics, logger: Logger) {
        self.metrics = metrics
        self.logger = logger
    }

    mutating func takeOver(_ connection: PostgresConnection) throws(PostgresError) {
        self.hot = nil
        self.summary = HeapSummary()
        self.published = nil
        // The newest batches are a small part of their table, whatever its statistics say.
        try connection.execute("SET enable_seqscan = off")
        try self.appender.takeOver(connection)
    }

    mutating func turn(_ connection: PostgresConnection) throws(PostgresError) -> Duration {
        let report = try self.appender.turn(connection, segment: self.hot?.id ?? 0)
        if report.batches > 0 { self.metrics.appended(report.batches, lagMilliseconds: report.lagMilliseconds) }
        self.hot?.rows += report.eventsInSegment
        let (segment, policy, facts) = try self.read(connection)
        var unsealed = facts.unsealed
        if policy.isDue(facts) {
            try Rotation.rotate(from: segment, connection)
            self.metrics.rotated()
            self.logger.info(
                "a new segment is hot", metadata: ["full": "\(segment.table)", "rows": "\(facts.rows)"])
            self.hot = (segment.id + 1, 0)
            unsealed += 1
            try self.publish(0, unsealed: unsealed, connection)
        } else {
            let pressure = BackPressure.pressure(unsealed: unsealed, fill: policy.fill(facts))
            try self.publish(pressure, unsealed: unsealed, connection)
            try self.summary.turn(segment, connection)
            self.metrics.unsummarized(bytes: self.summary.remainingBlocks * HeapPlan.blockBytes)
        }
        return report.batches > 0 ? Self.busyInterval : Self.idleInterval
    }

    private mutating func read(
        _ connection: PostgresConnection
    ) throws(PostgresError) -> (segment: HotSegment, policy: RotationPolicy, facts: RotationPolicy.Facts) {
        let row = try connection.query(
            """
            SELECT h.segment_id, h.table_name::text, extract(epoch FROM clock_timestamp() - h.created_at)::int8,
                p.segment_rows, p.segment_age_hours::int8 * 3600, o.unsealed, o.rows,
                extract(epoch FROM clock_timestamp() - coalesce(o.begun, h.created_at))::int8
            FROM docket.segments AS h, docket.store_policy AS p, (
                SELECT count(*) FILTER (WHERE state = 'sealing') AS unsealed, coalesce(sum(row_count), 0)::int8 AS rows,
                    min(created_at) AS begun
                FROM docket.segments WHERE state IN ('sealing', 'sealed')) AS o
            WHERE h.state = 'hot'
            """)
        guard row.count == 1 else {
            throw PostgresError(
                code: .unfit, message: "docket.segments names \(row.count) hot segments; run docket doctor")
        }
        let segment = HotSegment(id: try row.integer(0, 0), table: try row.text(0, 1))
        if self.hot?.id != segment.id {
            self.hot = (segment.id, try connection.query("SELECT count(*) FROM docket.\(segment.table)").integer(0, 0))
        }
        let unsealed: Int64 = try row.integer(0, 5)
        return (
            segment,
            RotationPolicy(segmentRows: try row.integer(0, 3), segmentAgeSeconds: try row.integer(0, 4)),
            RotationPolicy.Facts(
                rows: self.hot?.rows ?? 0, ageSeconds: try row.integer(0, 2), unsealed: Int(unsealed),
                otherRows: try row.integer(0, 6), spanSeconds: try row.integer(0, 7))
        )
    }

    /// Tells the writers, when there is something new to tell.
    private mutating func publish(
        _ pressure: Double, unsealed: Int, _ connection: PostgresConnection
    ) throws(PostgresError) {
        self.metrics.backlog(unsealed: unsealed, pressure: pressure)
        // In steps, so that a slowly filling segment doesn't mean a write each turn.
        let rounded = (pressure * 16).rounded(.down) / 16
        let now = ContinuousClock.now
        if let published = self.published, published.pressure == rounded,
            rounded == 0 || now - published.at < Self.renewInterval
        {
            return
        }
        try connection.execute(
            "UPDATE docket.store_state SET pressure = \(rounded), changed_at = clock_timestamp()")
        self.published = (rounded, now)
    }
}
