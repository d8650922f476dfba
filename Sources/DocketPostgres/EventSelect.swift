import DocketCodec
import DocketModel
import DocketStore

/// The statement that reads some segments for a query, with its parameters: pure text, apart from the connection.
struct EventSelect {
    private(set) var conditions = SQLConditions()
    private let query: EventQuery

    var values: [PostgresValue] { self.conditions.values }

    /// The columns of ``EventColumn`` of `docket.events AS e`.
    static let columns = EventColumn.allCases.map { "e.\($0.sqlName)" }.joined(separator: ", ")
    /// The columns behind those of ``EventColumn``.
    static let typeNameColumn = EventColumn.count
    static let tenantColumn = EventColumn.count + 1

    /// - Parameters:
    ///   - segments: The ids of the segments that are read; `nil` for all that there are.
    ///   - typeIDs: The event types that the filter's name or prefix stands for; `nil` for any.
    ///   - end: Only rows before this place are wanted; `nil` for all.
    init(_ query: EventQuery, segments: [Int32]?, typeIDs: [Int32]? = nil, before end: PageCursor? = nil) {
        self.query = query
        if let segments { self.conditions.add(segments: segments) }
        // Row-level security says the same; here it lets an index on the tenant be used. Only behind one value of the
        // tenant does an index give the rows in the order of their times, so that the first ones can be had alone.
        if query.tenantIDs.count == 1, let tenant = query.tenantIDs.first {
            self.conditions.add("e.tenant_id = ?", .int4(tenant))
        } else {
            self.conditions.add("e.tenant_id = ANY (?)", .int4Array(query.tenantIDs))
        }
        self.conditions.add(query.filter, typeIDs: typeIDs)
        let (behind, ahead) = query.order == .newestFirst ? ("<", ">") : (">", "<")
        if let after = query.after { self.addPlace(after, behind) }
        if let end { self.addPlace(end, ahead) }
    }

    /// Sorted and cut first, named afterwards. One row more than asked for tells whether there is a next page.
    var sql: String {
        let direction = self.query.order == .newestFirst ? "DESC" : "ASC"
        func order(_ table: String) -> String {
            ["occurred_at", "batch_id", "position"].map { "\(table).\($0) \(direction)" }.joined(separator: ", ")
        }
        return """
            SELECT \(Self.columns), y.name, t.slug
            FROM (
                SELECT e.* FROM docket.events AS e
                WHERE \(self.conditions.sql)
                ORDER BY \(order("e"))
                LIMIT \(self.query.limit + 1)
            ) AS e
            LEFT JOIN docket.event_types AS y ON y.type_id = e.type_id
            LEFT JOIN docket.tenants AS t ON t.tenant_id = e.tenant_id
            ORDER BY \(order("e"))
            """
    }

    /// Counts instead of reading: all, or no further than to a limit.
    func countSQL(limit: Int64? = nil) -> String {
        let limit = limit.map { " LIMIT \($0)" } ?? ""
        return "SELECT count(*) FROM (SELECT FROM docket.events AS e WHERE \(self.conditions.sql)\(limit)) AS counted"
    }

    /// Counts those in a share of all blocks (PostgreSQL, SELECT, TABLESAMPLE), in percent.
    func sampleSQL(percent: Double) -> String {
        "SELECT count(*) FROM docket.events AS e TABLESAMPLE SYSTEM (\(percent)) WHERE \(self.conditions.sql)"
    }

    /// The comparison of the whole key decides; that of the time alone is what an index on it can use.
    private mutating func addPlace(_ place: PageCursor, _ sign: String) {
        self.conditions.add("e.occurred_at \(sign)= ?", .timestamp(place.occurredAt))
        self.conditions.add(
            "(e.occurred_at, e.batch_id, e.position) \(sign) (?, ?, ?)", .timestamp(place.occurredAt),
            .int8(place.batchID), .int4(place.position))
    }
}
