import DocketCodec
import DocketModel

/// Conditions that must all hold, with their parameters: pure text, apart from the connection.
struct SQLConditions: Sendable {
    private var conditions: [String] = []
    private(set) var values: [PostgresValue] = []
    private let firstNumber: Int

    /// - Parameter values: Of other conditions of the same statement, whose numbers come first.
    init(behind values: [PostgresValue] = []) { self.firstNumber = values.count + 1 }

    var isEmpty: Bool { self.conditions.isEmpty }

    /// What stands behind WHERE.
    var sql: String { self.conditions.isEmpty ? "true" : self.conditions.joined(separator: " AND ") }

    /// Adds a condition with parameters, for which `?` stand.
    mutating func add(_ condition: String, _ values: PostgresValue...) {
        let parts = condition.split(separator: "?", omittingEmptySubsequences: false)
        precondition(parts.count == values.count + 1, "one ? for each value")
        var text = ""
        for (part, value) in zip(parts, values) {
            text += "\(part)$\(self.firstNumber + self.values.count)"
            self.values.append(value)
        }
        self.conditions.append(text + (parts.last ?? ""))
    }
}

// MARK: - Of `docket.events AS e`

extension SQLConditions {
    /// Only rows of these segments. No parameter: the planner is to leave the other partitions out before it opens them,
    /// whatever it knows of the parameters then.
    mutating func add(segments: [Int32]) {
        let ids = segments.map { "\($0)" }.joined(separator: ",")
        self.add("e.segment_id = ANY ('{\(ids)}'::int4[])")
    }

    /// Only rows in these blocks of their segment's table (PostgreSQL, "TID Range Scan").
    mutating func add(blocks: Range<Int64>) {
        self.add("e.ctid >= '(\(blocks.lowerBound),0)'::tid AND e.ctid < '(\(blocks.upperBound),0)'::tid")
    }

    /// All rows but those in these blocks of their segment's table.
    mutating func add(blocksWithout blocks: Range<Int64>) {
        guard !blocks.isEmpty else { return }
        self.add("(e.ctid < '(\(blocks.lowerBound),0)'::tid OR e.ctid >= '(\(blocks.upperBound),0)'::tid)")
    }

    /// What a filter asks for.
    ///
    /// - Parameter typeIDs: The event types that its name or prefix stands for; `nil` for any.
    mutating func add(_ filter: EventFilter, typeIDs: [Int32]?) {
        self.add(fixedWidthOf: filter, typeIDs: typeIDs)
        self.add(keysOf: filter)
        self.add(unkeyedOf: filter)
    }

    /// What a filter asks of the columns that PostgreSQL finds in a row without walking it.
    mutating func add(fixedWidthOf filter: EventFilter, typeIDs: [Int32]?) {
        // Told the ids, the planner knows how frequent they are.
        if let typeIDs {
            let ids = typeIDs.map { "\($0)" }.joined(separator: ",")
            self.add("e.type_id = ANY ('{\(ids)}'::int4[])")
        }
        if let decision = filter.decision { self.add("e.decision = ?", .int2(decision.rawValue)) }
        if let outcome = filter.outcome { self.add("e.outcome = ?", .int2(outcome.rawValue)) }
        if let from = filter.occurredFrom { self.add("e.occurred_at >= ?", .timestamp(from)) }
        if let to = filter.occurredTo { self.add("e.occurred_at <= ?", .timestamp(to)) }
        if let eventID = filter.eventID { self.add("e.event_id = ?", .uuid(eventID.bytes)) }
    }

    /// A tenant and a type, as ``HotIndex`` can be asked for them: one of each.
    mutating func add(tenantIDs: [Int32], typeIDs: [Int32]?) {
        if let id = tenantIDs.first, tenantIDs.count == 1 { self.add("e.tenant_id::int8 = ?", .int8(Int64(id))) }
        if let id = typeIDs?.first, typeIDs?.count == 1 { self.add("e.type_id::int8 = ?", .int8(Int64(id))) }
    }

    /// What a filter asks of the other columns that ``HotIndex`` knows.
    mutating func add(keysOf filter: EventFilter) {
        self.add(texts: [
            (.scope, filter.scope), (.actorID, filter.actorID), (.sessionID, filter.sessionID),
            (.requestID, filter.requestID), (.agentID, filter.agentID), (.resourceID, filter.resourceID),
        ])
        if let traceID = filter.traceID { self.add("e.trace_id = ?", .bytes(traceID.bytes)) }
    }

    /// What a filter asks of all further columns.
    mutating func add(unkeyedOf filter: EventFilter) {
        self.add(texts: [
            (.resourceType, filter.resourceType), (.action, filter.action), (.source, filter.source),
            (.policy, filter.policy),
        ])
        if let score = filter.minRiskScore { self.add("e.risk_score >= ?", .float8(score)) }
        // No index helps these: they come last, and are looked at where all others hold.
        for condition in filter.attributes {
            self.add("e.attributes #>> ? = ?", .textArray(condition.pointer.tokens), .text(condition.value))
        }
        if let text = filter.text {
            let pattern = PostgresValue.text("%\(Self.escaped(text))%")
            self.add(
                "(e.reason COLLATE \"C\" ILIKE ? OR e.attributes::text COLLATE \"C\" ILIKE ?)", pattern, pattern)
        }
    }

    private mutating func add(texts: [(column: EventColumn, value: String?)]) {
        for (column, value) in texts {
            if let value { self.add("e.\(column.sqlName) = ?", .text(value)) }
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
}
