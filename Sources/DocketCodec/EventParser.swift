import CDocketProtos
import CProtobufC

/// Reads events in place: fills protobuf-c's struct of an event with pointers into the message, instead of copying each
/// field as protobuf-c's own unpacking does. It takes and refuses the same messages as that (but a field number 0 in more
/// bytes than it needs, which protobuf-c overlooks), and reads them alike: tests compare the two on random ones. Only the
/// actors of a delegation chain need memory of their own.
///
/// What it returns holds until the next event is parsed or the message goes.
@safe final class EventParser {
    private let event: UnsafeMutablePointer<Docket__V1__Event>
    private let actor: UnsafeMutablePointer<Docket__V1__Actor>
    private let resource: UnsafeMutablePointer<Docket__V1__Resource>
    private let payload: UnsafeMutablePointer<Docket__V1__Payload>
    /// For delegation chains.
    private let arena: Arena
    /// Whether the event at hand has a chain.
    private var hasChain = false
    /// How many actors the chain's array has room for.
    private var chainCapacity = 0

    /// - Parameter budgetBytes: how much memory the delegation chain of one event may take.
    init(budgetBytes: Int) {
        self.arena = Arena(budgetBytes: budgetBytes)
        unsafe self.event = .allocate(capacity: 1)
        unsafe self.actor = .allocate(capacity: 1)
        unsafe self.resource = .allocate(capacity: 1)
        unsafe self.payload = .allocate(capacity: 1)
    }

    deinit {
        unsafe self.event.deallocate()
        unsafe self.actor.deallocate()
        unsafe self.resource.deallocate()
        unsafe self.payload.deallocate()
    }

    /// How much memory the delegation chain of one event may take, in bytes.
    var budgetBytes: Int { self.arena.budgetBytes }

    /// Whether the event that was parsed last came in its canonical form (docs/evidence.md).
    private(set) var isCanonical = true

    private var oddFieldCount = 0
    private var hasTooManyOddFields: Bool { self.oddFieldCount > FieldCursor.maxOddFields }

    /// Why an event can't be parsed.
    enum Fault {
        case malformed
        /// It has more odd fields than ``FieldCursor/maxOddFields``.
        case tooManyFields
        /// Its delegation chain takes more memory than the budget.
        case expandsTooFar
    }

    /// Why the event that was parsed last failed.
    var fault: Fault {
        if self.hasTooManyOddFields { return .tooManyFields }
        return self.hasChain && self.arena.isExhausted ? .expandsTooFar : .malformed
    }

    /// Parses one event, in place of the one before; `nil` when the bytes are no `docket.v1.Event`.
    func parse(_ bytes: UnsafeBufferPointer<UInt8>) -> CEvent? {
        self.tidy()
        self.isCanonical = true
        self.oddFieldCount = 0
        unsafe self.event.initialize(to: Docket__V1__Event())
        return unsafe self.fields(FieldCursor(bytes, repeatedTag: WireTag.bytes(7))) ? CEvent(self.event) : nil
    }

    /// Gives back what an unusual event has taken.
    func tidy() {
        guard self.hasChain else { return }
        self.arena.reset()
        self.hasChain = false
        self.chainCapacity = 0
    }

    // MARK: Messages

    private func fields(_ start: FieldCursor) -> Bool {
        var cursor = start
        let event = unsafe self.event
        while !cursor.isAtEnd {
            guard let tag = cursor.tag() else { return self.fail(cursor) }
            let isRead =
                switch tag {
                case WireTag.bytes(1): unsafe cursor.bytes(&event.pointee.event_id, &event.pointee.has_event_id)
                case WireTag.bytes(2):
                    unsafe cursor.bytes(&event.pointee.source_event_id, &event.pointee.has_source_event_id)
                case WireTag.bytes(3): unsafe cursor.bytes(&event.pointee.type, &event.pointee.has_type)
                case WireTag.varint(4):
                    unsafe cursor.number(&event.pointee.occurred_at_us, &event.pointee.has_occurred_at_us)
                case WireTag.bytes(5): unsafe cursor.bytes(&event.pointee.scope, &event.pointee.has_scope)
                case WireTag.bytes(6): self.actor(cursor.message())
                case WireTag.bytes(7): self.delegate(cursor.message())
                case WireTag.bytes(8): unsafe cursor.bytes(&event.pointee.action, &event.pointee.has_action)
                case WireTag.bytes(9): self.resource(cursor.message())
                case WireTag.varint(10):
                    unsafe cursor.enumeration(&event.pointee.decision.rawValue, &event.pointee.has_decision)
                case WireTag.varint(11):
                    unsafe cursor.enumeration(&event.pointee.outcome.rawValue, &event.pointee.has_outcome)
                case WireTag.bytes(12): unsafe cursor.bytes(&event.pointee.reason, &event.pointee.has_reason)
                case WireTag.bytes(13): unsafe cursor.bytes(&event.pointee.policy, &event.pointee.has_policy)
                case WireTag.bytes(14): unsafe cursor.bytes(&event.pointee.obligations, &event.pointee.has_obligations)
                case WireTag.bytes(15):
                    unsafe cursor.bytes(&event.pointee.evaluated_rules, &event.pointee.has_evaluated_rules)
                case WireTag.fixed64(16):
                    unsafe cursor.double(&event.pointee.risk_score, &event.pointee.has_risk_score)
                case WireTag.bytes(17): unsafe cursor.bytes(&event.pointee.session_id, &event.pointee.has_session_id)
                case WireTag.bytes(18): unsafe cursor.bytes(&event.pointee.request_id, &event.pointee.has_request_id)
                case WireTag.bytes(19): unsafe cursor.bytes(&event.pointee.agent_id, &event.pointee.has_agent_id)
                case WireTag.bytes(20): unsafe cursor.bytes(&event.pointee.source, &event.pointee.has_source)
                case WireTag.bytes(21): unsafe cursor.bytes(&event.pointee.trace_id, &event.pointee.has_trace_id)
                case WireTag.bytes(22): unsafe cursor.bytes(&event.pointee.span_id, &event.pointee.has_span_id)
                case WireTag.varint(23):
                    unsafe cursor.number(&event.pointee.duration_us, &event.pointee.has_duration_us)
                case WireTag.bytes(24): self.payload(cursor.message())
                case WireTag.bytes(25): unsafe cursor.bytes(&event.pointee.attributes, &event.pointee.has_attributes)
                default: Self.other(&cursor, tag, knownNumbers: 25)
                }
            guard isRead else { return self.fail(cursor) }
        }
        // An empty id or type says the same as an absent one.
        let hasEmpty =
            unsafe event.pointee.has_event_id != 0 && event.pointee.event_id.len == 0
            || event.pointee.has_type != 0 && event.pointee.type.len == 0
        if hasEmpty { self.isCanonical = false }
        return self.note(cursor)
    }

    /// The event's actor. One that comes twice is merged, as protobuf demands: the later fields count.
    private func actor(_ message: FieldCursor?) -> Bool {
        guard let message else { return false }
        if unsafe self.event.pointee.actor == nil {
            unsafe self.actor.initialize(to: Docket__V1__Actor())
            unsafe self.event.pointee.actor = self.actor
        }
        return unsafe self.actor(message, self.actor, mayBeEmpty: false)
    }

    /// A further actor of the delegation chain.
    private func delegate(_ message: FieldCursor?) -> Bool {
        guard let message else { return false }
        self.hasChain = true
        let count = unsafe self.event.pointee.n_delegation
        if count == self.chainCapacity {
            let capacity = max(4, 2 * count)
            let stride = unsafe MemoryLayout<UnsafeMutablePointer<Docket__V1__Actor>?>.stride
            guard let memory = unsafe self.arena.allocate(capacity * stride) else { return false }
            let chain = unsafe memory.bindMemory(
                to: UnsafeMutablePointer<Docket__V1__Actor>?.self, capacity: capacity)
            if let old = unsafe self.event.pointee.delegation { unsafe chain.update(from: old, count: count) }
            unsafe self.event.pointee.delegation = chain
            self.chainCapacity = capacity
        }
        guard let memory = unsafe self.arena.allocate(MemoryLayout<Docket__V1__Actor>.stride) else { return false }
        let actor = unsafe memory.bindMemory(to: Docket__V1__Actor.self, capacity: 1)
        unsafe actor.initialize(to: Docket__V1__Actor())
        unsafe self.event.pointee.delegation[count] = actor
        unsafe self.event.pointee.n_delegation = count + 1
        return unsafe self.actor(message, actor, mayBeEmpty: true)
    }

    private func actor(
        _ start: FieldCursor, _ actor: UnsafeMutablePointer<Docket__V1__Actor>, mayBeEmpty: Bool
    ) -> Bool {
        var cursor = start
        if cursor.isAtEnd, !mayBeEmpty { self.isCanonical = false }
        while !cursor.isAtEnd {
            guard let tag = cursor.tag() else { return self.fail(cursor) }
            let isRead =
                switch tag {
                case WireTag.bytes(1): unsafe cursor.bytes(&actor.pointee.kind, &actor.pointee.has_kind)
                case WireTag.bytes(2): unsafe cursor.bytes(&actor.pointee.id, &actor.pointee.has_id)
                case WireTag.bytes(3): unsafe cursor.bytes(&actor.pointee.user_id, &actor.pointee.has_user_id)
                default: Self.other(&cursor, tag, knownNumbers: 3)
                }
            guard isRead else { return self.fail(cursor) }
        }
        return self.note(cursor)
    }

    private func resource(_ message: FieldCursor?) -> Bool {
        guard var cursor = message else { return false }
        if cursor.isAtEnd { self.isCanonical = false }
        let resource = unsafe self.resource
        if unsafe self.event.pointee.resource == nil {
            unsafe resource.initialize(to: Docket__V1__Resource())
            unsafe self.event.pointee.resource = resource
        }
        while !cursor.isAtEnd {
            guard let tag = cursor.tag() else { return self.fail(cursor) }
            let isRead =
                switch tag {
                case WireTag.bytes(1): unsafe cursor.bytes(&resource.pointee.type, &resource.pointee.has_type)
                case WireTag.bytes(2): unsafe cursor.bytes(&resource.pointee.id, &resource.pointee.has_id)
                default: Self.other(&cursor, tag, knownNumbers: 2)
                }
            guard isRead else { return self.fail(cursor) }
        }
        return self.note(cursor)
    }

    private func payload(_ message: FieldCursor?) -> Bool {
        guard var cursor = message else { return false }
        if cursor.isAtEnd { self.isCanonical = false }
        let payload = unsafe self.payload
        if unsafe self.event.pointee.payload == nil {
            unsafe payload.initialize(to: Docket__V1__Payload())
            unsafe self.event.pointee.payload = payload
        }
        while !cursor.isAtEnd {
            guard let tag = cursor.tag() else { return self.fail(cursor) }
            let isRead =
                switch tag {
                case WireTag.bytes(1): unsafe cursor.bytes(&payload.pointee.hash, &payload.pointee.has_hash)
                case WireTag.varint(2):
                    unsafe cursor.number(&payload.pointee.in_size_bytes, &payload.pointee.has_in_size_bytes)
                case WireTag.varint(3):
                    unsafe cursor.number(&payload.pointee.out_size_bytes, &payload.pointee.has_out_size_bytes)
                default: Self.other(&cursor, tag, knownNumbers: 3)
                }
            guard isRead else { return self.fail(cursor) }
        }
        return self.note(cursor)
    }

    // MARK: Fields

    /// Takes note of why a message can't be read.
    private func fail(_ cursor: FieldCursor) -> Bool {
        self.oddFieldCount += cursor.oddFieldCount
        return false
    }

    /// Takes note of how canonical a message was; whether the event may go on like that.
    private func note(_ cursor: FieldCursor) -> Bool {
        guard !cursor.isCanonical else { return true }
        self.isCanonical = false
        self.oddFieldCount += cursor.oddFieldCount
        return !self.hasTooManyOddFields
    }

    /// A field that this version doesn't know is skipped. A known one of another wire type is a fault, as protobuf-c has
    /// it: an emitter that is so far off shall hear of it.
    private static func other(_ cursor: inout FieldCursor, _ tag: UInt32, knownNumbers: UInt32) -> Bool {
        tag >> 3 > knownNumbers && cursor.skip(tag)
    }
}
