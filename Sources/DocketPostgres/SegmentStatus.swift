import DocketCodec
package import DocketModel

/// What an operator wants to know of a segment.
package struct SegmentStatus: Sendable, Equatable {
    package var id: Int32
    /// Its table, in the schema docket.
    package var table: String
    /// hot, sealing, sealed, retiring or dropped.
    package var state: String
    /// How many rows it has; counted once it is no longer hot, estimated before.
    package var rowCount: Int64
    package var isRowCountExact: Bool
    /// Its rows on disk, with what is too large for a page, in bytes.
    package var heapBytes: Int64
    /// All its indexes, in bytes.
    package var indexBytes: Int64
    /// How many of its indexes are usable, and how many are not, or not yet.
    package var validIndexCount: Int64
    package var invalidIndexCount: Int64
    /// When its events happened; `nil` until they have been counted, and when there are none.
    package var minOccurredAt: Timestamp?
    package var maxOccurredAt: Timestamp?
    /// When its batches were received; `nil` until they have been counted, and when there are none.
    package var minReceivedAt: Timestamp?
    package var maxReceivedAt: Timestamp?
    package var createdAt: Timestamp
    package var rotatedAt: Timestamp?
    /// When its indexes were complete.
    package var sealedAt: Timestamp?
    package var frozenAt: Timestamp?

}

extension SegmentStatus {
    /// What a row is taken to need where the server has no statistics, which a crash loses, in bytes.
    private static let guessedRowBytes: Int64 = 300

    /// All segments, oldest first, over a connection of `docket_maintainer`; those whose table is gone only when asked
    /// for.
    static func list(
        includingDropped: Bool, _ connection: PostgresConnection
    ) throws(PostgresError) -> [SegmentStatus] {
        let rows = try connection.query(
            """
            SELECT s.segment_id, s.table_name::text, s.state, s.row_count IS NOT NULL,
                coalesce(s.row_count, nullif(greatest(
                    pg_stat_get_live_tuples(c.oid),
                    CASE WHEN c.reltuples > 0 AND c.relpages > 0
                        THEN (c.reltuples / c.relpages * (pg_relation_size(c.oid) / current_setting('block_size')::int4))::int8
                    END), 0), pg_relation_size(c.oid) / \(self.guessedRowBytes), 0),
                coalesce(pg_table_size(c.oid), 0), coalesce(pg_indexes_size(c.oid), 0),
                coalesce(x.valid, 0), coalesce(x.invalid, 0),
                s.min_occurred_at, s.max_occurred_at, s.min_batch_id, s.max_batch_id,
                s.created_at, s.rotated_at, s.sealed_at, s.frozen_at
            FROM docket.segments AS s
            LEFT JOIN pg_class AS c ON c.relname = s.table_name AND c.relnamespace = 'docket'::regnamespace
            LEFT JOIN LATERAL (
                SELECT count(*) FILTER (WHERE i.indisvalid AND i.indisready) AS valid,
                    count(*) FILTER (WHERE NOT (i.indisvalid AND i.indisready)) AS invalid
                FROM pg_index AS i WHERE i.indrelid = c.oid) AS x ON true
            WHERE s.state <> 'dropped' OR $1 ORDER BY s.segment_id
            """, [.bool(includingDropped)])
        var segments: [SegmentStatus] = []
        for row in 0..<rows.count { segments.append(try SegmentStatus(rows, row)) }
        return segments
    }

    private init(_ rows: PostgresRows, _ row: Int) throws(PostgresError) {
        self.id = try rows.integer(row, 0)
        self.table = try rows.text(row, 1)
        self.state = try rows.text(row, 2)
        self.isRowCountExact = try rows.bool(row, 3)
        self.rowCount = try rows.integer(row, 4)
        self.heapBytes = try rows.integer(row, 5)
        self.indexBytes = try rows.integer(row, 6)
        self.validIndexCount = try rows.integer(row, 7)
        self.invalidIndexCount = try rows.integer(row, 8)
        self.minOccurredAt = try rows.optionalTimestamp(row, 9)
        self.maxOccurredAt = try rows.optionalTimestamp(row, 10)
        self.minReceivedAt = try rows.optionalInteger(row, 11).map { BatchID.receivedAt(of: $0) }
        self.maxReceivedAt = try rows.optionalInteger(row, 12).map { BatchID.receivedAt(of: $0) }
        self.createdAt = try rows.timestamp(row, 13)
        self.rotatedAt = try rows.optionalTimestamp(row, 14)
        self.sealedAt = try rows.optionalTimestamp(row, 15)
        self.frozenAt = try rows.optionalTimestamp(row, 16)
    }
}

extension Administration {
    /// All segments, oldest first.
    ///
    /// - Parameter includingDropped: Also those that retention has removed.
    package func segments(includingDropped: Bool = false) async throws(PostgresError) -> [SegmentStatus] {
        try await self.pool.run { connection throws(PostgresError) in
            try SegmentStatus.list(includingDropped: includingDropped, connection)
        }
    }
}
