extension SegmentStep {
    /// Does the step. False when it could not be done now, since somebody holds a lock or an old snapshot; nothing has
    /// been changed for the worse then, and it is to be tried again later.
    ///
    /// No step waits for long for a lock that readers queue up behind.
    func perform(on table: String, _ connection: PostgresConnection) throws(PostgresError) -> Bool {
        do throws(PostgresError) {
            switch self {
            case .count(let id): try Self.count(id, table, connection)
            case .createIndex(_, let index): try connection.execute(index.create(on: table))
            case .markSealed(let id): try Self.mark(id, "state = 'sealed', sealed_at = clock_timestamp()", connection)
            case .addCheck(let id): try Self.addCheck(id, table, connection)
            case .validateCheck(let id):
                try connection.execute("ALTER TABLE docket.\(table) VALIDATE CONSTRAINT \(table)_times")
                try Self.mark(id, "checked_at = clock_timestamp()", connection)
            case .freeze(let id): return try Self.freeze(id, table, connection)
            case .detach: try Self.detach(table, "CONCURRENTLY", connection)
            case .finalizeDetach: try Self.detach(table, "FINALIZE", connection)
            case .dropTable: try Self.briefly("DROP TABLE docket.\(table)", connection)
            case .markDropped(let id):
                try connection.execute(
                    """
                    BEGIN;
                    DELETE FROM docket.segment_tenants WHERE segment_id = \(id);
                    UPDATE docket.segments SET state = 'dropped' WHERE segment_id = \(id);
                    COMMIT
                    """)
            }
            return true
        } catch {
            guard connection.isAlive, let sqlstate = error.sqlstate,
                [.lockNotAvailable, .queryCanceled, .deadlockDetected].contains(sqlstate)
            else { throw error }
            if !connection.isIdle { try connection.execute("ROLLBACK") }
            try connection.execute("RESET statement_timeout")
            return false
        }
    }

    /// The SHARE lock waits for the COPYs that were under way at the rotation, and for nobody else. Nobody but the owner
    /// may write here since then, so what is counted now is final.
    private static func count(
        _ id: Int32, _ table: String, _ connection: PostgresConnection
    ) throws(PostgresError) {
        try connection.execute(
            """
            BEGIN;
            LOCK TABLE docket.\(table) IN SHARE MODE;
            WITH found AS MATERIALIZED (
                SELECT tenant_id, count(*) AS n, min(batch_id) AS first, max(batch_id) AS last,
                    min(occurred_at) AS begun, max(occurred_at) AS ended
                FROM docket.\(table) GROUP BY tenant_id
            ), tenants AS (
                INSERT INTO docket.segment_tenants (segment_id, tenant_id, row_count, min_batch_id, max_batch_id)
                SELECT \(id), tenant_id, n, first, last FROM found
            )
            UPDATE docket.segments
            SET settled_xid = pg_current_xact_id(),
                (row_count, min_batch_id, max_batch_id, min_occurred_at, max_occurred_at) = (
                    SELECT coalesce(sum(n), 0), min(first), max(last), min(begun), max(ended) FROM found)
            WHERE segment_id = \(id);
            COMMIT
            """)
    }

    private static func mark(
        _ id: Int32, _ assignment: String, _ connection: PostgresConnection
    ) throws(PostgresError) {
        try connection.execute("UPDATE docket.segments SET \(assignment) WHERE segment_id = \(id)")
    }

    /// Needs the leaf for itself for a moment, so it is tried for a moment at a time: readers that come meanwhile would
    /// queue up behind it.
    private static func addCheck(
        _ id: Int32, _ table: String, _ connection: PostgresConnection
    ) throws(PostgresError) {
        let format = "YYYY-MM-DD HH24:MI:SS.US\"+00\""
        let row = try connection.query(
            """
            SELECT to_char(min_occurred_at AT TIME ZONE 'UTC', '\(format)'),
                to_char(max_occurred_at AT TIME ZONE 'UTC', '\(format)')
            FROM docket.segments WHERE segment_id = $1
            """, [.int4(id)])
        guard let first = try row.optionalText(0, 0), let last = try row.optionalText(0, 1) else {
            // Without a row there is no time, and nothing to be found either.
            return try self.addCheck("false", table, connection)
        }
        try self.addCheck(
            "occurred_at >= '\(first)'::timestamptz AND occurred_at <= '\(last)'::timestamptz", table, connection)
    }

    /// The hot segment's index goes in the same moment: others have taken its place, and the planner looks at every index
    /// of a segment, whether it uses it or not.
    private static func addCheck(
        _ condition: String, _ table: String, _ connection: PostgresConnection
    ) throws(PostgresError) {
        try self.briefly(
            """
            ALTER TABLE docket.\(table) ADD CONSTRAINT \(table)_times CHECK (\(condition)) NOT VALID;
            DROP INDEX IF EXISTS docket.\(HotIndex.name(of: table)), docket.\(HotIndex.formerName(of: table))
            """, connection)
    }

    private static func briefly(_ statement: String, _ connection: PostgresConnection) throws(PostgresError) {
        try connection.execute("BEGIN; SET LOCAL lock_timeout = '100ms'; \(statement); COMMIT")
    }

    /// A reader's old snapshot keeps rows from being frozen; then it is done again later, and not said to be done.
    private static func freeze(
        _ id: Int32, _ table: String, _ connection: PostgresConnection
    ) throws(PostgresError) -> Bool {
        try connection.execute("VACUUM (FREEZE, ANALYZE) docket.\(table)")
        let took = try connection.query(
            """
            SELECT age(c.relfrozenxid) <= age(s.settled_xid::xid)
            FROM docket.segments AS s JOIN pg_class AS c ON c.oid = 'docket.\(table)'::regclass
            WHERE s.segment_id = $1
            """, [.int4(id)])
        guard try took.bool(0, 0) else { return false }
        try self.mark(id, "frozen_at = clock_timestamp()", connection)
        return true
    }

    /// CONCURRENTLY waits for whoever has read the parent in a transaction that is still open, without a lock. From its
    /// beginning on nobody else sees the segment; when the wait is broken off, FINALIZE is what remains to be done.
    private static func detach(
        _ table: String, _ how: String, _ connection: PostgresConnection
    ) throws(PostgresError) {
        try connection.execute("SET statement_timeout = '2s'")
        try connection.execute("ALTER TABLE docket.events DETACH PARTITION docket.\(table) \(how)")
        try connection.execute("RESET statement_timeout")
    }
}
