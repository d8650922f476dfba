package import DocketModel

/// Encodes events as an emitter sends them, straight into one buffer: no intermediate allocation.
///
/// A publish request is ``publishRequestPrefix(tenant:producerID:sequence:)`` followed by any number of events as
/// ``append(_:to:)`` writes them, one after the other: protobuf messages concatenate.
package enum EventEncoder {
    /// The fields of a `PublishRequest` in front of its events.
    ///
    /// - Parameters:
    ///   - tenant: The tenant's slug; empty to leave it to the credential.
    ///   - sequence: From 0 to 2^63-1.
    package static func publishRequestPrefix(tenant: String, producerID: ProducerID, sequence: Int64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(tenant.utf8.count + 48)
        if !tenant.isEmpty { bytes.appendField(1, bytes: tenant.utf8) }
        bytes.appendField(2, bytes: producerID.bytes)
        if sequence != 0 { bytes.appendField(3, varint: UInt64(bitPattern: sequence)) }
        return bytes
    }

    /// Appends the event as one `events` field of a `PublishRequest`: tag, length, content.
    package static func append(_ event: Event, to buffer: inout [UInt8]) {
        Self.append(event, sizeBytes: Self.sizeBytes(of: event), to: &buffer)
    }

    /// The same for an event that has been measured: `sizeBytes` is what ``sizeBytes(of:)`` returned.
    package static func append(_ event: Event, sizeBytes size: Int, to buffer: inout [UInt8]) {
        Self.write(capacity: 1 + varintSizeBytes(UInt64(size)) + size, to: &buffer) { cursor in
            cursor.message(4, bytes: size)
            event.describe(to: &cursor)
        }
    }

    /// Appends the event as a message of its own, in the canonical form of docs/evidence.md.
    static func append(canonical event: Event, to buffer: inout [UInt8]) {
        Self.write(capacity: Self.sizeBytes(of: event), to: &buffer) { event.describe(to: &$0) }
    }

    /// Appends an event that is encoded already, as it stands.
    package static func append(encoded event: some Collection<UInt8>, to buffer: inout [UInt8]) {
        buffer.appendField(4, bytes: event)
    }

    /// How large the encoded event is, in bytes, without the tag and length of ``append(_:to:)``.
    package static func sizeBytes(of event: Event) -> Int {
        var counter = WireCounter()
        event.describe(to: &counter)
        return counter.bytes
    }

    static func write(capacity: Int, to buffer: inout [UInt8], _ body: (inout WireCursor) -> Void) {
        buffer.append(addingCapacity: capacity) { out in
            unsafe out.withUnsafeMutableBufferPointer { memory, initialized in
                var cursor = unsafe WireCursor(ByteCursor(UnsafeMutableRawBufferPointer(memory)))
                body(&cursor)
                initialized += cursor.bytes
            }
        }
    }
}

/// An event as a `docket.v1.Event` message, in its canonical form.
package func encodeEvent(_ event: Event) -> [UInt8] {
    var bytes: [UInt8] = []
    EventEncoder.append(canonical: event, to: &bytes)
    return bytes
}

// MARK: - Fields

/// Takes the fields of a message in turn: counts their bytes, or writes them.
private protocol WireSink {
    /// How many bytes it has counted or written.
    var bytes: Int { get }
    mutating func varint(_ field: Int, _ value: UInt64)
    mutating func fixed64(_ field: Int, _ value: UInt64)
    /// 8 or 16 bytes as big-endian halves.
    mutating func halves(_ field: Int, _ high: UInt64, _ low: UInt64?)
    mutating func text(_ field: Int, _ value: String)
    /// The head of a nested message of that many bytes.
    mutating func message(_ field: Int, bytes: Int)
}

extension WireSink {
    @inline(__always)
    mutating func text(_ field: Int, _ value: String?) {
        if let value { self.text(field, value) }
    }

    @inline(__always)
    mutating func number(_ field: Int, _ value: Int64?) {
        if let value { self.varint(field, UInt64(bitPattern: value)) }
    }

    /// A nested message, whose size is counted first.
    @inline(__always)
    mutating func nested(_ field: Int, _ part: some WirePart) {
        var counter = WireCounter()
        part.describe(to: &counter)
        self.message(field, bytes: counter.bytes)
        part.describe(to: &self)
    }
}

/// What is a message on the wire.
private protocol WirePart {
    func describe(to sink: inout some WireSink)
}

extension Event: WirePart {
    /// The canonical form: fields in rising order of their numbers, and no message without any field but in a list.
    @inline(__always)
    fileprivate func describe(to sink: inout some WireSink) {
        sink.halves(1, self.eventID.high, self.eventID.low)
        sink.text(2, self.sourceEventID)
        if !self.type.isEmpty { sink.text(3, self.type) }
        sink.number(4, self.occurredAt.microsecondsSinceEpoch)
        sink.text(5, self.scope)
        if let actor = self.actor, !actor.isEmpty { sink.nested(6, actor) }
        for actor in self.delegation { sink.nested(7, actor) }
        sink.text(8, self.action)
        if let resource = self.resource, !resource.isEmpty { sink.nested(9, resource) }
        if let decision = self.decision { sink.number(10, Int64(decision.rawValue)) }
        if let outcome = self.outcome { sink.number(11, Int64(outcome.rawValue)) }
        sink.text(12, self.reason)
        sink.text(13, self.policy)
        sink.text(14, self.obligations)
        sink.text(15, self.evaluatedRules)
        if let riskScore = self.riskScore { sink.fixed64(16, riskScore.bitPattern) }
        sink.text(17, self.sessionID)
        sink.text(18, self.requestID)
        sink.text(19, self.agentID)
        sink.text(20, self.source)
        if let traceID = self.traceID { sink.halves(21, traceID.high, traceID.low) }
        if let spanID = self.spanID { sink.halves(22, spanID.value, nil) }
        sink.number(23, self.durationMicroseconds)
        if let payload = self.payload, !payload.isEmpty { sink.nested(24, payload) }
        sink.text(25, self.attributes)
    }
}

extension Actor: WirePart {
    @inline(__always)
    fileprivate func describe(to sink: inout some WireSink) {
        sink.text(1, self.kind)
        sink.text(2, self.id)
        sink.text(3, self.userID)
    }
}

extension Resource: WirePart {
    @inline(__always)
    fileprivate func describe(to sink: inout some WireSink) {
        sink.text(1, self.type)
        sink.text(2, self.id)
    }
}

extension PayloadFingerprint: WirePart {
    @inline(__always)
    fileprivate func describe(to sink: inout some WireSink) {
        sink.text(1, self.hash)
        sink.number(2, self.inSizeBytes)
        sink.number(3, self.outSizeBytes)
    }
}

// MARK: - Sinks

/// Counts bytes.
private struct WireCounter: WireSink {
    private(set) var bytes = 0

    @inline(__always)
    private mutating func tag(_ field: Int) { self.bytes &+= field < 16 ? 1 : 2 }

    mutating func varint(_ field: Int, _ value: UInt64) {
        self.tag(field)
        self.bytes &+= varintSizeBytes(value)
    }

    mutating func fixed64(_ field: Int, _ value: UInt64) {
        self.tag(field)
        self.bytes &+= 8
    }

    mutating func halves(_ field: Int, _ high: UInt64, _ low: UInt64?) {
        self.tag(field)
        self.bytes &+= low == nil ? 9 : 17
    }

    mutating func text(_ field: Int, _ value: String) {
        let count = value.utf8.count
        self.tag(field)
        self.bytes &+= varintSizeBytes(UInt64(truncatingIfNeeded: count)) &+ count
    }

    mutating func message(_ field: Int, bytes: Int) {
        self.tag(field)
        self.bytes &+= varintSizeBytes(UInt64(truncatingIfNeeded: bytes))
    }
}

/// Writes bytes into memory that a ``WireCounter`` has measured.
struct WireCursor: WireSink {
    private var out: ByteCursor

    init(_ out: ByteCursor) { self.out = out }

    var bytes: Int { self.out.count }

    @inline(__always)
    private mutating func raw(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.out.store(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.out.store(UInt8(truncatingIfNeeded: rest))
    }

    @inline(__always)
    private mutating func tag(_ field: Int, wireType: Int) {
        self.raw(varint: UInt64(truncatingIfNeeded: field << 3 | wireType))
    }

    mutating func varint(_ field: Int, _ value: UInt64) {
        self.tag(field, wireType: 0)
        self.raw(varint: value)
    }

    mutating func fixed64(_ field: Int, _ value: UInt64) {
        self.tag(field, wireType: 1)
        // The cursor stores in network order; protobuf's fixed numbers are little-endian.
        self.out.store(value.byteSwapped)
    }

    mutating func halves(_ field: Int, _ high: UInt64, _ low: UInt64?) {
        self.tag(field, wireType: 2)
        self.out.store(UInt8(low == nil ? 8 : 16))
        self.out.store(high)
        if let low { self.out.store(low) }
    }

    @inline(__always)
    mutating func text(_ field: Int, _ value: String) {
        self.tag(field, wireType: 2)
        self.raw(varint: UInt64(truncatingIfNeeded: value.utf8.count))
        let isWritten: Void? = unsafe value.utf8.withContiguousStorageIfAvailable { bytes in
            unsafe self.out.copy(bytes.baseAddress, count: bytes.count)
        }
        // Only strings bridged from Objective-C have no contiguous storage.
        if isWritten == nil { for byte in value.utf8 { self.out.store(byte) } }
    }

    mutating func message(_ field: Int, bytes: Int) {
        self.tag(field, wireType: 2)
        self.raw(varint: UInt64(truncatingIfNeeded: bytes))
    }
}
