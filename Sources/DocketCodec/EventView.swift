import CDocketProtos
import CProtobufC
package import DocketModel

/// An event in the arena that has passed the codec's checks, for the registry to decide on. It can't be copied, and so
/// can't outlive the arena's content.
@safe package struct EventView: ~Copyable {
    private let event: CEvent
    /// The event's index in its request, from 0.
    package let index: Int
    /// The name of the event's type.
    package var typeName: String { unsafe String(decoding: self.event.pointee.type.buffer, as: UTF8.self) }
    /// Whether the event that was decided on before it, if there was one, has the same type.
    package let hasTypeOfEventBefore: Bool

    init(_ event: CEvent, index: Int, hasTypeOfEventBefore: Bool) {
        unsafe self.event = unsafe event
        self.index = index
        self.hasTypeOfEventBefore = hasTypeOfEventBefore
    }

    /// Calls `body` with the bytes of the type's name.
    package func withTypeBytes<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        unsafe body(self.event.pointee.type.buffer.span)
    }

    /// Calls `body` with the bytes of the attributes: the text of a JSON object. `nil` when there are none.
    package func withAttributesBytes<Result>(_ body: (Span<UInt8>) -> Result) -> Result? {
        guard unsafe self.event.pointee.has_attributes != 0 else { return nil }
        return unsafe body(self.event.pointee.attributes.buffer.span)
    }

    /// When it happened, as the event says.
    package var occurredAt: Timestamp {
        Timestamp(microsecondsSinceEpoch: unsafe self.event.pointee.occurred_at_us)
    }

    /// How the event was decided; `nil` when it doesn't say.
    package var decision: Decision? {
        Decision(rawValue: Int16(truncatingIfNeeded: unsafe self.event.pointee.decision.rawValue))
    }

    /// How the event ended; `nil` when it doesn't say.
    package var outcome: Outcome? {
        Outcome(rawValue: Int16(truncatingIfNeeded: unsafe self.event.pointee.outcome.rawValue))
    }

    /// Whether the event has the field of that column, and not as an empty text: what an event type may require.
    package func has(_ column: EventColumn) -> Bool {
        switch column {
        case .batchID, .occurredAt, .eventID, .tenantID, .typeID, .position: true
        case .decision: unsafe self.event.pointee.decision.rawValue != 0
        case .outcome: unsafe self.event.pointee.outcome.rawValue != 0
        case .durationUs: unsafe self.event.pointee.has_duration_us != 0
        case .riskScore: unsafe self.event.pointee.has_risk_score != 0
        case .payloadInSizeBytes: unsafe (self.event.pointee.payload?.pointee.has_in_size_bytes ?? 0) != 0
        case .payloadOutSizeBytes: unsafe (self.event.pointee.payload?.pointee.has_out_size_bytes ?? 0) != 0
        case .scope: unsafe self.event.pointee.scope.len > 0
        case .actorKind: unsafe (self.event.pointee.actor?.pointee.kind.len ?? 0) > 0
        case .actorID: unsafe (self.event.pointee.actor?.pointee.id.len ?? 0) > 0
        case .actorUserID: unsafe (self.event.pointee.actor?.pointee.user_id.len ?? 0) > 0
        case .action: unsafe self.event.pointee.action.len > 0
        case .resourceType: unsafe (self.event.pointee.resource?.pointee.type.len ?? 0) > 0
        case .resourceID: unsafe (self.event.pointee.resource?.pointee.id.len ?? 0) > 0
        case .reason: unsafe self.event.pointee.reason.len > 0
        case .policy: unsafe self.event.pointee.policy.len > 0
        case .sessionID: unsafe self.event.pointee.session_id.len > 0
        case .requestID: unsafe self.event.pointee.request_id.len > 0
        case .agentID: unsafe self.event.pointee.agent_id.len > 0
        case .source: unsafe self.event.pointee.source.len > 0
        case .sourceEventID: unsafe self.event.pointee.source_event_id.len > 0
        case .payloadHash: unsafe (self.event.pointee.payload?.pointee.hash.len ?? 0) > 0
        case .traceID: unsafe self.event.pointee.has_trace_id != 0
        case .spanID: unsafe self.event.pointee.has_span_id != 0
        case .delegation: unsafe self.event.pointee.n_delegation > 0
        case .obligations: unsafe self.event.pointee.has_obligations != 0
        case .evaluatedRules: unsafe self.event.pointee.has_evaluated_rules != 0
        case .attributes: unsafe self.event.pointee.has_attributes != 0
        }
    }
}
