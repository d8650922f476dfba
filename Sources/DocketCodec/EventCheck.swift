import CDocketProtos
import CProtobufC
import DocketModel

/// A decoded event: where protobuf-c has put it, for as long as the arena isn't reset.
typealias CEvent = UnsafePointer<Docket__V1__Event>

/// The rules that an event must keep before anything of it is encoded (`event.proto` names them): the collector's own
/// checks stand in for constraints on the table, which would cost three times as much.
struct EventCheck {
    let limits: Limits

    /// The first fault in the order of the field numbers; `nil` when the event is in order.
    func refusal(of event: CEvent) -> EventRefusal? {
        if let refusal = unsafe self.identity(event) { return refusal }
        if let refusal = unsafe self.parties(event) { return refusal }
        if let refusal = unsafe self.decision(event) { return refusal }
        if let refusal = unsafe self.context(event) { return refusal }
        if let refusal = unsafe self.payload(event) { return refusal }
        if unsafe event.pointee.has_attributes != 0 {
            return unsafe self.json("attributes", event.pointee.attributes, kind: .object)
        }
        return nil
    }

    /// Fields 1 to 5.
    private func identity(_ event: CEvent) -> EventRefusal? {
        if let refusal = unsafe Self.fixedBytes("event_id", event.pointee.event_id, count: 16, mayBeZero: true) {
            return unsafe event.pointee.event_id.len > 0 ? refusal : Self.missing("event_id")
        }
        if unsafe event.pointee.has_source_event_id != 0,
            let refusal = unsafe self.indexed("source_event_id", event.pointee.source_event_id)
        {
            return refusal
        }
        guard unsafe event.pointee.type.len > 0 else { return Self.missing("type") }
        if let refusal = unsafe self.text("type", event.pointee.type, maxBytes: self.limits.maxTypeBytes) {
            return refusal
        }
        guard unsafe event.pointee.has_occurred_at_us != 0 else { return Self.missing("occurred_at_us") }
        let time = unsafe Timestamp(microsecondsSinceEpoch: event.pointee.occurred_at_us)
        guard time >= .earliest, time <= .latest else {
            return EventRefusal(
                field: "occurred_at_us", code: .outOfRange,
                reason: "occurred_at_us is \(time.microsecondsSinceEpoch); it must lie in the years 1 to 9999, "
                    + "from \(Timestamp.earliest.microsecondsSinceEpoch) to \(Timestamp.latest.microsecondsSinceEpoch)")
        }
        return unsafe event.pointee.has_scope != 0 ? self.indexed("scope", event.pointee.scope) : nil
    }

    /// Fields 6 to 9.
    private func parties(_ event: CEvent) -> EventRefusal? {
        if let actor = unsafe event.pointee.actor, let refusal = unsafe self.actor(actor, at: nil) { return refusal }
        let count = unsafe event.pointee.n_delegation
        guard count <= self.limits.maxDelegationActors else {
            return EventRefusal(
                field: "delegation", code: .tooMany,
                reason: "delegation has \(count) actors; the limit is \(self.limits.maxDelegationActors): "
                    + "keep the outermost ones")
        }
        for index in 0..<count {
            if let actor = unsafe event.pointee.delegation[index], let refusal = unsafe self.actor(actor, at: index) {
                return refusal
            }
        }
        if unsafe event.pointee.has_action != 0, let refusal = unsafe self.indexed("action", event.pointee.action) {
            return refusal
        }
        guard let resource = unsafe event.pointee.resource else { return nil }
        if unsafe resource.pointee.has_type != 0,
            let refusal = unsafe self.indexed("resource.type", resource.pointee.type)
        {
            return refusal
        }
        return unsafe resource.pointee.has_id != 0 ? self.indexed("resource.id", resource.pointee.id) : nil
    }

    /// An actor; `index` is its place in the delegation chain, `nil` for the event's own.
    private func actor(_ actor: UnsafePointer<Docket__V1__Actor>, at index: Int?) -> EventRefusal? {
        var refusal: EventRefusal?
        if unsafe actor.pointee.has_kind != 0 { refusal = unsafe self.indexed("kind", actor.pointee.kind) }
        if refusal == nil, unsafe actor.pointee.has_id != 0 { refusal = unsafe self.indexed("id", actor.pointee.id) }
        if refusal == nil, unsafe actor.pointee.has_user_id != 0 {
            refusal = unsafe self.indexed("user_id", actor.pointee.user_id)
        }
        return refusal.map { inner in
            let prefix = index.map { "delegation[\($0)]." } ?? "actor."
            return EventRefusal(field: prefix + inner.field, code: inner.code, reason: prefix + inner.reason)
        }
    }

    /// Fields 10 to 16.
    private func decision(_ event: CEvent) -> EventRefusal? {
        let decision = unsafe event.pointee.decision.rawValue
        guard decision <= 3 else { return Self.unknownNumber("decision", decision) }
        let outcome = unsafe event.pointee.outcome.rawValue
        guard outcome <= 3 else { return Self.unknownNumber("outcome", outcome) }
        if unsafe event.pointee.has_reason != 0,
            let refusal = unsafe self.text("reason", event.pointee.reason, maxBytes: self.limits.maxReasonBytes)
        {
            return refusal
        }
        if unsafe event.pointee.has_policy != 0, let refusal = unsafe self.indexed("policy", event.pointee.policy) {
            return refusal
        }
        if unsafe event.pointee.has_obligations != 0,
            let refusal = unsafe self.json("obligations", event.pointee.obligations, kind: .array)
        {
            return refusal
        }
        if unsafe event.pointee.has_evaluated_rules != 0,
            let refusal = unsafe self.json("evaluated_rules", event.pointee.evaluated_rules, kind: nil)
        {
            return refusal
        }
        guard unsafe event.pointee.has_risk_score == 0 || event.pointee.risk_score.isFinite else {
            return EventRefusal(
                field: "risk_score", code: .outOfRange,
                reason: unsafe "risk_score is \(event.pointee.risk_score); it must be finite, or left out")
        }
        return nil
    }

    /// Fields 17 to 23.
    private func context(_ event: CEvent) -> EventRefusal? {
        if unsafe event.pointee.has_session_id != 0,
            let refusal = unsafe self.indexed("session_id", event.pointee.session_id)
        {
            return refusal
        }
        if unsafe event.pointee.has_request_id != 0,
            let refusal = unsafe self.indexed("request_id", event.pointee.request_id)
        {
            return refusal
        }
        if unsafe event.pointee.has_agent_id != 0, let refusal = unsafe self.indexed("agent_id", event.pointee.agent_id)
        {
            return refusal
        }
        if unsafe event.pointee.has_source != 0, let refusal = unsafe self.indexed("source", event.pointee.source) {
            return refusal
        }
        if unsafe event.pointee.has_trace_id != 0,
            let refusal = unsafe Self.fixedBytes("trace_id", event.pointee.trace_id, count: 16, mayBeZero: false)
        {
            return refusal
        }
        if unsafe event.pointee.has_span_id != 0,
            let refusal = unsafe Self.fixedBytes("span_id", event.pointee.span_id, count: 8, mayBeZero: false)
        {
            return refusal
        }
        return unsafe Self.notNegative("duration_us", event.pointee.has_duration_us, event.pointee.duration_us)
    }

    /// Field 24.
    private func payload(_ event: CEvent) -> EventRefusal? {
        guard let payload = unsafe event.pointee.payload else { return nil }
        if unsafe payload.pointee.has_hash != 0, let refusal = unsafe self.indexed("payload.hash", payload.pointee.hash)
        {
            return refusal
        }
        if let refusal = unsafe Self.notNegative(
            "payload.in_size_bytes", payload.pointee.has_in_size_bytes, payload.pointee.in_size_bytes)
        {
            return refusal
        }
        return unsafe Self.notNegative(
            "payload.out_size_bytes", payload.pointee.has_out_size_bytes, payload.pointee.out_size_bytes)
    }
}
