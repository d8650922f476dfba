package import DocketCodec

/// A field of an event that a definition can require, by its name in the JSON projection (docs/json.md).
package struct EventField: Sendable, Hashable, Comparable {
    package let column: EventColumn

    /// The field of that name; `nil` when there is none, or when every event has it.
    package init?(named name: String) {
        guard let field = Self.all.first(where: { $0.name == name }) else { return nil }
        self = field
    }

    private init?(_ column: EventColumn) {
        guard Self.name(of: column) != nil else { return nil }
        self.column = column
    }

    /// All of them, in the order of the columns.
    package static let all = EventColumn.allCases.compactMap { EventField($0) }

    package var name: String { Self.name(of: self.column) ?? self.column.sqlName }

    package static func < (left: EventField, right: EventField) -> Bool { left.column.rawValue < right.column.rawValue }

    private static func name(of column: EventColumn) -> String? {
        switch column {
        // Every event has these; an event without obligations has an empty list of them.
        case .batchID, .occurredAt, .eventID, .tenantID, .typeID, .position, .obligations: nil
        case .payloadInSizeBytes: "payload.in_size_bytes"
        case .payloadOutSizeBytes: "payload.out_size_bytes"
        case .payloadHash: "payload.hash"
        case .actorKind: "actor.kind"
        case .actorID: "actor.id"
        case .actorUserID: "actor.user_id"
        case .resourceType: "resource.type"
        case .resourceID: "resource.id"
        case .decision, .outcome, .durationUs, .riskScore, .scope, .action, .reason, .policy, .sessionID, .requestID,
            .agentID, .source, .sourceEventID, .traceID, .spanID, .delegation, .evaluatedRules, .attributes:
            column.sqlName
        }
    }
}
