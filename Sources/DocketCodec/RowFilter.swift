package import DocketModel

/// Tells whether a row meets a filter, by the same comparisons as PostgreSQL does where the filter is a `WHERE`: on bytes, since
/// text columns are `COLLATE "C"`. A NULL meets no condition.
///
/// It looks at a row's columns as they are, so that only what matches need be decoded.
package struct RowFilter: Sendable, Equatable {
    private let filter: EventFilter
    private let texts: [(column: EventColumn, bytes: [UInt8])]
    private let search: TextSearch?

    /// A filter on rows.
    package init(_ filter: EventFilter) {
        self.filter = filter
        let texts: [(column: EventColumn, value: String?)] = [
            (.scope, filter.scope), (.actorID, filter.actorID), (.sessionID, filter.sessionID),
            (.requestID, filter.requestID), (.agentID, filter.agentID), (.resourceType, filter.resourceType),
            (.resourceID, filter.resourceID), (.action, filter.action), (.source, filter.source),
            (.policy, filter.policy),
        ]
        self.texts = texts.compactMap { text in text.value.map { (text.column, Array($0.utf8)) } }
        self.search = filter.text.map { TextSearch($0) }
    }

    /// Whether it has no condition, so that every row meets it.
    package var hasNoCondition: Bool { self.filter == EventFilter() }

    /// Whether the row meets all conditions.
    ///
    /// - Parameters:
    ///   - typeName: The name of its event type.
    ///   - field: Its columns.
    /// - Throws: ``CodecError`` of the code `invalidRow`, for a column of the wrong size.
    package func matches(typeName: String?, field: RowField) throws(CodecError) -> Bool {
        guard self.isOfType(typeName), try unsafe self.hasNumbers(field) else { return false }
        for (column, wanted) in self.texts {
            guard let bytes = unsafe field(column), unsafe bytes.elementsEqual(wanted) else { return false }
        }
        guard unsafe self.hasAttributes(field) else { return false }
        return unsafe self.hasText(field)
    }

    package static func == (left: RowFilter, right: RowFilter) -> Bool { left.filter == right.filter }

    private func isOfType(_ name: String?) -> Bool {
        guard self.filter.type != nil || self.filter.typePrefix != nil else { return true }
        guard let name else { return false }
        if let type = self.filter.type, !type.utf8.elementsEqual(name.utf8) { return false }
        if let prefix = self.filter.typePrefix, !name.utf8.starts(with: prefix.utf8) { return false }
        return true
    }

    private func hasNumbers(_ field: RowField) throws(CodecError) -> Bool {
        let filter = self.filter
        if let decision = filter.decision,
            try unsafe requiredInteger(.decision, as: Int16.self, field) != decision.rawValue
        {
            return false
        }
        if let outcome = filter.outcome, try unsafe requiredInteger(.outcome, as: Int16.self, field) != outcome.rawValue
        {
            return false
        }
        if filter.occurredFrom != nil || filter.occurredTo != nil {
            let time = try unsafe occurredAt(field)
            if let from = filter.occurredFrom, time < from { return false }
            if let to = filter.occurredTo, time > to { return false }
        }
        if let least = filter.minRiskScore {
            guard let bits = try unsafe integer(.riskScore, as: UInt64.self, field) else { return false }
            guard Double(bitPattern: bits) >= least else { return false }
        }
        if let eventID = filter.eventID {
            guard let (high, low) = try unsafe halves(.eventID, field), EventID(high: high, low: low) == eventID else {
                return false
            }
        }
        if let traceID = filter.traceID {
            guard let (high, low) = try unsafe halves(.traceID, field), TraceID(high: high, low: low) == traceID else {
                return false
            }
        }
        return true
    }

    private func hasAttributes(_ field: RowField) -> Bool {
        guard !self.filter.attributes.isEmpty else { return true }
        guard let bytes = unsafe field(.attributes),
            let value = try? JSONValue(parsing: unsafe Array(bytes), maxDepth: .max)
        else {
            return false
        }
        return self.filter.attributes.allSatisfy { condition in
            value.text(at: condition.pointer)?.utf8.elementsEqual(condition.value.utf8) == true
        }
    }

    private func hasText(_ field: RowField) -> Bool {
        guard let search = self.search else { return true }
        for column in [EventColumn.reason, .attributes] {
            if let bytes = unsafe field(column), unsafe search.finds(bytes) { return true }
        }
        return false
    }
}
