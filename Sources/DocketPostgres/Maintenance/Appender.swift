/// Gives each committed batch the next index of its tenant's log.
///
/// Batches become visible in another order than their ids', so no id says how far the log has come. A snapshot does:
/// `docket.appender` keeps the last one, and what is new since then was stored by a transaction that it did not see,
/// because it had begun later or was still under way. Both are found by an index on `docket.batches.commit_xid`.
/// Reading, numbering and keeping the new snapshot are one statement, so they see one state and take effect together; whoever
/// listens is told with them that logs have grown, and nothing more: any role may listen.
struct Appender {
    /// What one turn did.
    struct Report: Equatable {
        /// How many batches were given an index.
        var batches: Int64 = 0
        /// The events of those among them that were written to the segment asked for.
        var eventsInSegment: Int64 = 0
        /// How long ago the oldest of them was received, in milliseconds.
        var lagMilliseconds: Int64 = 0
    }

    /// The condition on `docket.batches AS b` for what is new; `nil` when nothing is known of an earlier snapshot.
    private var newer: String?

    /// Reads how far the log has come. After a restore into a new cluster, transaction numbers begin anew, and the kept
    /// snapshot says nothing: then all batches are compared with the log once.
    mutating func takeOver(_ connection: PostgresConnection) throws(PostgresError) {
        let row = try connection.query(
            """
            SELECT snapshot IS NULL OR pg_snapshot_xmax(snapshot) > pg_snapshot_xmax(pg_current_snapshot())
            FROM docket.appender
            """)
        if try row.bool(0, 0) {
            self.newer = nil
            _ = try self.append(connection, segment: 0)
            // Numbers of another cluster, or none, would hide these rows from what looks for old or new ones.
            try connection.execute(
                """
                UPDATE docket.batches SET commit_xid = '3'
                WHERE commit_xid IS NULL OR commit_xid >= pg_snapshot_xmax(pg_current_snapshot())
                """)
        }
        try self.readSnapshot(connection)
    }

    /// Appends what has been committed since the last turn.
    ///
    /// - Parameter segment: The segment whose events are to be counted.
    mutating func turn(_ connection: PostgresConnection, segment: Int32) throws(PostgresError) -> Report {
        guard let newer = self.newer else { return Report() }
        // Asking first keeps an idle log from writing anything.
        let isAnything = "SELECT EXISTS (SELECT FROM docket.batches AS b WHERE \(newer))"
        guard try connection.query(isAnything).bool(0, 0) else { return Report() }
        let report = try self.append(connection, segment: segment)
        try self.readSnapshot(connection)
        return report
    }

    private mutating func readSnapshot(_ connection: PostgresConnection) throws(PostgresError) {
        let row = try connection.query(
            """
            SELECT pg_snapshot_xmax(snapshot)::text, coalesce((
                SELECT string_agg(x::text, ',') FROM pg_snapshot_xip(snapshot) AS x), '')
            FROM docket.appender
            """)
        let (end, underway) = (try row.text(0, 0), try row.text(0, 1))
        // An empty array would keep the partial index from being used.
        let wasUnderway = underway.isEmpty ? "" : " OR b.commit_xid = ANY ('{\(underway)}'::xid8[])"
        self.newer = "(b.commit_xid >= '\(end)'::xid8\(wasUnderway))"
    }

    private func append(_ connection: PostgresConnection, segment: Int32) throws(PostgresError) -> Report {
        let isNew =
            self.newer
                ?? """
                NOT EXISTS (
                    SELECT FROM docket.log_entries AS l
                    WHERE l.batch_id = b.batch_id AND l.batch_id >= (SELECT min(batch_id) FROM docket.batches))
                """
        let row = try connection.query(
            """
            WITH fresh AS MATERIALIZED (
                SELECT b.* FROM docket.batches AS b WHERE \(isNew)
            ), heads AS MATERIALIZED (
                SELECT t.tenant_id, coalesce((
                    SELECT max(l.log_index) FROM docket.log_entries AS l WHERE l.tenant_id = t.tenant_id), -1) AS last
                FROM (SELECT DISTINCT tenant_id FROM fresh) AS t
            ), appended AS (
                INSERT INTO docket.log_entries (log_index, batch_id, sequence, producer_id, tenant_id, segment_id,
                    event_count, accepted_count, root)
                SELECT h.last + row_number() OVER (PARTITION BY f.tenant_id ORDER BY f.batch_id), f.batch_id, f.sequence,
                    f.producer_id, f.tenant_id, f.segment_id, f.event_count, f.accepted_count, f.root
                FROM fresh AS f JOIN heads AS h USING (tenant_id)
            ), kept AS (
                UPDATE docket.appender SET snapshot = pg_current_snapshot()
            )
            SELECT count(*), coalesce(sum(accepted_count) FILTER (WHERE segment_id = \(segment)), 0)::int8,
                coalesce(extract(epoch FROM clock_timestamp() - min(received_at)) * 1000, 0)::int8,
                (SELECT count(*) FROM pg_notify('\(PostgresLogWatch.channel)', ''))
            FROM fresh
            """)
        return Report(
            batches: try row.integer(0, 0), eventsInSegment: try row.integer(0, 1),
            lagMilliseconds: try row.integer(0, 2))
    }
}
