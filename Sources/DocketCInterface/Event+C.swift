internal import CDocketClient
internal import DocketClient

extension Event {
    /// The event of the caller's structure.
    init(_ pointer: UnsafePointer<docket_event>?) throws(CallError) {
        let event = unsafe try docket_event.read(pointer)
        let reader = CTextReader(status: DOCKET_INVALID_EVENT)
        guard let type = unsafe try reader.text(event.type, "type") else {
            throw CallError(DOCKET_INVALID_EVENT, "type is NULL; give a registered event type")
        }
        let occurredAt = unsafe event.occurred_at_us
        self.init(
            eventID: unsafe withUnsafeBytes(of: event.event_id, namedUnlessZero) ?? .new(), type: type,
            occurredAt: occurredAt == DOCKET_NOW ? .now : Timestamp(microsecondsSinceEpoch: occurredAt))
        unsafe try self.setTexts(event, reader)
        unsafe try self.setActors(event, reader)
        unsafe try self.setNumbers(event)
        unsafe self.traceID = withUnsafeBytes(of: event.trace_id, namedUnlessZero)
        unsafe self.spanID = withUnsafeBytes(of: event.span_id) { bytes in
            unsafe SpanID(bytes: bytes).flatMap { $0.value == 0 ? nil : $0 }
        }
    }

    private mutating func setTexts(_ event: docket_event, _ reader: CTextReader) throws(CallError) {
        unsafe self.sourceEventID = try reader.text(event.source_event_id, "source_event_id")
        unsafe self.scope = try reader.text(event.scope, "scope")
        unsafe self.action = try reader.text(event.action, "action")
        let resource = Resource(
            type: unsafe try reader.text(event.resource_type, "resource_type"),
            id: unsafe try reader.text(event.resource_id, "resource_id"))
        if !resource.isEmpty { self.resource = resource }
        unsafe self.reason = try reader.text(event.reason, "reason")
        unsafe self.policy = try reader.text(event.policy, "policy")
        unsafe self.obligations = try reader.text(event.obligations, "obligations")
        unsafe self.evaluatedRules = try reader.text(event.evaluated_rules, "evaluated_rules")
        unsafe self.sessionID = try reader.text(event.session_id, "session_id")
        unsafe self.requestID = try reader.text(event.request_id, "request_id")
        unsafe self.agentID = try reader.text(event.agent_id, "agent_id")
        unsafe self.source = try reader.text(event.source, "source")
        unsafe self.attributes = try reader.text(event.attributes, "attributes")
    }

    private mutating func setActors(_ event: docket_event, _ reader: CTextReader) throws(CallError) {
        let actor = unsafe try Actor(event.actor, "actor", reader)
        if !actor.isEmpty { self.actor = actor }
        let count = unsafe UInt(bitPattern: event.delegation_count)
        guard count > 0 else { return }
        guard count <= DOCKET_MAX_DELEGATION else {
            throw CallError(
                DOCKET_INVALID_EVENT, "delegation has \(count) actors, at most \(DOCKET_MAX_DELEGATION) are taken")
        }
        guard let delegation = unsafe event.delegation else {
            throw CallError(DOCKET_INVALID_EVENT, "delegation is NULL, and delegation_count is \(count)")
        }
        for index in 0..<Int(count) {
            self.delegation.append(unsafe try Actor(delegation[index], "delegation[\(index)]", reader))
        }
    }

    private mutating func setNumbers(_ event: docket_event) throws(CallError) {
        let (decision, outcome, has) = unsafe (event.decision, event.outcome, event.has)
        guard decision == DOCKET_NO_DECISION || Decision(c: decision) != nil else {
            throw CallError(DOCKET_INVALID_EVENT, "decision is \(decision); it must be one of DOCKET_ALLOW and its kin")
        }
        self.decision = Decision(c: decision)
        guard outcome == DOCKET_NO_OUTCOME || Outcome(c: outcome) != nil else {
            throw CallError(DOCKET_INVALID_EVENT, "outcome is \(outcome); it must be one of DOCKET_SUCCESS and its kin")
        }
        self.outcome = Outcome(c: outcome)
        let flags = Int(has)
        let known =
            DOCKET_HAS_RISK_SCORE | DOCKET_HAS_DURATION | DOCKET_HAS_PAYLOAD_IN_SIZE | DOCKET_HAS_PAYLOAD_OUT_SIZE
        guard flags & ~known == 0 else {
            throw CallError(DOCKET_INVALID_EVENT, "has is \(has); it must be made of DOCKET_HAS_RISK_SCORE and its kin")
        }
        if flags & DOCKET_HAS_RISK_SCORE != 0 { unsafe self.riskScore = event.risk_score }
        if flags & DOCKET_HAS_DURATION != 0 { unsafe self.durationMicroseconds = event.duration_us }
        var payload = PayloadFingerprint()
        payload.hash = unsafe try CTextReader(status: DOCKET_INVALID_EVENT).text(event.payload_hash, "payload_hash")
        if flags & DOCKET_HAS_PAYLOAD_IN_SIZE != 0 { payload.inSizeBytes = unsafe event.payload_in_size_bytes }
        if flags & DOCKET_HAS_PAYLOAD_OUT_SIZE != 0 { payload.outSizeBytes = unsafe event.payload_out_size_bytes }
        if !payload.isEmpty { self.payload = payload }
    }

    /// The event of a JSON text.
    init(json: UnsafePointer<CChar>?, length: Int) throws(CallError) {
        guard let json = unsafe json else {
            throw CallError(DOCKET_INVALID_ARGUMENT, "the pointer to the JSON is NULL")
        }
        guard (0...CTextReader.maxBytes).contains(length) else {
            throw CallError(
                DOCKET_INVALID_EVENT,
                "the JSON has \(UInt(bitPattern: length)) bytes, at most \(CTextReader.maxBytes) are taken")
        }
        do throws(ModelError) {
            self = try Event(
                json: unsafe Array(UnsafeRawBufferPointer(start: json, count: length)), eventIDIfAbsent: .new())
        } catch {
            throw CallError(DOCKET_INVALID_EVENT, error.message)
        }
    }
}

extension Actor {
    fileprivate init(_ actor: docket_actor, _ name: String, _ reader: CTextReader) throws(CallError) {
        self.init(
            kind: unsafe try reader.text(actor.kind, "\(name).kind"),
            id: unsafe try reader.text(actor.id, "\(name).id"),
            userID: unsafe try reader.text(actor.user_id, "\(name).user_id"))
    }
}

extension Decision {
    fileprivate init?(c number: Int32) { self.init(exactly: number) }
}

extension Outcome {
    fileprivate init?(c number: Int32) { self.init(exactly: number) }
}

extension RawRepresentable where RawValue == Int16 {
    fileprivate init?(exactly number: Int32) {
        guard let rawValue = Int16(exactly: number) else { return nil }
        self.init(rawValue: rawValue)
    }
}

/// The identifier of 16 bytes; `nil` when all are zero.
private func namedUnlessZero<ID: Bytes16>(_ bytes: UnsafeRawBufferPointer) -> ID? {
    unsafe ID(bytes: bytes).flatMap { $0.high | $0.low == 0 ? nil : $0 }
}
