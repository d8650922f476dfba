import CDocketProtos
import CProtobufC
@testable import DocketCodec
import DocketModel
import DocketTestSupport
import Testing

@Suite("The event parser, compared with protobuf-c")
struct EventParserTests {
    private let parser = EventParser(budgetBytes: 1 << 20)

    /// What the parser reads, written again by protobuf-c; `nil` when it refuses the bytes.
    private func parsed(_ bytes: [UInt8]) -> [UInt8]? {
        bytes.withUnsafeBufferPointer { buffer in
            self.parser.parse(buffer).map { Self.packed(UnsafeMutablePointer(mutating: $0)) }
        }
    }

    /// What protobuf-c reads, written again by itself; `nil` when it refuses the bytes.
    private func expected(_ bytes: [UInt8]) -> [UInt8]? {
        guard let event = docket__v1__event__unpack(nil, bytes.count, bytes) else { return nil }
        defer { docket__v1__event__free_unpacked(event, nil) }
        return Self.packed(event)
    }

    /// The known fields of an event, packed.
    private static func packed(_ event: UnsafeMutablePointer<Docket__V1__Event>) -> [UInt8] {
        var (emptyEvent, emptyActor) = (Docket__V1__Event(), Docket__V1__Actor())
        var (emptyResource, emptyPayload) = (Docket__V1__Resource(), Docket__V1__Payload())
        docket__v1__event__init(&emptyEvent)
        docket__v1__actor__init(&emptyActor)
        docket__v1__resource__init(&emptyResource)
        docket__v1__payload__init(&emptyPayload)
        // Unknown fields, which protobuf-c keeps, are left out for the while.
        let bases = (event.pointee.base, event.pointee.actor?.pointee.base)
        let partBases = (event.pointee.resource?.pointee.base, event.pointee.payload?.pointee.base)
        let chainBases = (0..<event.pointee.n_delegation).map { event.pointee.delegation[$0]!.pointee.base }
        event.pointee.base = emptyEvent.base
        event.pointee.actor?.pointee.base = emptyActor.base
        event.pointee.resource?.pointee.base = emptyResource.base
        event.pointee.payload?.pointee.base = emptyPayload.base
        for index in 0..<event.pointee.n_delegation {
            event.pointee.delegation[index]!.pointee.base = emptyActor.base
        }
        var bytes = [UInt8](repeating: 0, count: docket__v1__event__get_packed_size(event))
        let count = docket__v1__event__pack(event, &bytes)
        event.pointee.base = bases.0
        if let base = bases.1 { event.pointee.actor.pointee.base = base }
        if let base = partBases.0 { event.pointee.resource.pointee.base = base }
        if let base = partBases.1 { event.pointee.payload.pointee.base = base }
        for (index, base) in chainBases.enumerated() { event.pointee.delegation[index]!.pointee.base = base }
        return Array(bytes.prefix(count))
    }

    private func compare(_ bytes: [UInt8], _ location: SourceLocation = #_sourceLocation) {
        let parsed = self.parsed(bytes)
        self.checkCanonicalForm(bytes, location)
        if parsed == nil, Self.mayHoldLongZeroTag(bytes) { return }
        if parsed != nil, Self.holdsMessageTwice(bytes) { return #expect(self.expected(bytes) != nil) }
        #expect(parsed == self.expected(bytes), "\(bytes)", sourceLocation: location)
    }

    /// The parser must say of just those messages that they are canonical which the canonical writer writes alike: the leaf
    /// of the others is hashed over what that writes.
    private func checkCanonicalForm(_ bytes: [UInt8], _ location: SourceLocation) {
        bytes.withUnsafeBufferPointer { buffer in
            guard let event = self.parser.parse(buffer) else { return }
            let capacity = CanonicalEvent.maxBytes(encodedBytes: bytes.count)
            withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 8) { memory in
                var writer = CanonicalEvent(memory)
                let isSame = memory.prefix(writer.write(event)).elementsEqual(bytes)
                #expect(self.parser.isCanonical == isSame, "\(bytes)", sourceLocation: location)
            }
        }
    }

    /// Whether the bytes of a tag of number 0 in more bytes than it needs, or with bits beyond the 32nd, stand anywhere:
    /// protobuf-c takes that for a field, which no other implementation does.
    private static func mayHoldLongZeroTag(_ bytes: [UInt8]) -> Bool {
        bytes.indices.contains { start in
            guard (0x80...0x87).contains(bytes[start]) else { return false }
            let rest = bytes[(start + 1)...].prefix(4)
            guard let last = rest.first(where: { $0 != 0x80 }) else { return false }
            return last == 0 || last & 0x8F == 0 && rest.prefix(3).allSatisfy { $0 == 0x80 }
        }
    }

    /// Whether actor, resource or payload come twice: protobuf-c, when it merges them, loses a field that is there and
    /// empty.
    private static func holdsMessageTwice(_ bytes: [UInt8]) -> Bool {
        var reader = WireReader(bytes)
        var seen: Set<Int> = []
        while let field = try? reader.next() {
            if [6, 9, 24].contains(field.number), !seen.insert(field.number).inserted { return true }
        }
        return false
    }

    @Test(
        "the field number 0 is refused, however it is written",
        arguments: [[0x02], [0x82, 0x00], [0x82, 0x80, 0x00], [0x82, 0x80, 0x80, 0x80, 0x10]])
    func numberZero(tag: [UInt8]) { #expect(self.parsed(RawMessage.minimalEvent.bytes + tag + [0]) == nil) }

    @Test("events as emitters send them are read alike")
    func honestEvents() {
        var random = RandomEvents(seed: testSeed())
        for _ in 0..<2000 {
            let bytes = encodeEvent(random.event(type: "test.event"))
            #expect(self.parsed(bytes) != nil)
            #expect(self.parser.isCanonical)
            self.compare(bytes)
        }
    }

    @Test("an empty message is an empty event")
    func empty() { #expect(self.parsed([]) == []) }

    @Test("a scalar that comes twice counts the last time; a message that comes twice is merged")
    func duplicates() throws {
        let event = RawMessage().field(5, "a").field(6, RawMessage().field(1, "user").field(2, "x"))
            .field(5, "b").field(6, RawMessage().field(2, "y")).bytes
        let read = try #require(self.parsed(event))
        #expect(read == RawMessage().field(5, "b").field(6, RawMessage().field(1, "user").field(2, "y")).bytes)
        #expect(self.expected(event) == read)
        let empty = RawMessage().field(6, RawMessage().field(1, "")).field(6, RawMessage())
        #expect(self.parsed(empty.bytes) == RawMessage().field(6, RawMessage().field(1, "")).bytes)
    }

    @Test("a known field of another wire type is refused", arguments: 1...25)
    func wireTypes(number: Int) {
        for wireType in 0...7 as ClosedRange<UInt64> {
            let value: [UInt8] = [[1], [1, 2, 3, 4, 5, 6, 7, 8], [0], [], [], [1, 2, 3, 4], [], []][Int(wireType)]
            self.compare(RawMessage.varint(UInt64(number) << 3 | wireType) + value)
        }
    }

    @Test("a length has at most five bytes", arguments: [2, 5, 26])
    func longLengths(number: UInt64) {
        for count in 1...10 {
            let length = [0x81] + [UInt8](repeating: 0x80, count: count) + [0]
            let bytes = RawMessage.minimalEvent.bytes + RawMessage.varint(number << 3 | 2) + length + [0x61]
            #expect((self.parsed(bytes) != nil) == (length.count <= 5), "\(length)")
            self.compare(bytes)
        }
    }

    @Test("unknown fields are skipped, whatever they carry; groups are refused")
    func unknownFields() {
        let event = RawMessage.minimalEvent
        #expect(
            self.parsed(event.field(26, varint: .max).field(1000, "text").field(99, double: 1).bytes) == event.bytes)
        #expect(self.parsed(event.raw([0xF5, 0x01, 1, 2, 3, 4]).bytes) == event.bytes)
        #expect(self.parsed(event.raw([0xF3, 0x01, 0xF4, 0x01]).bytes) == nil)
    }

    @Test("messages that end early are refused at every byte, or are whole there")
    func cutOff() {
        var random = RandomEvents(seed: testSeed())
        let bytes = encodeEvent(random.event(type: "test.event"))
        for count in bytes.indices { self.compare(Array(bytes.prefix(count))) }
    }

    @Test("random fields are read alike")
    func randomFields() {
        var generator = SeededGenerator(seed: testSeed())
        for _ in 0..<20_000 { self.compare(Self.randomMessage(&generator, depth: 0)) }
    }

    @Test("events with random bytes changed are read alike")
    func mutations() {
        let seed = testSeed()
        var random = RandomEvents(seed: seed)
        var generator = SeededGenerator(seed: seed ^ 1)
        for _ in 0..<20_000 {
            var bytes = encodeEvent(random.event(type: "test.event"))
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = .random(in: 0...255, using: &generator)
            }
            self.compare(bytes)
        }
    }

    /// Fields with numbers in and beyond the schema, of any wire type, with values that make sense for it.
    private static func randomMessage(_ generator: inout SeededGenerator, depth: Int) -> [UInt8] {
        var message = RawMessage()
        for _ in 0..<Int.random(in: 0...6, using: &generator) {
            let number = Int.random(in: 1...28, using: &generator)
            switch Int.random(in: 0...9, using: &generator) {
            case 0, 1:
                let bits = UInt64.random(in: 0...63, using: &generator)
                message = message.field(number, varint: UInt64.random(in: 0...(.max), using: &generator) >> bits)
            case 2: message = message.field(number, double: 1.5)
            case 3: message = message.raw(RawMessage.varint(UInt64(number) << 3 | 5) + [1, 2, 3, 4])
            case 4, 5,
                6 where depth == 0:
                message = message.field(number, bytes: self.randomMessage(&generator, depth: 1))
            default:
                let count = Int.random(in: 0...20, using: &generator)
                message = message.field(number, bytes: (0..<count).map { _ in .random(in: 0...255, using: &generator) })
            }
        }
        return message.bytes
    }
}
