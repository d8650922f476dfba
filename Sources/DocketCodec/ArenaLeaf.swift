import CDocketProtos
import CProtobufC
import DocketMerkle

/// Writes the leaf of an event in the arena, straight from protobuf-c's structs: the same bytes as ``EventLeaf``,
/// without an allocation. It takes any event, also one that breaks a rule: the content hash covers those as well.
struct ArenaLeaf {
    private var out: ByteCursor

    /// How many bytes a leaf takes at most, with its prefix. No value is longer than its encoding but numbers, which
    /// grow to eight bytes, and headers of five bytes where protobuf needs two.
    static func maxBytes(of event: CEvent, encodedBytes: Int) -> Int {
        unsafe 512 + encodedBytes + 4 * LeafWriter.entryHeaderBytes * event.pointee.n_delegation
    }

    init(_ memory: UnsafeMutableRawBufferPointer) {
        self.out = unsafe ByteCursor(memory)
    }

    /// Writes the leaf behind the prefix of RFC 6962; returns how many bytes that took.
    mutating func write(_ event: CEvent) -> Int {
        self.out.store(MerkleTree.leafPrefix)
        self.out.store(LeafWriter.version)
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
        self.number(
            16, unsafe event.pointee.has_risk_score, Int64(bitPattern: unsafe event.pointee.risk_score.bitPattern))
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
            let start = self.open(9)
            unsafe self.text(1, resource.pointee.has_type, resource.pointee.type)
            unsafe self.text(2, resource.pointee.has_id, resource.pointee.id)
            self.close(start)
        }
    }

    private mutating func actor(_ field: UInt8, _ actor: UnsafePointer<Docket__V1__Actor>) {
        let start = self.open(field)
        unsafe self.text(1, actor.pointee.has_kind, actor.pointee.kind)
        unsafe self.text(2, actor.pointee.has_id, actor.pointee.id)
        unsafe self.text(3, actor.pointee.has_user_id, actor.pointee.user_id)
        self.close(start)
    }

    private mutating func payload(_ event: CEvent) {
        guard let payload = unsafe event.pointee.payload,
            unsafe payload.pointee.has_hash | payload.pointee.has_in_size_bytes | payload.pointee.has_out_size_bytes
                != 0
        else { return }
        let start = self.open(24)
        unsafe self.text(1, payload.pointee.has_hash, payload.pointee.hash)
        self.number(2, unsafe payload.pointee.has_in_size_bytes, unsafe payload.pointee.in_size_bytes)
        self.number(3, unsafe payload.pointee.has_out_size_bytes, unsafe payload.pointee.out_size_bytes)
        self.close(start)
    }

    // MARK: Entries

    @inline(__always)
    private mutating func text(_ field: UInt8, _ isPresent: Int32, _ value: ProtobufCBinaryData) {
        guard isPresent != 0 else { return }
        // No message is anywhere near 4 GiB: gRPC's length prefix has 32 bits.
        unsafe self.out.storeCounted(field, value.data, count: value.len)
    }

    @inline(__always)
    private mutating func number(_ field: UInt8, _ isPresent: Int32, _ value: Int64) {
        guard isPresent != 0 else { return }
        self.out.store(field)
        self.out.store(UInt32(8))
        self.out.store(value)
    }

    /// Opens a nested message; returns where its value starts.
    private mutating func open(_ field: UInt8) -> Int {
        self.out.store(field)
        self.out.store(UInt32(0))
        return self.out.count
    }

    private mutating func close(_ start: Int) {
        self.out.patch(UInt32(truncatingIfNeeded: self.out.count - start), at: start - 4)
    }
}
