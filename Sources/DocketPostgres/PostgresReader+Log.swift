import DocketModel
package import DocketStore

/// Reading of logs in their own order.
extension PostgresReader {
    /// The most batches of a tenant that ``newBatches(_:)`` gives at once.
    private static let maxNewBatches = 1_000

    package func logEnd(tenantID: Int32) async throws(StoreError) -> Int64 {
        try await self.run { connection, budget throws(PostgresError) in
            try Self.transaction(of: [tenantID], connection, budget) { () throws(PostgresError) in
                let rows = try connection.query(
                    "SELECT coalesce(max(log_index), -1) + 1 FROM docket.log_entries WHERE tenant_id = $1",
                    [.int4(tenantID)])
                return try rows.integer(0, 0)
            }
        }
    }

    package func readLog(_ query: LogQuery) async throws(StoreError) -> LogPage {
        let end = LogPosition(logIndex: query.end, position: 0)
        guard query.from < end, Self.canMatch(query.filter) else { return LogPage(events: [], next: end) }
        return try await self.run { connection, budget throws(PostgresError) in
            try Self.transaction(of: [query.tenantID], connection, budget) { () throws(PostgresError) in
                try LogReading(query: query, connection: connection, budget: budget).page()
            }
        }
    }

    package func newBatches(_ ends: [Int32: Int64]) async throws(StoreError) -> [LogBatch] {
        guard !ends.isEmpty else { return [] }
        let tenants = ends.keys.sorted()
        let indexes = tenants.map { ends[$0] ?? 0 }
        return try await self.run { connection, budget throws(PostgresError) in
            try Self.transaction(of: tenants, connection, budget) { () throws(PostgresError) in
                let rows = try connection.query(
                    """
                    SELECT l.tenant_id, l.log_index, l.batch_id, l.accepted_count
                    FROM unnest($1::int4[], $2::int8[]) AS w (tenant_id, log_index)
                    CROSS JOIN LATERAL (
                        SELECT tenant_id, log_index, batch_id, accepted_count FROM docket.log_entries AS l
                        WHERE l.tenant_id = w.tenant_id AND l.log_index >= w.log_index AND l.log_index < \(Int64.max)
                        ORDER BY l.log_index LIMIT \(Self.maxNewBatches)) AS l
                    ORDER BY l.tenant_id, l.log_index
                    """, [.int4Array(tenants), .int8Array(indexes)])
                return try (0..<rows.count).map { (row) throws(PostgresError) in
                    LogBatch(
                        tenantID: try rows.integer(row, 0), logIndex: try rows.integer(row, 1),
                        batchID: try rows.integer(row, 2), acceptedCount: try rows.integer(row, 3))
                }
            }
        }
    }
}
