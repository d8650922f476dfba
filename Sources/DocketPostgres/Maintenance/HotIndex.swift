import DocketCodec

/// The one index of a segment that is still written to: a BRIN, which costs a writer next to nothing.
///
/// Of each range of blocks it says between which times the rows lie, and by Bloom filters which values of the other columns
/// are not in it (PostgreSQL, chapter 71: BRIN indexes, `bloom` operator classes). What names few events is thereby found
/// without reading the segment.
enum HotIndex {
    /// `pages_per_range`: 256 KiB, some 700 rows of 350 bytes. The filters of a range must fit in a block.
    static let blocksPerRange: Int64 = 32

    /// The columns that have a filter, each with the number of different values in a range for which one in a hundred ranges
    /// is read in vain; where there are more, more are. Together the filters take 5 KiB.
    private static let filters: [(column: EventColumn, operatorClass: String, distinctPerRange: Int)] = [
        (.tenantID, "int4_bloom_ops", 64),
        (.typeID, "int4_bloom_ops", 64),
        (.eventID, "uuid_bloom_ops", 800),
        (.scope, "text_bloom_ops", 64),
        (.actorID, "text_bloom_ops", 400),
        (.resourceID, "text_bloom_ops", 600),
        (.sessionID, "text_bloom_ops", 400),
        (.requestID, "text_bloom_ops", 800),
        (.agentID, "text_bloom_ops", 128),
        (.traceID, "bytea_bloom_ops", 800),
    ]

    /// Its name on a segment's table.
    static func name(of table: String) -> String { "\(table)_blocks" }

    /// Its name on a segment that was made before it had filters.
    static func formerName(of table: String) -> String { "\(table)_occurred_at" }

    /// The statement that builds it. The log duty summarises its ranges (``HeapSummary``), so autovacuum needn't.
    static func create(on table: String) -> String {
        let filters = self.filters.map {
            "\($0.column.sqlName) \($0.operatorClass)(n_distinct_per_range = \($0.distinctPerRange))"
        }
        return """
            CREATE INDEX \(self.name(of: table)) ON docket.\(table)
                USING brin (occurred_at, \(filters.joined(separator: ", "))) WITH (pages_per_range = \(self.blocksPerRange))
            """
    }
}
