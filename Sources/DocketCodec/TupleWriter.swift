import CDocketProtos
import CProtobufC

/// Writes one COPY BINARY tuple (PostgreSQL, COPY, "Binary Format"): a field count, then each column of ``EventColumn``
/// in order as its length (-1 for NULL) and its binary form.
struct TupleWriter {
    /// What the columns need that hold no text: lengths of all columns, and the values of fixed width.
    static let fixedBytes = 2 + 4 * EventColumn.count + 12 * 8 + 3 * 16

    private var out: ByteCursor

    /// How many bytes a tuple takes at most. No text of the event is longer than its encoding, and only the delegation
    /// is written in another form than it came in.
    static func maxBytes(of event: CEvent, encodedBytes: Int) -> Int {
        var bytes = Self.fixedBytes + encodedBytes
        for index in 0..<(unsafe event.pointee.n_delegation) {
            guard let actor = unsafe event.pointee.delegation[index] else { continue }
            let text = unsafe actor.pointee.kind.len + actor.pointee.id.len + actor.pointee.user_id.len
            bytes += DelegationJSON.maxBytes(textBytes: text)
        }
        return bytes
    }

    init(_ memory: UnsafeMutableRawBufferPointer) {
        self.out = unsafe ByteCursor(memory)
    }

    /// Writes the tuple of an event that has passed all checks; returns how many bytes it took.
    mutating func write(_ event: CEvent, batchID: Int64, tenantID: Int32, typeID: Int32, position: Int32) -> Int {
        self.out.store(Int16(truncatingIfNeeded: EventColumn.count))
        self.number(batchID)
        self.number(unsafe event.pointee.occurred_at_us &- postgresEpochMicroseconds)
        unsafe self.text(1, event.pointee.event_id)
        self.number(tenantID)
        self.number(typeID)
        self.number(position)
        self.number(Int16(truncatingIfNeeded: unsafe event.pointee.decision.rawValue))
        self.number(Int16(truncatingIfNeeded: unsafe event.pointee.outcome.rawValue))
        self.number(unsafe event.pointee.has_duration_us, unsafe event.pointee.duration_us)
        self.number(unsafe event.pointee.has_risk_score, unsafe event.pointee.risk_score.bitPattern)
        if let payload = unsafe event.pointee.payload {
            self.number(unsafe payload.pointee.has_in_size_bytes, unsafe payload.pointee.in_size_bytes)
            self.number(unsafe payload.pointee.has_out_size_bytes, unsafe payload.pointee.out_size_bytes)
        } else {
            self.nulls(2)
        }
        unsafe self.texts(event)
        unsafe self.text(event.pointee.has_trace_id, event.pointee.trace_id)
        unsafe self.text(event.pointee.has_span_id, event.pointee.span_id)
        unsafe self.delegation(event)
        unsafe self.text(event.pointee.has_obligations, event.pointee.obligations)
        unsafe self.text(event.pointee.has_evaluated_rules, event.pointee.evaluated_rules)
        unsafe self.text(event.pointee.has_attributes, event.pointee.attributes)
        return self.out.count
    }

    /// The columns `scope` to `payload_hash`.
    private mutating func texts(_ event: CEvent) {
        unsafe self.text(event.pointee.has_scope, event.pointee.scope)
        if let actor = unsafe event.pointee.actor {
            unsafe self.text(actor.pointee.has_kind, actor.pointee.kind)
            unsafe self.text(actor.pointee.has_id, actor.pointee.id)
            unsafe self.text(actor.pointee.has_user_id, actor.pointee.user_id)
        } else {
            self.nulls(3)
        }
        unsafe self.text(event.pointee.has_action, event.pointee.action)
        if let resource = unsafe event.pointee.resource {
            unsafe self.text(resource.pointee.has_type, resource.pointee.type)
            unsafe self.text(resource.pointee.has_id, resource.pointee.id)
        } else {
            self.nulls(2)
        }
        unsafe self.text(event.pointee.has_reason, event.pointee.reason)
        unsafe self.text(event.pointee.has_policy, event.pointee.policy)
        unsafe self.text(event.pointee.has_session_id, event.pointee.session_id)
        unsafe self.text(event.pointee.has_request_id, event.pointee.request_id)
        unsafe self.text(event.pointee.has_agent_id, event.pointee.agent_id)
        unsafe self.text(event.pointee.has_source, event.pointee.source)
        unsafe self.text(event.pointee.has_source_event_id, event.pointee.source_event_id)
        if let payload = unsafe event.pointee.payload {
            unsafe self.text(payload.pointee.has_hash, payload.pointee.hash)
        } else {
            self.nulls(1)
        }
    }

    private mutating func delegation(_ event: CEvent) {
        guard unsafe event.pointee.n_delegation > 0 else { return self.nulls(1) }
        let lengthOffset = self.out.count
        self.out.store(Int32(0))
        unsafe DelegationJSON.write(event, to: &self.out)
        // Bounded by the memory that was asked for, which is far below 2 GiB.
        self.out.patch(UInt32(truncatingIfNeeded: self.out.count - lengthOffset - 4), at: lengthOffset)
    }

    // MARK: Columns by type

    @inline(__always)
    private mutating func text(_ isPresent: Int32, _ value: ProtobufCBinaryData) {
        guard isPresent != 0 else { return self.out.store(Int32(-1)) }
        // The checks have bounded the length.
        unsafe self.out.storeCounted(value.data, count: value.len)
    }

    @inline(__always)
    private mutating func number<Value: FixedWidthInteger & BitwiseCopyable>(_ isPresent: Int32, _ value: Value) {
        guard isPresent != 0 else { return self.out.store(Int32(-1)) }
        self.number(value)
    }

    @inline(__always)
    private mutating func number<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        self.out.store(Int32(truncatingIfNeeded: MemoryLayout<Value>.size))
        self.out.store(value)
    }

    private mutating func nulls(_ count: Int) {
        for _ in 0..<count { self.out.store(Int32(-1)) }
    }
}
