import CDocketProtos
import CProtobufC
import DocketModel

extension EventFilter {
    /// What a `docket.v1.EventFilter` asks for.
    init(_ filter: Docket__V1__EventFilter) throws(MessageError) {
        self.init()
        try unsafe self.readTexts(filter)
        self.decision = try Self.choice(
            unsafe filter.decision.rawValue, "filter.decision", "decision", "1 (allow), 2 (deny) or 3 (mask)")
        self.outcome = try Self.choice(
            unsafe filter.outcome.rawValue, "filter.outcome", "outcome", "1 (success), 2 (failure) or 3 (error)")
        if unsafe filter.has_min_risk_score != 0 {
            self.minRiskScore = try Self.score(unsafe filter.min_risk_score)
        }
        if unsafe filter.has_occurred_from_us != 0 {
            self.occurredFrom = try Self.time(unsafe filter.occurred_from_us, "filter.occurred_from_us")
        }
        if unsafe filter.has_occurred_to_us != 0 {
            self.occurredTo = try Self.time(unsafe filter.occurred_to_us, "filter.occurred_to_us")
        }
        if unsafe filter.has_event_id != 0 {
            self.eventID = try Self.bytes16(unsafe filter.event_id.array, "filter.event_id", "an event id")
        }
        if unsafe filter.has_trace_id != 0 {
            self.traceID = try Self.bytes16(unsafe filter.trace_id.array, "filter.trace_id", "a trace id")
        }
        self.attributes = try unsafe Self.attributes(filter)
    }

    private mutating func readTexts(_ filter: Docket__V1__EventFilter) throws(MessageError) {
        if unsafe filter.has_scope != 0 { self.scope = try unsafe filter.scope.text("filter.scope") }
        if unsafe filter.has_type != 0 { self.type = try unsafe filter.type.text("filter.type") }
        if unsafe filter.has_type_prefix != 0 {
            self.typePrefix = try unsafe filter.type_prefix.text("filter.type_prefix")
        }
        if unsafe filter.has_actor_id != 0 { self.actorID = try unsafe filter.actor_id.text("filter.actor_id") }
        if unsafe filter.has_session_id != 0 { self.sessionID = try unsafe filter.session_id.text("filter.session_id") }
        if unsafe filter.has_resource_type != 0 {
            self.resourceType = try unsafe filter.resource_type.text("filter.resource_type")
        }
        if unsafe filter.has_resource_id != 0 {
            self.resourceID = try unsafe filter.resource_id.text("filter.resource_id")
        }
        if unsafe filter.has_action != 0 { self.action = try unsafe filter.action.text("filter.action") }
        if unsafe filter.has_request_id != 0 { self.requestID = try unsafe filter.request_id.text("filter.request_id") }
        if unsafe filter.has_agent_id != 0 { self.agentID = try unsafe filter.agent_id.text("filter.agent_id") }
        if unsafe filter.has_source != 0 { self.source = try unsafe filter.source.text("filter.source") }
        if unsafe filter.has_policy != 0 { self.policy = try unsafe filter.policy.text("filter.policy") }
        if unsafe filter.has_text != 0 {
            let text = try unsafe filter.text.text("filter.text")
            guard (1...Self.maxTextBytes).contains(text.utf8.count) else {
                throw MessageError(
                    code: .outOfRange, field: "filter.text",
                    message:
                        "a text of \(text.utf8.count) bytes can't be looked for; send 1 to \(Self.maxTextBytes) bytes")
            }
            self.text = text
        }
    }

    private static func attributes(_ filter: Docket__V1__EventFilter) throws(MessageError) -> [AttributeCondition] {
        let count = unsafe filter.n_attributes
        guard count <= Self.maxAttributes else {
            throw MessageError(
                code: .outOfRange, field: "filter.attributes",
                message: "\(count) conditions on attributes exceed \(Self.maxAttributes); send fewer")
        }
        return try (0..<count).map { (index) throws(MessageError) in
            guard let condition = unsafe filter.attributes[index]?.pointee else {
                throw MessageError(code: .malformed, field: "filter.attributes", message: "a condition is missing")
            }
            let text = try unsafe condition.pointer.text("filter.attributes.pointer")
            guard let pointer = JSONPointer(text) else {
                throw MessageError(
                    code: .outOfRange, field: "filter.attributes.pointer",
                    message:
                        "'\(text.prefix(80))' is no JSON Pointer (RFC 6901) of at most \(JSONPointer.maxBytes) bytes; "
                        + "send one such as '/request/verb'")
            }
            return AttributeCondition(
                pointer: pointer, value: try unsafe condition.value.text("filter.attributes.value"))
        }
    }

    /// What a number of an enumeration stands for; `nil` for 0, which asks for any.
    private static func choice<Value: RawRepresentable<Int16>>(
        _ rawValue: UInt32, _ field: String, _ name: String, _ known: String
    ) throws(MessageError) -> Value? {
        let number = Int32(bitPattern: rawValue)
        if number == 0 { return nil }
        guard let value = Int16(exactly: number).flatMap({ Value(rawValue: $0) }) else {
            throw MessageError(
                code: .outOfRange, field: field, message: "\(number) is no \(name); send \(known)")
        }
        return value
    }

    private static func score(_ score: Double) throws(MessageError) -> Double {
        guard score.isFinite else {
            throw MessageError(
                code: .outOfRange, field: "filter.min_risk_score",
                message: "\(score) is no risk score; send a finite number")
        }
        return score
    }

    /// - Parameter name: What the bytes are, with its article.
    private static func bytes16<Value: Bytes16>(
        _ bytes: [UInt8], _ field: String, _ name: String
    ) throws(MessageError) -> Value {
        guard let value = Value(bytes: bytes) else {
            throw MessageError(code: .outOfRange, field: field, message: "\(name) has 16 bytes, not \(bytes.count)")
        }
        return value
    }

    private static func time(_ microseconds: Int64, _ field: String) throws(MessageError) -> Timestamp {
        let time = Timestamp(microsecondsSinceEpoch: microseconds)
        guard time >= .earliest, time <= .latest else {
            throw MessageError(
                code: .outOfRange, field: field,
                message: "\(microseconds) is outside of years 1 to 9999; send microseconds since 1970-01-01T00:00:00Z")
        }
        return time
    }

    /// The message for the filter.
    func message(in arena: MessageArena) -> UnsafeMutablePointer<Docket__V1__EventFilter> {
        let filter = unsafe arena.make(docket__v1__event_filter__init)
        unsafe Self.set(self.scope, &filter.pointee.has_scope, &filter.pointee.scope, arena)
        unsafe Self.set(self.type, &filter.pointee.has_type, &filter.pointee.type, arena)
        unsafe Self.set(self.actorID, &filter.pointee.has_actor_id, &filter.pointee.actor_id, arena)
        unsafe Self.set(self.sessionID, &filter.pointee.has_session_id, &filter.pointee.session_id, arena)
        unsafe Self.set(self.resourceType, &filter.pointee.has_resource_type, &filter.pointee.resource_type, arena)
        unsafe Self.set(self.resourceID, &filter.pointee.has_resource_id, &filter.pointee.resource_id, arena)
        unsafe Self.set(self.action, &filter.pointee.has_action, &filter.pointee.action, arena)
        if let decision = self.decision {
            unsafe filter.pointee.has_decision = 1
            unsafe filter.pointee.decision = Docket__V1__Decision(rawValue: UInt32(decision.rawValue))
        }
        unsafe Self.set(self.typePrefix, &filter.pointee.has_type_prefix, &filter.pointee.type_prefix, arena)
        unsafe Self.set(self.source, &filter.pointee.has_source, &filter.pointee.source, arena)
        unsafe Self.set(self.policy, &filter.pointee.has_policy, &filter.pointee.policy, arena)
        unsafe Self.set(self.text, &filter.pointee.has_text, &filter.pointee.text, arena)
        if let outcome = self.outcome {
            unsafe filter.pointee.has_outcome = 1
            unsafe filter.pointee.outcome = Docket__V1__Outcome(rawValue: UInt32(outcome.rawValue))
        }
        if let score = self.minRiskScore {
            unsafe filter.pointee.has_min_risk_score = 1
            unsafe filter.pointee.min_risk_score = score
        }
        if let from = self.occurredFrom {
            unsafe filter.pointee.has_occurred_from_us = 1
            unsafe filter.pointee.occurred_from_us = from.microsecondsSinceEpoch
        }
        if let to = self.occurredTo {
            unsafe filter.pointee.has_occurred_to_us = 1
            unsafe filter.pointee.occurred_to_us = to.microsecondsSinceEpoch
        }
        if let eventID = self.eventID {
            unsafe filter.pointee.has_event_id = 1
            unsafe filter.pointee.event_id = arena.bytes(eventID.bytes)
        }
        unsafe Self.set(self.requestID, &filter.pointee.has_request_id, &filter.pointee.request_id, arena)
        unsafe Self.set(self.agentID, &filter.pointee.has_agent_id, &filter.pointee.agent_id, arena)
        if let traceID = self.traceID {
            unsafe filter.pointee.has_trace_id = 1
            unsafe filter.pointee.trace_id = arena.bytes(traceID.bytes)
        }
        let conditions = unsafe self.attributes.map { unsafe $0.message(in: arena) }
        unsafe filter.pointee.n_attributes = conditions.count
        unsafe filter.pointee.attributes = arena.pointers(conditions)
        return unsafe filter
    }

    /// An absent field differs from an empty one.
    private static func set(
        _ text: String?, _ has: inout protobuf_c_boolean, _ field: inout ProtobufCBinaryData, _ arena: MessageArena
    ) {
        guard let text else { return }
        has = 1
        unsafe field = arena.bytes(text.utf8)
    }
}

extension AttributeCondition {
    /// The message for the condition.
    fileprivate func message(in arena: MessageArena) -> UnsafeMutablePointer<Docket__V1__AttributeCondition> {
        let condition = unsafe arena.make(docket__v1__attribute_condition__init)
        unsafe condition.pointee.has_pointer = 1
        unsafe condition.pointee.pointer = arena.bytes(self.pointer.description.utf8)
        unsafe condition.pointee.has_value = 1
        unsafe condition.pointee.value = arena.bytes(self.value.utf8)
        return unsafe condition
    }
}
