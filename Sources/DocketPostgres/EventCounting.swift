import DocketModel
import DocketStore

/// Counts the events that match a query, inside its transaction.
///
/// What the planner expects would be cheaper than a sample, but its statistics are of all tenants' rows: an estimate would
/// tell one tenant which values are frequent in another's log. A sample is read under row-level security like any page.
struct EventCounting {
    /// An estimate is exact up to so many events, where it takes no longer than that.
    static let maxQuickCount: Int64 = 10_000
    private static let quickMilliseconds = 1_000
    private let query: EventQuery
    private let connection: PostgresConnection
    private let budget: QueryBudget
    private let sampleBlocks: Int

    /// - Parameter sampleBlocks: How many blocks a sample has, nearly: by default 32 MiB.
    init(
        _ query: EventQuery, _ connection: PostgresConnection, _ budget: QueryBudget, sampleBlocks: Int = 4_096
    ) {
        // All pages: from the beginning.
        var query = query
        query.after = nil
        self.query = query
        self.connection = connection
        self.budget = budget
        self.sampleBlocks = sampleBlocks
    }

    /// As the query asks for it; `nil` when it doesn't.
    func count() throws(PostgresError) -> Int64? {
        guard let how = self.query.count else { return nil }
        let typeIDs = try PostgresReader.typeIDs(self.query.filter, self.connection)
        if typeIDs?.isEmpty == true { return 0 }
        var walk = SegmentWalk(try PostgresReader.segments(self.connection), for: self.query, purpose: .whole)
        var groups: [[Int32]] = []
        while let group = walk.next(upTo: nil) { groups.append(group.ids) }
        let selects = groups.map { EventSelect(self.query, segments: $0, typeIDs: typeIDs) }
        switch how {
        case .exact: return try self.sum(selects, milliseconds: nil) { $0.countSQL() }
        case .estimated:
            let quick = try self.quickCount(selects)
            if let quick, quick <= Self.maxQuickCount { return quick }
            let percent = try self.samplePercent(groups.flatMap { $0 })
            let found = try self.sum(selects, milliseconds: nil) { $0.sampleSQL(percent: percent) }
            return max(Self.rounded(Double(found) * 100 / percent), quick ?? 0)
        }
    }

    /// To two digits: more of them would tell how large the whole store is, of which the sample is a share.
    static func rounded(_ value: Double) -> Int64 {
        var (value, unit) = (value, 1.0)
        while value >= 100 { (value, unit) = (value / 10, unit * 10) }
        return Int64(value.rounded() * unit)
    }

    /// The exact number up to ``maxQuickCount``, one more where there are more; `nil` when that isn't soon known.
    private func quickCount(_ selects: [EventSelect]) throws(PostgresError) -> Int64? {
        try self.connection.execute("SAVEPOINT quick")
        do throws(PostgresError) {
            let count = try self.sum(selects, milliseconds: Self.quickMilliseconds) {
                $0.countSQL(limit: Self.maxQuickCount + 1)
            }
            try self.connection.execute("RELEASE SAVEPOINT quick")
            return min(count, Self.maxQuickCount + 1)
        } catch {
            guard error.sqlstate == .queryCanceled, self.connection.isAlive else { throw error }
            try self.connection.execute("ROLLBACK TO SAVEPOINT quick; RELEASE SAVEPOINT quick")
            return nil
        }
    }

    private func sum(
        _ selects: [EventSelect], milliseconds: Int?, _ sql: (EventSelect) -> String
    ) throws(PostgresError) -> Int64 {
        let own = milliseconds.map { QueryBudget(milliseconds: $0) }
        var sum: Int64 = 0
        for select in selects {
            let left = min(try self.budget.leftMilliseconds(), try own?.leftMilliseconds() ?? .max)
            try self.connection.execute("SET LOCAL statement_timeout = \(left)")
            sum += try self.connection.query(sql(select), select.values).integer(0, 0)
            if own != nil, sum > Self.maxQuickCount { break }
        }
        return sum
    }

    private func samplePercent(_ segments: [Int32]) throws(PostgresError) -> Double {
        let rows = try self.connection.query(
            """
            SELECT coalesce(sum(pg_relation_size(to_regclass('docket.' || quote_ident(table_name)))), 0)::int8
                / current_setting('block_size')::int8 FROM docket.segments WHERE segment_id = ANY ($1)
            """, [.int4Array(segments)])
        let blocks: Int64 = try rows.integer(0, 0)
        return min(100, 100 * Double(self.sampleBlocks) / Double(max(1, blocks)))
    }
}
