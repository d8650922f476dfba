import DocketCodec
import DocketModel
import DocketStore

/// The statement that counts events by a field and by time: pure text, apart from the connection.
///
/// It is one statement for all segments: which groups have the most events is only known of all of them together, and
/// there may be as many groups as events. PostgreSQL counts them within its `work_mem`, and in temporary files beyond that;
/// what it answers has a row for each group that is told apart and one for each of their counts, and no more.
///
/// Of a field that Docket numbers there are few values: they are counted by value and time at once. Of a text there may be any
/// number, and as many more with each bucket: the events are read once to find the largest groups, and again to count those
/// over time.
struct StatisticsSelect {
    /// The columns of the answer.
    enum Column: Int {
        /// A group's rank from 1 on; 0 for all others together.
        case rank
        /// The number of a bucket from 1 on; NULL in the row of a whole group.
        case bucket
        case count
        /// Of a group's row: its value, behind `=`, or nothing for events without one. Of the row of rank 0, which is of all
        /// events: how many groups there are.
        case key
    }

    private let query: StatisticsQuery
    private let events: EventSelect

    /// - Parameter segments: The ids of the segments that are read; `nil` for all that there are.
    init(_ query: StatisticsQuery, segments: [Int32]?, typeIDs: [Int32]?) {
        self.query = query
        let events = EventQuery(tenantIDs: query.tenantIDs, filter: query.filter)
        self.events = EventSelect(events, segments: segments, typeIDs: typeIDs)
    }

    var values: [PostgresValue] {
        self.query.bucketStarts.isEmpty
            ? self.events.values : self.events.values + [.timestampArray(self.query.bucketStarts)]
    }

    var sql: String {
        """
        WITH \(self.totals), top AS MATERIALIZED (
            SELECT key, count, row_number() OVER (ORDER BY count DESC, key)::int4 AS rank
            FROM (SELECT key, count FROM totals ORDER BY count DESC, key LIMIT \(self.query.maxGroups)) AS first
        )
        SELECT 0, NULL::int4, coalesce(sum(count), 0)::int8, count(*)::text FROM totals
        UNION ALL
        SELECT rank, NULL, count, key FROM top\(self.query.bucketStarts.isEmpty ? "" : self.counts)
        """
    }

    /// How many events each value has.
    private var totals: String {
        guard let (name, join) = self.naming else {
            return """
                totals AS MATERIALIZED (
                    SELECT coalesce('=' || c.value, '') COLLATE "C" AS key, c.count
                    FROM (
                        SELECT e.\(self.column.sqlName) AS value, count(*) AS count
                        FROM docket.events AS e WHERE \(self.events.conditions)
                        GROUP BY 1
                    ) AS c
                )
                """
        }
        return """
            cells AS MATERIALIZED (
                SELECT coalesce('=' || \(name), '') COLLATE "C" AS key, c.bucket, c.count
                FROM (
                    SELECT e.\(self.column.sqlName) AS value, \(self.bucket) AS bucket, count(*) AS count
                    FROM docket.events AS e WHERE \(self.events.conditions)
                    GROUP BY 1, 2
                ) AS c\(join)
            ), totals AS MATERIALIZED (
                SELECT key, sum(count)::int8 AS count FROM cells GROUP BY key
            )
            """
    }

    /// How many events each of the largest groups has in each bucket, and all others together. As an array, their keys can be
    /// handed to parallel workers, which `top` can't (PostgreSQL, "Parallel Safety").
    private var counts: String {
        self.naming == nil
            ? """

            UNION ALL
            SELECT coalesce(t.rank, 0)::int4, \(self.bucket), count(*), NULL
            FROM docket.events AS e
            LEFT JOIN unnest((SELECT array_agg(key ORDER BY rank) FROM top)) WITH ORDINALITY AS t(key, rank)
                ON t.key = coalesce('=' || e.\(self.column.sqlName), '') COLLATE "C"
            WHERE \(self.events.conditions)
            GROUP BY 1, 2
            """
            : """

            UNION ALL
            SELECT coalesce(t.rank, 0), c.bucket, sum(c.count)::int8, NULL
            FROM cells AS c LEFT JOIN top AS t ON t.key = c.key
            GROUP BY 1, 2
            """
    }

    private var bucket: String {
        self.query.bucketStarts.isEmpty ? "0" : "width_bucket(e.occurred_at, $\(self.values.count))"
    }

    private var column: EventColumn {
        switch self.query.grouping {
        case .type: .typeID
        case .decision: .decision
        case .outcome: .outcome
        case .actor: .actorID
        case .tenant: .tenantID
        case .action: .action
        case .scope: .scope
        case .source: .source
        case .policy: .policy
        case .resourceType: .resourceType
        }
    }

    /// What a value that Docket numbers is called, and where that stands; `nil` for a text. Types of several tenants may have
    /// one name.
    private var naming: (name: String, join: String)? {
        switch self.query.grouping {
        case .type: ("y.name", " LEFT JOIN docket.event_types AS y ON y.type_id = c.value")
        case .tenant: ("t.slug", " LEFT JOIN docket.tenants AS t ON t.tenant_id = c.value")
        case .decision, .outcome: ("nullif(c.value, 0)::text", "")
        case .actor, .action, .scope, .source, .policy, .resourceType: nil
        }
    }
}
