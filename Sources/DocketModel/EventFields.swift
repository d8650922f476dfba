/// A field of a stored event that a reader can ask for by itself.
package enum EventField: Int, Sendable, CaseIterable {
    case eventID, sourceEventID, type, occurredAt, scope, actorKind, actorID, actorUserID, delegation, action
    case resourceType, resourceID, decision, outcome, reason, policy, obligations, evaluatedRules, riskScore
    case sessionID, requestID, agentID, source, traceID, spanID, duration, payloadHash, payloadInSize
    case payloadOutSize, attributes, tenant, receivedAt, batchID, position, logIndex

    /// Its path in `docket.v1.StoredEvent`.
    package var path: String {
        switch self {
        case .eventID: "event.event_id"
        case .sourceEventID: "event.source_event_id"
        case .type: "event.type"
        case .occurredAt: "event.occurred_at_us"
        case .scope: "event.scope"
        case .actorKind: "event.actor.kind"
        case .actorID: "event.actor.id"
        case .actorUserID: "event.actor.user_id"
        case .delegation: "event.delegation"
        case .action: "event.action"
        case .resourceType: "event.resource.type"
        case .resourceID: "event.resource.id"
        case .decision: "event.decision"
        case .outcome: "event.outcome"
        case .reason: "event.reason"
        case .policy: "event.policy"
        case .obligations: "event.obligations"
        case .evaluatedRules: "event.evaluated_rules"
        case .riskScore: "event.risk_score"
        case .sessionID: "event.session_id"
        case .requestID: "event.request_id"
        case .agentID: "event.agent_id"
        case .source: "event.source"
        case .traceID: "event.trace_id"
        case .spanID: "event.span_id"
        case .duration: "event.duration_us"
        case .payloadHash: "event.payload.hash"
        case .payloadInSize: "event.payload.in_size_bytes"
        case .payloadOutSize: "event.payload.out_size_bytes"
        case .attributes: "event.attributes"
        case .tenant: "tenant"
        case .receivedAt: "received_at_us"
        case .batchID: "batch_id"
        case .position: "position"
        case .logIndex: "log_index"
        }
    }

    /// Its path in the JSON of an event (docs/json.md).
    package var jsonPath: String {
        switch self {
        case .occurredAt: "occurred_at"
        case .receivedAt: "received_at"
        default: self.path.hasPrefix("event.") ? String(self.path.dropFirst(6)) : self.path
        }
    }
}

/// Which fields of stored events a reader wants.
package struct EventFields: Sendable, Equatable {
    /// A bit for each field, by its raw value.
    private var bits: UInt64 = 0

    /// All that there are.
    package static let all = EventFields(EventField.allCases)

    /// These fields.
    package init(_ fields: some Sequence<EventField>) {
        for field in fields { self.bits |= 1 << UInt64(field.rawValue) }
    }

    /// The fields that a path of `docket.v1.StoredEvent` names: one, or all of a message such as `event.actor`; `nil` when it
    /// names none.
    package init?(path: String) { self.init(path, of: EventField.allCases, \.path) }

    /// The fields that a path in the JSON of an event names; `nil` when it names none.
    package init?(jsonPath: String) { self.init(jsonPath, of: EventField.inJSON, \.jsonPath) }

    private init?(_ path: String, of fields: [EventField], _ name: (EventField) -> String) {
        let named = fields.filter { name($0) == path || name($0).hasPrefix("\(path).") }
        guard !named.isEmpty else { return nil }
        self.init(named)
    }

    /// Whether the field is wanted.
    package func contains(_ field: EventField) -> Bool { self.bits & (1 << UInt64(field.rawValue)) != 0 }

    /// Wants these fields too.
    package mutating func formUnion(_ other: EventFields) { self.bits |= other.bits }

    /// Whether no field is wanted.
    package var isEmpty: Bool { self.bits == 0 }

    /// Their paths in `docket.v1.StoredEvent`, in the order of its fields; empty for all, as a reader says that.
    package var paths: [String] { self == .all ? [] : EventField.allCases.filter(self.contains).map(\.path) }

    /// What can be asked for, for errors.
    package static let allowed = EventField.allCases.map(\.path).joined(separator: ", ")
    /// The same as in JSON.
    package static let allowedInJSON = EventField.inJSON.map(\.jsonPath).joined(separator: ", ")
}

extension EventField {
    /// Those that the JSON of an event has.
    fileprivate static let inJSON = Self.allCases.filter { $0 != .logIndex }
}

extension StoredEvent {
    /// Only the wanted fields. Those that are never absent stay: it is for what writes the event out to leave them out.
    package func masked(_ fields: EventFields) -> StoredEvent {
        guard fields != .all else { return self }
        var stored = self
        func keep<Value>(_ field: EventField, _ place: WritableKeyPath<StoredEvent, Value?>) {
            if !fields.contains(field) { stored[keyPath: place] = nil }
        }
        keep(.sourceEventID, \.event.sourceEventID)
        keep(.scope, \.event.scope)
        keep(.action, \.event.action)
        keep(.decision, \.event.decision)
        keep(.outcome, \.event.outcome)
        keep(.reason, \.event.reason)
        keep(.policy, \.event.policy)
        keep(.obligations, \.event.obligations)
        keep(.evaluatedRules, \.event.evaluatedRules)
        keep(.riskScore, \.event.riskScore)
        keep(.sessionID, \.event.sessionID)
        keep(.requestID, \.event.requestID)
        keep(.agentID, \.event.agentID)
        keep(.source, \.event.source)
        keep(.traceID, \.event.traceID)
        keep(.spanID, \.event.spanID)
        keep(.duration, \.event.durationMicroseconds)
        keep(.attributes, \.event.attributes)
        keep(.logIndex, \.logIndex)
        if !fields.contains(.delegation) { stored.event.delegation = [] }
        stored.event.actor = self.event.actor.flatMap { Self.masked($0, fields) }
        stored.event.resource = self.event.resource.flatMap { Self.masked($0, fields) }
        stored.event.payload = self.event.payload.flatMap { Self.masked($0, fields) }
        return stored
    }

    private static func masked(_ actor: Actor, _ fields: EventFields) -> Actor? {
        let actor = Actor(
            kind: fields.contains(.actorKind) ? actor.kind : nil, id: fields.contains(.actorID) ? actor.id : nil,
            userID: fields.contains(.actorUserID) ? actor.userID : nil)
        return actor.isEmpty ? nil : actor
    }

    private static func masked(_ resource: Resource, _ fields: EventFields) -> Resource? {
        let resource = Resource(
            type: fields.contains(.resourceType) ? resource.type : nil,
            id: fields.contains(.resourceID) ? resource.id : nil)
        return resource.isEmpty ? nil : resource
    }

    private static func masked(_ payload: PayloadFingerprint, _ fields: EventFields) -> PayloadFingerprint? {
        let payload = PayloadFingerprint(
            hash: fields.contains(.payloadHash) ? payload.hash : nil,
            inSizeBytes: fields.contains(.payloadInSize) ? payload.inSizeBytes : nil,
            outSizeBytes: fields.contains(.payloadOutSize) ? payload.outSizeBytes : nil)
        return payload.isEmpty ? nil : payload
    }
}
