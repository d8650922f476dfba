package import DocketCodec

/// How a batch is stored by the owner of the tables: what Docket itself writes, and what an operator brings back.
package enum MaintainerInsert {
    /// How often the hot segment is looked for while it is being replaced.
    private static let attempts = 5

    /// Stores a batch in the caller's open transaction, with what a writer's commit group stores, into the hot segment.
    ///
    /// - Throws: `unfit` when there is no hot segment, and the server's error; the transaction is of no use then.
    package static func store(
        _ batch: EncodedBatch, _ connection: PostgresConnection
    ) throws(PostgresError) {
        precondition(!connection.isIdle, "a transaction is open")
        let script = CommitStatement.commit([batch], segment: try self.holdHotSegment(connection))
        try connection.copyIn(script.sql, streams: script.streams)
    }

    /// The hot segment, which stays the hot one until the transaction ends. The REVOKE of a rotation, which stops a
    /// writer, doesn't bind the owner; but a rotation updates the segment's row, and so waits for this lock.
    static func holdHotSegment(_ connection: PostgresConnection) throws(PostgresError) -> HotSegment {
        for _ in 0..<self.attempts {
            let rows = try connection.query(
                "SELECT segment_id, table_name::text FROM docket.segments WHERE state = 'hot' FOR SHARE")
            if rows.count > 0 { return HotSegment(id: try rows.integer(0, 0), table: try rows.text(0, 1)) }
            // A rotation that the statement waited for: it has seen the old row only, and the next one sees the new.
        }
        throw PostgresError(
            code: .unfit, message: "docket.segments names no hot segment; there must be one: run docket doctor")
    }
}
