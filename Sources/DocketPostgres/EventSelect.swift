import DocketCodec
import DocketModel
import DocketStore

/// The statement that reads some segments for a query, with its parameters: pure text, apart from the connection.
struct EventSelect {
    /// On the columns that PostgreSQL finds in a row without walking it, or that have an index, and on the others.
    private var first = SQLConditions()
    private var others: SQLConditions
    private let query: EventQuery
    private let isHeap: Bool

    /// What stands behind WHERE, of `docket.events AS e`.
    var conditions: String {
        self.others.isEmpty ? self.first.sql : "\(self.first.sql) AND \(self.others.sql)"
    }

    var values: [PostgresValue] { self.first.values + self.others.values }

    /// The columns of ``EventColumn`` of `docket.events AS e`.
    static let columns = EventColumn.allCases.map { "e.\($0.sqlName)" }.joined(separator: ", ")

    /// The columns of ``EventColumn`` of `docket.events AS e`, with NULL in the place of what isn't wanted and may be absent;
    /// and what has to be read of the table for them.
    private static func columns(of fields: EventFields) -> (outer: String, inner: String) {
        guard fields != .all else { return (self.columns, "e.*") }
        func isRead(_ column: EventColumn) -> Bool { column.field.map(fields.contains) ?? true }
        let columns = EventColumn.allCases.map { isRead($0) ? "e.\($0.sqlName)" : "NULL::\($0.sqlType)" }
        let inner = EventColumn.allCases.filter(isRead).map { "e.\($0.sqlName)" }
        return (columns.joined(separator: ", "), inner.joined(separator: ", "))
    }

    /// The columns behind those of ``EventColumn``.
    static let typeNameColumn = EventColumn.count
    static let tenantColumn = EventColumn.count + 1

    /// - Parameters:
    ///   - segments: The ids of the segments that are read; `nil` for all that there are.
    ///   - times: Of the segments' times those that are read; `nil` for all.
    ///   - typeIDs: The event types that the filter's name or prefix stands for; `nil` for any.
    ///   - end: Only rows before this place are wanted; `nil` for all.
    ///   - heap: Of one segment without indexes: which of its blocks; `nil` for all segments that have them.
    init(
        _ query: EventQuery, segments: [Int32]?, times: ClosedRange<Timestamp>? = nil, typeIDs: [Int32]? = nil,
        before end: PageCursor? = nil, heap: HeapPlan.Step? = nil
    ) {
        self.query = query
        self.isHeap = heap != nil
        if let segments { self.first.add(segments: segments) }
        // Row-level security says the same; here it lets an index on the tenant be used. Only behind one value of the
        // tenant does an index give the rows in the order of their times, so that the first ones can be had alone.
        if query.tenantIDs.count == 1, let tenant = query.tenantIDs.first {
            self.first.add("e.tenant_id = ?", .int4(tenant))
        } else {
            self.first.add("e.tenant_id = ANY (?)", .int4Array(query.tenantIDs))
        }
        self.first.add(fixedWidthOf: query.filter, typeIDs: typeIDs)
        let (behind, ahead) = query.order == .newestFirst ? ("<", ">") : (">", "<")
        if let times {
            self.first.add("e.occurred_at >= ?", .timestamp(times.lowerBound))
            self.first.add("e.occurred_at <= ?", .timestamp(times.upperBound))
        }
        if let after = query.after { Self.add(after, behind, to: &self.first) }
        if let end { Self.add(end, ahead, to: &self.first) }
        var isByIndex = false
        switch heap {
        case .window(let blocks)?: self.first.add(blocks: blocks)
        case .rest(let blocks)?:
            self.first.add(blocksWithout: blocks)
            isByIndex = true
        case nil: break
        }
        // Only beside the table itself can they be asked of its index.
        if isByIndex {
            self.first.add(tenantIDs: query.tenantIDs, typeIDs: typeIDs)
            self.first.add(keysOf: query.filter)
        }
        self.others = SQLConditions(behind: self.first.values)
        if !isByIndex { self.others.add(keysOf: query.filter) }
        self.others.add(unkeyedOf: query.filter)
    }

    /// Sorted and cut first, named afterwards. One row more than asked for tells whether there is a next page.
    var sql: String {
        let direction = self.query.order == .newestFirst ? "DESC" : "ASC"
        func order(_ table: String) -> String {
            ["occurred_at", "batch_id", "position"].map { "\(table).\($0) \(direction)" }.joined(separator: ", ")
        }
        return """
            SELECT \(Self.columns(of: self.query.fields).outer), y.name, t.slug
            FROM (
                SELECT \(Self.columns(of: self.query.fields).inner) FROM \(self.source)
                ORDER BY \(order("e"))
                LIMIT \(self.query.limit + 1)
            ) AS e
            LEFT JOIN docket.event_types AS y ON y.type_id = e.type_id
            LEFT JOIN docket.tenants AS t ON t.tenant_id = e.tenant_id
            ORDER BY \(order("e"))
            """
    }

    /// The time of the earliest row.
    var earliestSQL: String { "SELECT min(e.occurred_at) FROM \(self.source)" }

    /// What stands behind FROM.
    ///
    /// Before a scan looks at the first condition, PostgreSQL takes the row apart as far as the last one needs it. OFFSET 0
    /// keeps it from that where most rows are read in vain: those of other tenants are dropped before.
    private var source: String {
        if self.isHeap, !self.others.isEmpty {
            return """
                (SELECT e.* FROM docket.events AS e WHERE \(self.first.sql) OFFSET 0) AS e WHERE \(self.others.sql)
                """
        }
        return "docket.events AS e WHERE \(self.conditions)"
    }

    /// Counts instead of reading: all, or no further than to a limit.
    func countSQL(limit: Int64? = nil) -> String {
        let limit = limit.map { " LIMIT \($0)" } ?? ""
        return "SELECT count(*) FROM (SELECT FROM \(self.source)\(limit)) AS counted"
    }

    /// Counts those in a share of all blocks (PostgreSQL, SELECT, TABLESAMPLE), in percent.
    func sampleSQL(percent: Double) -> String {
        "SELECT count(*) FROM docket.events AS e TABLESAMPLE SYSTEM (\(percent)) WHERE \(self.conditions)"
    }

    /// The comparison of the whole key decides; that of the time alone is what an index on it can use.
    private static func add(_ place: PageCursor, _ sign: String, to conditions: inout SQLConditions) {
        conditions.add("e.occurred_at \(sign)= ?", .timestamp(place.occurredAt))
        conditions.add(
            "(e.occurred_at, e.batch_id, e.position) \(sign) (?, ?, ?)", .timestamp(place.occurredAt),
            .int8(place.batchID), .int4(place.position))
    }
}

extension EventColumn {
    /// The field that the column holds; `nil` for one that is always read, since no row goes without it or paging needs it.
    fileprivate var field: EventField? {
        switch self {
        case .batchID, .occurredAt, .eventID, .tenantID, .typeID, .position, .decision, .outcome: nil
        case .durationUs: .duration
        case .riskScore: .riskScore
        case .payloadInSizeBytes: .payloadInSize
        case .payloadOutSizeBytes: .payloadOutSize
        case .scope: .scope
        case .actorKind: .actorKind
        case .actorID: .actorID
        case .actorUserID: .actorUserID
        case .action: .action
        case .resourceType: .resourceType
        case .resourceID: .resourceID
        case .reason: .reason
        case .policy: .policy
        case .sessionID: .sessionID
        case .requestID: .requestID
        case .agentID: .agentID
        case .source: .source
        case .sourceEventID: .sourceEventID
        case .payloadHash: .payloadHash
        case .traceID: .traceID
        case .spanID: .spanID
        case .delegation: .delegation
        case .obligations: .obligations
        case .evaluatedRules: .evaluatedRules
        case .attributes: .attributes
        }
    }
}
