/// The one index of a segment that is still written to: a BRIN, which costs a writer next to nothing.
///
/// Of each range of blocks it says between which times the rows lie, and by Bloom filters which values of the other columns
/// are not in it (PostgreSQL, chapter 71: BRIN indexes, `bloom` operator classes). What names few events is thereby found
/// without reading the segment.
enum HotIndex {
    /// `pages_per_range`: 256 KiB, some 700 rows of 350 bytes. The filters of a range must fit in a block.
    static let blocksPerRange: Int64 = 32

    /// What has a filter, each with the number of different values in a range for which one in a hundred ranges is read in
    /// vain; where there are more, more are. Together the filters take 5 KiB.
    ///
    /// A BRIN is read once for each value of an array that is asked for, whole, and PostgreSQL asks for every array that stands
    /// beside a column of it: of tenants, in the policy of row-level security, and of types. It doesn't where the index is on
    /// an expression, which a single value can be asked for by.
    private static let filters: [(expression: String, operatorClass: String, distinctPerRange: Int)] = [
        ("(tenant_id::int8)", "int8_bloom_ops", 64),
        ("(type_id::int8)", "int8_bloom_ops", 64),
        ("event_id", "uuid_bloom_ops", 800),
        ("scope", "text_bloom_ops", 64),
        ("actor_id", "text_bloom_ops", 400),
        ("resource_id", "text_bloom_ops", 600),
        ("session_id", "text_bloom_ops", 400),
        ("request_id", "text_bloom_ops", 800),
        ("agent_id", "text_bloom_ops", 128),
        ("trace_id", "bytea_bloom_ops", 800),
    ]

    /// Its name on a segment's table.
    static func name(of table: String) -> String { "\(table)_blocks" }

    /// Its name on a segment that was made before it had filters.
    static func formerName(of table: String) -> String { "\(table)_occurred_at" }

    /// The statement that builds it. The log duty summarises its ranges (``HeapSummary``); autovacuum doesn't.
    static func create(on table: String) -> String {
        let filters = self.filters.map {
            "\($0.expression) \($0.operatorClass)(n_distinct_per_range = \($0.distinctPerRange))"
        }
        return """
            CREATE INDEX \(self.name(of: table)) ON docket.\(table)
                USING brin (occurred_at, \(filters.joined(separator: ", "))) WITH (pages_per_range = \(self.blocksPerRange))
            """
    }
}
