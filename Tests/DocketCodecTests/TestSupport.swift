import DocketCodec
import DocketModel
import Testing

/// A protobuf message written by hand: what no well-meaning emitter would send.
struct RawMessage {
    private(set) var bytes: [UInt8] = []

    static func varint(_ value: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = value
        repeat {
            bytes.append(UInt8(rest & 0x7F) | (rest > 0x7F ? 0x80 : 0))
            rest >>= 7
        } while rest > 0
        return bytes
    }

    func field(_ number: Int, varint value: UInt64) -> RawMessage {
        self.raw(Self.varint(UInt64(number) << 3) + Self.varint(value))
    }

    func field(_ number: Int, bytes value: some Collection<UInt8>) -> RawMessage {
        self.raw(Self.varint(UInt64(number) << 3 | 2) + Self.varint(UInt64(value.count)) + Array(value))
    }

    func field(_ number: Int, _ text: String) -> RawMessage { self.field(number, bytes: text.utf8) }

    func field(_ number: Int, _ message: RawMessage) -> RawMessage { self.field(number, bytes: message.bytes) }

    func field(_ number: Int, double value: Double) -> RawMessage {
        self.raw(
            Self.varint(UInt64(number) << 3 | 1)
                + (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> UInt64(8 * $0)) })
    }

    func raw(_ more: [UInt8]) -> RawMessage {
        var copy = self
        copy.bytes += more
        return copy
    }

    /// The three fields that every event needs.
    static let minimalEvent = RawMessage()
        .field(1, bytes: [UInt8](repeating: 7, count: 16)).field(3, "test.event").field(
            4, varint: 1_700_000_000_000_000)

    /// A publish request of those encoded events.
    static func request(_ events: [[UInt8]], tenant: String = "acme", sequence: UInt64 = 1) -> [UInt8] {
        var request = RawMessage().field(1, tenant).field(2, bytes: [UInt8](repeating: 9, count: 16))
            .field(3, varint: sequence)
        for event in events { request = request.field(4, bytes: event) }
        return request.bytes
    }
}

/// What the collector does with a request, with a registry that knows every type as number 42.
struct Bench {
    static let batchID: Int64 = 0x0123_4567_89AB_CDEF
    static let receivedAt = BatchID.receivedAt(of: Self.batchID)
    let decoder: BatchDecoder

    init(limits: Limits = Limits(), parserBudgetBytes: Int? = nil) {
        self.decoder = BatchDecoder(limits: limits, parserBudgetBytes: parserBudgetBytes)
    }

    func encode(
        _ message: [UInt8], admit: (borrowing EventView) -> Admission = { _ in .accept(typeID: 42) }
    ) throws(CodecError) -> EncodedBatch {
        let request = try self.decoder.decode(message)
        let key = BatchKey(tenantID: 5, producerID: request.producerID, sequence: request.sequence)
        return try self.decoder.encode(
            request, key: key, batchID: Self.batchID, receivedAt: Self.receivedAt, admit: admit)
    }

    func encode(_ events: [Event]) throws(CodecError) -> EncodedBatch {
        var message = EventEncoder.publishRequestPrefix(
            tenant: "acme", producerID: ProducerID(high: 1, low: 2), sequence: 3)
        for event in events { EventEncoder.append(event, to: &message) }
        return try self.encode(message)
    }

    /// The one rejection of a single raw event; `nil` when it is accepted.
    func rejection(of event: RawMessage) throws(CodecError) -> Rejection? {
        try self.encode(RawMessage.request([event.bytes])).rejections.first
    }
}

/// The rows of a batch all of whose events have that type.
func rows(of batch: EncodedBatch, type: String) throws(CodecError) -> [DecodedRow] {
    var reader = TupleReader(tuples: batch.tuples) { $0 == 42 ? type : nil }
    return try reader.rows()
}
