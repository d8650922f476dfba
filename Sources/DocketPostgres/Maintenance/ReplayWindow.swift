/// Forgets batches that are older than the replay window, in small steps, and leaves a floor for each producer: from
/// then on its sequences up to there are refused, since nobody knows any more what was stored under them.
enum ReplayWindow {
    /// The most batches of one step.
    static let stepBatches: Int64 = 1000

    /// One step: looks at the batches that were stored the longest ago, and removes those that are old enough. Only what
    /// is in the log goes: the appender's last snapshot has seen the end of their transactions.
    ///
    /// - Returns: How many batches were removed.
    static func prune(_ connection: PostgresConnection) throws(PostgresError) -> Int64 {
        try connection.query(
            """
            WITH oldest AS MATERIALIZED (
                SELECT b.ctid, b.batch_id FROM docket.batches AS b
                WHERE b.commit_xid < (SELECT pg_snapshot_xmin(snapshot) FROM docket.appender)
                ORDER BY b.commit_xid LIMIT \(self.stepBatches)
            ), gone AS (
                DELETE FROM docket.batches AS b USING oldest AS o, docket.store_policy AS p
                WHERE b.ctid = o.ctid
                    AND docket.received_at(o.batch_id) < now() - make_interval(hours => p.replay_window_hours)
                RETURNING b.tenant_id, b.producer_id, b.sequence
            ), floors AS (
                INSERT INTO docket.producer_floors AS f (tenant_id, producer_id, floor)
                SELECT tenant_id, producer_id, max(sequence) FROM gone GROUP BY tenant_id, producer_id
                ORDER BY tenant_id, producer_id
                ON CONFLICT (tenant_id, producer_id) DO UPDATE SET floor = greatest(f.floor, excluded.floor)
            )
            SELECT count(*) FROM gone
            """
        ).integer(0, 0)
    }
}
