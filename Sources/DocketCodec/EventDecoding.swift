import CDocketProtos
import CProtobufC
package import DocketModel

/// The event of a `docket.v1.Event` message. For whoever reads a log back; the collector's hot path never makes an
/// `Event`.
///
/// - Throws: ``CodecError``: `malformed`, or `invalidEvent` with the field at fault when the event
///   breaks a rule of `event.proto` even under the largest limits that can be configured.
package func decodeEvent(_ bytes: [UInt8]) throws(CodecError) -> Event {
    let parser = EventParser(budgetBytes: 2 * bytes.count + 1024 * 1024)
    return try unsafe bytes.withUnsafeBufferPointer { buffer throws(CodecError) in
        // The parser must live as long as what it holds.
        defer { withExtendedLifetime(parser) {} }
        guard let event = unsafe parser.parse(buffer) else {
            throw CodecError(code: .malformed, message: "the bytes are no docket.v1.Event")
        }
        if let refusal = unsafe EventCheck(limits: .largest).refusal(of: event) {
            throw CodecError(code: .invalidEvent, message: refusal.reason, refusal: refusal)
        }
        return unsafe Event(event)
    }
}

extension Limits {
    /// Every limit at its hard bound.
    fileprivate static let largest: Limits = {
        var limits = Limits()
        for bound in Limits.bounds { limits[keyPath: bound.path] = bound.range.upperBound }
        return limits
    }()
}

extension Event {
    /// An event that has passed all checks.
    fileprivate init(_ event: CEvent) {
        let (high, low) = unsafe halves(event.pointee.event_id)
        unsafe self.init(
            eventID: EventID(high: high, low: low),
            type: text(1, event.pointee.type) ?? "",
            occurredAt: Timestamp(microsecondsSinceEpoch: event.pointee.occurred_at_us))
        self.sourceEventID = unsafe text(event.pointee.has_source_event_id, event.pointee.source_event_id)
        self.scope = unsafe text(event.pointee.has_scope, event.pointee.scope)
        self.actor = unsafe event.pointee.actor.map { unsafe Actor($0) }.flatMap { $0.isEmpty ? nil : $0 }
        for index in 0..<(unsafe event.pointee.n_delegation) {
            if let actor = unsafe event.pointee.delegation[index] { self.delegation.append(unsafe Actor(actor)) }
        }
        self.action = unsafe text(event.pointee.has_action, event.pointee.action)
        if let part = unsafe event.pointee.resource {
            let resource = unsafe Resource(
                type: text(part.pointee.has_type, part.pointee.type), id: text(part.pointee.has_id, part.pointee.id))
            self.resource = resource.isEmpty ? nil : resource
        }
        self.decision = Decision(rawValue: Int16(truncatingIfNeeded: unsafe event.pointee.decision.rawValue))
        self.outcome = Outcome(rawValue: Int16(truncatingIfNeeded: unsafe event.pointee.outcome.rawValue))
        self.reason = unsafe text(event.pointee.has_reason, event.pointee.reason)
        self.policy = unsafe text(event.pointee.has_policy, event.pointee.policy)
        self.obligations = unsafe text(event.pointee.has_obligations, event.pointee.obligations)
        self.evaluatedRules = unsafe text(event.pointee.has_evaluated_rules, event.pointee.evaluated_rules)
        self.riskScore = unsafe event.pointee.has_risk_score != 0 ? event.pointee.risk_score : nil
        unsafe self.readContext(event)
        self.attributes = unsafe text(event.pointee.has_attributes, event.pointee.attributes)
    }

    /// Fields 17 to 24.
    private mutating func readContext(_ event: CEvent) {
        self.sessionID = unsafe text(event.pointee.has_session_id, event.pointee.session_id)
        self.requestID = unsafe text(event.pointee.has_request_id, event.pointee.request_id)
        self.agentID = unsafe text(event.pointee.has_agent_id, event.pointee.agent_id)
        self.source = unsafe text(event.pointee.has_source, event.pointee.source)
        if unsafe event.pointee.has_trace_id != 0 {
            let (high, low) = unsafe halves(event.pointee.trace_id)
            self.traceID = TraceID(high: high, low: low)
        }
        if unsafe event.pointee.has_span_id != 0 {
            self.spanID = unsafe SpanID(bigEndianWord(event.pointee.span_id.buffer, at: 0))
        }
        self.durationMicroseconds = unsafe event.pointee.has_duration_us != 0 ? event.pointee.duration_us : nil
        if let part = unsafe event.pointee.payload {
            let payload = unsafe PayloadFingerprint(
                hash: text(part.pointee.has_hash, part.pointee.hash),
                inSizeBytes: part.pointee.has_in_size_bytes != 0 ? part.pointee.in_size_bytes : nil,
                outSizeBytes: part.pointee.has_out_size_bytes != 0 ? part.pointee.out_size_bytes : nil)
            self.payload = payload.isEmpty ? nil : payload
        }
    }
}

extension Actor {
    fileprivate init(_ actor: UnsafePointer<Docket__V1__Actor>) {
        unsafe self.init(
            kind: text(actor.pointee.has_kind, actor.pointee.kind),
            id: text(actor.pointee.has_id, actor.pointee.id),
            userID: text(actor.pointee.has_user_id, actor.pointee.user_id))
    }

    fileprivate init(_ actor: UnsafeMutablePointer<Docket__V1__Actor>) {
        unsafe self.init(UnsafePointer(actor))
    }
}

/// Text that has passed the check for UTF-8.
private func text(_ isPresent: Int32, _ value: ProtobufCBinaryData) -> String? {
    guard isPresent != 0 else { return nil }
    return unsafe String(decoding: value.buffer, as: UTF8.self)
}

/// 16 bytes as two big-endian numbers.
private func halves(_ value: ProtobufCBinaryData) -> (high: UInt64, low: UInt64) {
    unsafe (bigEndianWord(value.buffer, at: 0), bigEndianWord(value.buffer, at: 8))
}

/// Eight bytes as a big-endian number; there must be as many behind the offset.
func bigEndianWord(_ bytes: UnsafeBufferPointer<UInt8>, at offset: Int) -> UInt64 {
    unsafe UInt64(bigEndian: UnsafeRawBufferPointer(bytes).loadUnaligned(fromByteOffset: offset, as: UInt64.self))
}
