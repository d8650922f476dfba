import DocketCodec
import DocketMerkle
import DocketModel
import Testing

@Suite("Rejections")
struct RejectionTests {
    private let bench = Bench()

    struct Case: Sendable, CustomTestStringConvertible {
        let field: String
        let code: RejectionCode
        let event: RawMessage
        var testDescription: String { "\(self.field) \(self.code.name)" }
    }

    private static func text(_ count: Int) -> String { String(repeating: "x", count: count) }

    /// The minimal event without one of its fields.
    private static func without(_ field: Int) -> RawMessage {
        var event = RawMessage()
        if field != 1 { event = event.field(1, bytes: [UInt8](repeating: 7, count: 16)) }
        if field != 3 { event = event.field(3, "test.event") }
        if field != 4 { event = event.field(4, varint: 1) }
        return event
    }

    private static let minimal = RawMessage.minimalEvent

    static let cases: [Case] = [
        Case(field: "event_id", code: .missingField, event: without(1)),
        Case(field: "event_id", code: .missingField, event: without(1).field(1, bytes: [])),
        Case(field: "event_id", code: .wrongLength, event: minimal.field(1, bytes: [UInt8](repeating: 1, count: 15))),
        Case(field: "event_id", code: .wrongLength, event: minimal.field(1, bytes: [UInt8](repeating: 1, count: 17))),
        Case(field: "type", code: .missingField, event: without(3)),
        Case(field: "type", code: .missingField, event: without(3).field(3, "")),
        Case(field: "type", code: .tooLong, event: minimal.field(3, text(129))),
        Case(field: "occurred_at_us", code: .missingField, event: without(4)),
        Case(
            field: "occurred_at_us", code: .outOfRange,
            event: minimal.field(4, varint: UInt64(bitPattern: Timestamp.earliest.microsecondsSinceEpoch - 1))),
        Case(
            field: "occurred_at_us", code: .outOfRange,
            event: minimal.field(4, varint: UInt64(bitPattern: Timestamp.latest.microsecondsSinceEpoch + 1))),
        Case(field: "occurred_at_us", code: .outOfRange, event: minimal.field(4, varint: UInt64(bitPattern: .min))),
        Case(field: "occurred_at_us", code: .outOfRange, event: minimal.field(4, varint: UInt64(bitPattern: .max))),
        Case(
            field: "delegation", code: .tooMany,
            event: (0..<17).reduce(minimal) { event, _ in event.field(7, RawMessage()) }),
        Case(
            field: "delegation[2].kind", code: .invalidUTF8,
            event: minimal.field(7, RawMessage()).field(7, RawMessage())
                .field(7, RawMessage().field(1, bytes: [0xFF]))),
        Case(field: "delegation[0].user_id", code: .tooLong, event: minimal.field(7, RawMessage().field(3, text(513)))),
        Case(field: "decision", code: .outOfRange, event: minimal.field(10, varint: 4)),
        Case(field: "decision", code: .outOfRange, event: minimal.field(10, varint: UInt64(bitPattern: -1))),
        Case(field: "outcome", code: .outOfRange, event: minimal.field(11, varint: 4)),
        Case(field: "outcome", code: .outOfRange, event: minimal.field(11, varint: 0x8000_0000)),
        Case(field: "risk_score", code: .outOfRange, event: minimal.field(16, double: .nan)),
        Case(field: "risk_score", code: .outOfRange, event: minimal.field(16, double: .infinity)),
        Case(field: "risk_score", code: .outOfRange, event: minimal.field(16, double: -.infinity)),
        Case(field: "trace_id", code: .wrongLength, event: minimal.field(21, bytes: [1])),
        Case(field: "trace_id", code: .wrongLength, event: minimal.field(21, bytes: [])),
        Case(field: "trace_id", code: .outOfRange, event: minimal.field(21, bytes: [UInt8](repeating: 0, count: 16))),
        Case(field: "span_id", code: .wrongLength, event: minimal.field(22, bytes: [UInt8](repeating: 1, count: 16))),
        Case(field: "span_id", code: .outOfRange, event: minimal.field(22, bytes: [UInt8](repeating: 0, count: 8))),
        Case(field: "duration_us", code: .outOfRange, event: minimal.field(23, varint: UInt64(bitPattern: -1))),
        Case(field: "duration_us", code: .outOfRange, event: minimal.field(23, varint: UInt64(bitPattern: .min))),
        Case(
            field: "payload.in_size_bytes", code: .outOfRange,
            event: minimal.field(24, RawMessage().field(2, varint: UInt64(bitPattern: -5)))),
        Case(
            field: "payload.out_size_bytes", code: .outOfRange,
            event: minimal.field(24, RawMessage().field(3, varint: UInt64(bitPattern: -5)))),
        Case(field: "attributes", code: .invalidJSON, event: minimal.field(25, "[]")),
        Case(field: "attributes", code: .invalidJSON, event: minimal.field(25, "")),
        Case(field: "attributes", code: .invalidJSON, event: minimal.field(25, "{\"a\":\"\\u0000\"}")),
        Case(field: "attributes", code: .invalidJSON, event: minimal.field(25, "{\"a\":\"\\ud800\"}")),
        Case(field: "obligations", code: .invalidJSON, event: minimal.field(14, "{}")),
        Case(field: "evaluated_rules", code: .invalidJSON, event: minimal.field(15, "[1,]")),
        Case(field: "evaluated_rules", code: .invalidJSON, event: minimal.field(15, "1e999999")),
        Case(field: "attributes", code: .tooDeep, event: minimal.field(25, nested(33))),
        Case(field: "attributes", code: .tooLong, event: minimal.field(25, "{\"a\":\"\(text(65_536 - 7))\"}")),
    ]

    private static func nested(_ levels: Int) -> String {
        "{\"a\":" + String(repeating: "[", count: levels - 1) + String(repeating: "]", count: levels - 1) + "}"
    }

    @Test("each rule has its field and its code", arguments: cases)
    func rules(_ item: Case) throws {
        let rejection = try #require(try self.bench.rejection(of: item.event))
        #expect(rejection.field == item.field)
        #expect(rejection.code == item.code)
        #expect(rejection.reason.contains(item.field), "\(rejection.reason)")
        #expect(rejection.reason.utf8.count < 250, "\(rejection.reason)")
    }

    /// Every text field, with how to set it and its limit in bytes.
    static let texts: [(name: String, limit: Int, set: @Sendable (RawMessage, [UInt8]) -> RawMessage)] = [
        ("source_event_id", 512, { $0.field(2, bytes: $1) }),
        ("type", 128, { $0.field(3, bytes: $1) }),
        ("scope", 512, { $0.field(5, bytes: $1) }),
        ("actor.kind", 512, { $0.field(6, RawMessage().field(1, bytes: $1)) }),
        ("actor.id", 512, { $0.field(6, RawMessage().field(2, bytes: $1)) }),
        ("actor.user_id", 512, { $0.field(6, RawMessage().field(3, bytes: $1)) }),
        ("delegation[0].id", 512, { $0.field(7, RawMessage().field(2, bytes: $1)) }),
        ("action", 512, { $0.field(8, bytes: $1) }),
        ("resource.type", 512, { $0.field(9, RawMessage().field(1, bytes: $1)) }),
        ("resource.id", 512, { $0.field(9, RawMessage().field(2, bytes: $1)) }),
        ("reason", 8192, { $0.field(12, bytes: $1) }),
        ("policy", 512, { $0.field(13, bytes: $1) }),
        ("session_id", 512, { $0.field(17, bytes: $1) }),
        ("request_id", 512, { $0.field(18, bytes: $1) }),
        ("agent_id", 512, { $0.field(19, bytes: $1) }),
        ("source", 512, { $0.field(20, bytes: $1) }),
        ("payload.hash", 512, { $0.field(24, RawMessage().field(1, bytes: $1)) }),
    ]

    @Test(
        "each text is taken at its limit and refused one byte above it, without being echoed", arguments: texts.indices)
    func textLimits(_ index: Int) throws {
        let (name, limit, set) = Self.texts[index]
        #expect(try self.bench.rejection(of: set(Self.minimal, [UInt8](repeating: 0x78, count: limit))) == nil)
        let rejection = try #require(
            try self.bench.rejection(of: set(Self.minimal, [UInt8](repeating: 0x78, count: limit + 1))))
        #expect(rejection.field == name)
        #expect(rejection.code == .tooLong)
        #expect(rejection.reason == "\(name) is \(limit + 1) bytes; the limit is \(limit): shorten it")
    }

    @Test("each text is refused for U+0000 and for invalid UTF-8, wherever that stands", arguments: texts.indices)
    func textContents(_ index: Int) throws {
        let (name, _, set) = Self.texts[index]
        let broken: [([UInt8], RejectionCode)] = [
            ([0], .nulCharacter), (Array("eight by".utf8) + [0], .nulCharacter), ([0x61, 0, 0x62], .nulCharacter),
            (Array("0123456".utf8) + [0] + Array("89abcdef".utf8), .nulCharacter),
            ([0x80], .invalidUTF8), ([0xC0, 0x80], .invalidUTF8), ([0xC3], .invalidUTF8),
            ([0xED, 0xA0, 0x80], .invalidUTF8), ([0xF4, 0x90, 0x80, 0x80], .invalidUTF8),
            ([0xE0, 0x80, 0x80], .invalidUTF8), ([0xF8, 0x88, 0x80, 0x80, 0x80], .invalidUTF8),
            (Array("01234567".utf8) + [0xFF], .invalidUTF8), ([0xFE] + Array("01234567".utf8), .invalidUTF8),
            (Array("漢字".utf8) + [0xE6, 0xBC], .invalidUTF8),
        ]
        for (bytes, code) in broken {
            let rejection = try #require(try self.bench.rejection(of: set(Self.minimal, bytes)), "\(bytes)")
            #expect(rejection.field == name)
            #expect(rejection.code == code, "\(bytes)")
        }
        let sound = Array("\u{1}\u{7F}é漢🧨\u{FEFF}\u{10FFFF}\u{FFFF}".utf8)
        #expect(try self.bench.rejection(of: set(Self.minimal, sound)) == nil)
    }

    @Test("JSON fields are checked as text first", arguments: [14, 15, 25])
    func jsonText(_ field: Int) throws {
        #expect(
            try self.bench.rejection(of: Self.minimal.field(field, bytes: [0x22, 0xFF, 0x22]))?.code == .invalidUTF8)
        #expect(
            try self.bench.rejection(of: Self.minimal.field(field, bytes: [0x22, 0x00, 0x22]))?.code == .nulCharacter)
    }

    @Test("what is at a limit is taken")
    func atTheLimits() throws {
        let event = (0..<16).reduce(Self.minimal) { event, _ in event.field(7, RawMessage()) }
            .field(25, "{\"a\":\"\(Self.text(65_536 - 8))\"}")
            .field(15, String(repeating: "[", count: 32) + String(repeating: "]", count: 32))
            .field(4, varint: UInt64(bitPattern: Timestamp.latest.microsecondsSinceEpoch))
        #expect(try self.bench.rejection(of: event) == nil)
    }

    @Test("the registry's refusal is a rejection; the registry sees only events in order, with their type and index")
    func admission() throws {
        let good = Self.minimal.bytes
        let bad = Self.without(4).bytes
        let other = Self.minimal.field(3, "a.type.name.that.is.long").bytes
        var seen: [String] = []
        let batch = try self.bench.encode(RawMessage.request([good, bad, other, good])) { event in
            seen.append("\(event.index) \(event.typeName) \(event.withTypeBytes { $0.count }) \(event.has(.scope))")
            return event.index == 2
                ? .reject(EventRefusal(field: "type", code: .unknownEventType, reason: "register it"))
                : .accept(typeID: 42)
        }
        #expect(seen == ["0 test.event 10 false", "2 a.type.name.that.is.long 24 false", "3 test.event 10 false"])
        #expect(batch.rejections.map(\.index) == [1, 2])
        #expect(batch.rejections.map(\.code) == [.missingField, .unknownEventType])
        #expect(batch.quarantined.map(\.index) == [1, 2])
        #expect(batch.quarantined.map(\.event) == [bad, other])
        #expect(try rows(of: batch, type: "test.event").map(\.position) == [0, 3])
        #expect(batch.eventCount == 4)
        #expect(batch.acceptedCount == 2)
    }

    @Test("the root covers the accepted events, the content hash all of them, the broken ones by their bytes")
    func hashes() throws {
        let good = Self.minimal.bytes
        let leaf = EventLeaf.leafHash(of: try decodeEvent(good))
        let broken = { (byte: UInt8) in Self.minimal.field(5, bytes: [byte]).bytes }
        let first = try self.bench.encode(RawMessage.request([good, broken(0xFE), good]))
        let second = try self.bench.encode(RawMessage.request([good, broken(0xFF), good]))
        #expect(first.root == MerkleTree.root(of: [leaf, leaf]).bytes)
        #expect(second.root == first.root)
        #expect(first.contentHash != second.contentHash)
        #expect(first.contentHash != first.root)
    }

    @Test("a batch of nothing but bad events has the root of the empty tree and no tuples")
    func allRejected() throws {
        let batch = try self.bench.encode(RawMessage.request([Self.without(1).bytes, []]))
        #expect(batch.tuples == [])
        #expect(batch.acceptedCount == 0)
        #expect(batch.root == MerkleTree.emptyRoot.bytes)
        #expect(batch.rejections.map(\.field) == ["event_id", "event_id"])
    }

    @Test("other limits than the defaults bind as well, and are named")
    func configuredLimits() throws {
        var limits = Limits()
        limits.maxIndexedFieldBytes = 16
        limits.maxAttributesDepth = 2
        let bench = Bench(limits: limits)
        #expect(try bench.rejection(of: Self.minimal.field(5, Self.text(16))) == nil)
        #expect(try bench.rejection(of: Self.minimal.field(5, Self.text(17)))?.reason.contains("limit is 16") == true)
        #expect(try bench.rejection(of: Self.minimal.field(25, "{\"a\":[]}")) == nil)
        #expect(try bench.rejection(of: Self.minimal.field(25, "{\"a\":[[]]}"))?.reason.contains("2 levels") == true)
    }
}
