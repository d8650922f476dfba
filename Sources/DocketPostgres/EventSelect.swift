import DocketCodec
import DocketModel
import DocketStore

/// The statement that reads some segments for a query, with its parameters: pure text, apart from the connection.
struct EventSelect {
    private(set) var conditions: [String] = []
    private(set) var values: [PostgresValue] = []
    private let query: EventQuery

    /// The columns behind those of ``EventColumn``.
    static let typeNameColumn = EventColumn.count
    static let tenantColumn = EventColumn.count + 1

    /// - Parameters:
    ///   - segments: The ids of the segments that are read; `nil` for all that there are.
    ///   - typeIDs: The event types that the filter's name or prefix stands for; `nil` for any.
    ///   - end: Only rows before this place are wanted; `nil` for all.
    init(_ query: EventQuery, segments: [Int32]?, typeIDs: [Int32]? = nil, before end: PageCursor? = nil) {
        self.query = query
        // No parameter: the planner is to leave the other partitions out before it opens them, whatever it knows of the
        // parameters then.
        if let segments {
            let ids = segments.map { "\($0)" }.joined(separator: ",")
            self.conditions.append("e.segment_id = ANY ('{\(ids)}'::int4[])")
        }
        // Row-level security says the same; here it lets an index on the tenant be used. Only behind one value of the
        // tenant does an index give the rows in the order of their times, so that the first ones can be had alone.
        if query.tenantIDs.count == 1, let tenant = query.tenantIDs.first {
            self.add("e.tenant_id = ?", .int4(tenant))
        } else {
            self.add("e.tenant_id = ANY (?)", .int4Array(query.tenantIDs))
        }
        // Told the ids, the planner knows how frequent they are.
        if let typeIDs {
            let ids = typeIDs.map { "\($0)" }.joined(separator: ",")
            self.conditions.append("e.type_id = ANY ('{\(ids)}'::int4[])")
        }
        self.addFilter(query.filter)
        let (behind, ahead) = query.order == .newestFirst ? ("<", ">") : (">", "<")
        if let after = query.after { self.addPlace(after, behind) }
        if let end { self.addPlace(end, ahead) }
    }

    /// Sorted and cut first, named afterwards. One row more than asked for tells whether there is a next page.
    var sql: String {
        let direction = self.query.order == .newestFirst ? "DESC" : "ASC"
        let columns = EventColumn.allCases.map { "e.\($0.sqlName)" }.joined(separator: ", ")
        func order(_ table: String) -> String {
            ["occurred_at", "batch_id", "position"].map { "\(table).\($0) \(direction)" }.joined(separator: ", ")
        }
        return """
            SELECT \(columns), y.name, t.slug
            FROM (
                SELECT e.* FROM docket.events AS e
                WHERE \(self.conditions.joined(separator: " AND "))
                ORDER BY \(order("e"))
                LIMIT \(self.query.limit + 1)
            ) AS e
            LEFT JOIN docket.event_types AS y ON y.type_id = e.type_id
            LEFT JOIN docket.tenants AS t ON t.tenant_id = e.tenant_id
            ORDER BY \(order("e"))
            """
    }

    private mutating func addFilter(_ filter: EventFilter) {
        let texts: [(column: EventColumn, value: String?)] = [
            (.scope, filter.scope), (.actorID, filter.actorID), (.sessionID, filter.sessionID),
            (.requestID, filter.requestID), (.agentID, filter.agentID), (.resourceType, filter.resourceType),
            (.resourceID, filter.resourceID), (.action, filter.action), (.source, filter.source),
            (.policy, filter.policy),
        ]
        for (column, value) in texts {
            if let value { self.add("e.\(column.sqlName) = ?", .text(value)) }
        }
        if let decision = filter.decision { self.add("e.decision = ?", .int2(decision.rawValue)) }
        if let outcome = filter.outcome { self.add("e.outcome = ?", .int2(outcome.rawValue)) }
        if let score = filter.minRiskScore { self.add("e.risk_score >= ?", .float8(score)) }
        if let from = filter.occurredFrom { self.add("e.occurred_at >= ?", .timestamp(from)) }
        if let to = filter.occurredTo { self.add("e.occurred_at <= ?", .timestamp(to)) }
        if let eventID = filter.eventID { self.add("e.event_id = ?", .uuid(eventID.bytes)) }
        if let traceID = filter.traceID { self.add("e.trace_id = ?", .bytes(traceID.bytes)) }
        // No index helps these: they come last, and are looked at where all others hold.
        for condition in filter.attributes {
            self.add("e.attributes #>> ?", .textArray(condition.pointer.tokens), " = ?", .text(condition.value))
        }
        if let text = filter.text {
            let pattern = PostgresValue.text("%\(Self.escaped(text))%")
            self.add(
                "(e.reason COLLATE \"C\" ILIKE ?", pattern, " OR e.attributes::text COLLATE \"C\" ILIKE ?)", pattern)
        }
    }

    /// A text as a pattern that only it matches (PostgreSQL, chapter 9.7.1).
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            if scalar == "%" || scalar == "_" || scalar == "\\" { escaped.unicodeScalars.append("\\") }
            escaped.unicodeScalars.append(scalar)
        }
        return escaped
    }

    /// The comparison of the whole key decides; that of the time alone is what an index on it can use.
    private mutating func addPlace(_ place: PageCursor, _ sign: String) {
        self.add("e.occurred_at \(sign)= ?", .timestamp(place.occurredAt))
        let first = self.values.count
        self.values += [.int8(place.batchID), .int4(place.position)]
        self.conditions.append(
            "(e.occurred_at, e.batch_id, e.position) \(sign) ($\(first), $\(first + 1), $\(first + 2))")
    }

    /// Adds a condition with one parameter, for which `?` stands.
    private mutating func add(_ condition: String, _ value: PostgresValue) {
        self.conditions.append(self.numbered(condition, value))
    }

    /// Adds a condition of two parts with a parameter each.
    private mutating func add(
        _ first: String, _ firstValue: PostgresValue, _ second: String, _ secondValue: PostgresValue
    ) {
        self.conditions.append(self.numbered(first, firstValue) + self.numbered(second, secondValue))
    }

    private mutating func numbered(_ condition: String, _ value: PostgresValue) -> String {
        self.values.append(value)
        let parts = condition.split(separator: "?", omittingEmptySubsequences: false)
        return parts.joined(separator: "$\(self.values.count)")
    }
}
