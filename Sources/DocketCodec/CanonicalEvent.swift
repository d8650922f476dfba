import CDocketProtos
import CProtobufC

/// Writes an event that was parsed in its canonical form (docs/evidence.md), for those that came in another: with fields
/// in another order, fields that come twice or aren't known, or numbers in more bytes than they need. It takes any
/// event, also one that breaks a rule: the content hash covers those as well.
struct CanonicalEvent {
    private var out: ByteCursor

    /// How many bytes it takes at most. Nothing is longer than it came but the two enumerations, of whose negative
    /// numbers 10 bytes may have come as 5.
    static func maxBytes(encodedBytes: Int) -> Int { encodedBytes + 16 }

    init(_ memory: UnsafeMutableRawBufferPointer) {
        self.out = unsafe ByteCursor(memory)
    }

    /// Writes the event; returns how many bytes that took.
    mutating func write(_ event: CEvent) -> Int {
        // An empty id or type is an absent one: proto3 doesn't tell them apart.
        unsafe self.text(1, event.pointee.event_id.len > 0 ? 1 : 0, event.pointee.event_id)
        unsafe self.text(2, event.pointee.has_source_event_id, event.pointee.source_event_id)
        unsafe self.text(3, event.pointee.type.len > 0 ? 1 : 0, event.pointee.type)
        self.number(4, unsafe event.pointee.has_occurred_at_us, unsafe event.pointee.occurred_at_us)
        unsafe self.text(5, event.pointee.has_scope, event.pointee.scope)
        unsafe self.parties(event)
        let decision = Int64(Int32(bitPattern: unsafe event.pointee.decision.rawValue))
        self.number(10, decision == 0 ? 0 : 1, decision)
        let outcome = Int64(Int32(bitPattern: unsafe event.pointee.outcome.rawValue))
        self.number(11, outcome == 0 ? 0 : 1, outcome)
        unsafe self.text(12, event.pointee.has_reason, event.pointee.reason)
        unsafe self.text(13, event.pointee.has_policy, event.pointee.policy)
        unsafe self.text(14, event.pointee.has_obligations, event.pointee.obligations)
        unsafe self.text(15, event.pointee.has_evaluated_rules, event.pointee.evaluated_rules)
        if unsafe event.pointee.has_risk_score != 0 {
            self.varint(16 << 3 | 1)
            // The cursor stores in network order; protobuf's fixed numbers are little-endian.
            self.out.store(unsafe event.pointee.risk_score.bitPattern.byteSwapped)
        }
        unsafe self.text(17, event.pointee.has_session_id, event.pointee.session_id)
        unsafe self.text(18, event.pointee.has_request_id, event.pointee.request_id)
        unsafe self.text(19, event.pointee.has_agent_id, event.pointee.agent_id)
        unsafe self.text(20, event.pointee.has_source, event.pointee.source)
        unsafe self.text(21, event.pointee.has_trace_id, event.pointee.trace_id)
        unsafe self.text(22, event.pointee.has_span_id, event.pointee.span_id)
        self.number(23, unsafe event.pointee.has_duration_us, unsafe event.pointee.duration_us)
        unsafe self.payload(event)
        unsafe self.text(25, event.pointee.has_attributes, event.pointee.attributes)
        return self.out.count
    }

    /// Fields 6 to 9.
    private mutating func parties(_ event: CEvent) {
        if let actor = unsafe event.pointee.actor,
            unsafe actor.pointee.has_kind | actor.pointee.has_id | actor.pointee.has_user_id != 0
        {
            unsafe self.actor(6, actor)
        }
        for index in 0..<(unsafe event.pointee.n_delegation) {
            if let actor = unsafe event.pointee.delegation[index] { unsafe self.actor(7, actor) }
        }
        unsafe self.text(8, event.pointee.has_action, event.pointee.action)
        if let resource = unsafe event.pointee.resource,
            unsafe resource.pointee.has_type | resource.pointee.has_id != 0
        {
            let size = unsafe Self.sizeBytes(resource.pointee.has_type, resource.pointee.type)
            unsafe self.open(9, bytes: size + Self.sizeBytes(resource.pointee.has_id, resource.pointee.id))
            unsafe self.text(1, resource.pointee.has_type, resource.pointee.type)
            unsafe self.text(2, resource.pointee.has_id, resource.pointee.id)
        }
    }

    private mutating func actor(_ field: UInt64, _ actor: UnsafePointer<Docket__V1__Actor>) {
        var size = unsafe Self.sizeBytes(actor.pointee.has_kind, actor.pointee.kind)
        size += unsafe Self.sizeBytes(actor.pointee.has_id, actor.pointee.id)
        size += unsafe Self.sizeBytes(actor.pointee.has_user_id, actor.pointee.user_id)
        self.open(field, bytes: size)
        unsafe self.text(1, actor.pointee.has_kind, actor.pointee.kind)
        unsafe self.text(2, actor.pointee.has_id, actor.pointee.id)
        unsafe self.text(3, actor.pointee.has_user_id, actor.pointee.user_id)
    }

    private mutating func payload(_ event: CEvent) {
        guard let payload = unsafe event.pointee.payload,
            unsafe payload.pointee.has_hash | payload.pointee.has_in_size_bytes | payload.pointee.has_out_size_bytes
                != 0
        else { return }
        var size = unsafe Self.sizeBytes(payload.pointee.has_hash, payload.pointee.hash)
        size += unsafe Self.sizeBytes(payload.pointee.has_in_size_bytes, payload.pointee.in_size_bytes)
        size += unsafe Self.sizeBytes(payload.pointee.has_out_size_bytes, payload.pointee.out_size_bytes)
        self.open(24, bytes: size)
        unsafe self.text(1, payload.pointee.has_hash, payload.pointee.hash)
        self.number(2, unsafe payload.pointee.has_in_size_bytes, unsafe payload.pointee.in_size_bytes)
        self.number(3, unsafe payload.pointee.has_out_size_bytes, unsafe payload.pointee.out_size_bytes)
    }

    // MARK: Fields

    private mutating func text(_ field: UInt64, _ isPresent: Int32, _ value: ProtobufCBinaryData) {
        guard isPresent != 0 else { return }
        self.open(field, bytes: unsafe value.len)
        unsafe self.out.copy(value.data, count: value.len)
    }

    private mutating func number(_ field: UInt64, _ isPresent: Int32, _ value: Int64) {
        guard isPresent != 0 else { return }
        self.varint(field << 3)
        self.varint(UInt64(bitPattern: value))
    }

    /// The head of a field of that many bytes.
    private mutating func open(_ field: UInt64, bytes: Int) {
        self.varint(field << 3 | 2)
        self.varint(UInt64(bytes))
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.out.store(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.out.store(UInt8(truncatingIfNeeded: rest))
    }

    /// How many bytes a field takes within its message; the number must be below 16.
    private static func sizeBytes(_ isPresent: Int32, _ value: ProtobufCBinaryData) -> Int {
        isPresent == 0 ? 0 : unsafe 1 + varintSizeBytes(UInt64(value.len)) + value.len
    }

    private static func sizeBytes(_ isPresent: Int32, _ value: Int64) -> Int {
        isPresent == 0 ? 0 : 1 + varintSizeBytes(UInt64(bitPattern: value))
    }
}
