import DocketCodec
import DocketModel
import DocketTestSupport
import Testing

@Suite("Faults of a whole request")
struct RequestFaultTests {
    private static let event = RawMessage.minimalEvent.bytes
    private let bench = Bench()

    private func fault(_ message: [UInt8], _ bench: Bench? = nil) -> CodecError? {
        do {
            _ = try (bench ?? self.bench).encode(message)
            return nil
        } catch {
            return error
        }
    }

    @Test("a request names its tenant, producer and sequence")
    func frame() throws {
        let request = try self.bench.decoder.decode(RawMessage.request([Self.event], tenant: "acme", sequence: 1 << 62))
        #expect(request.tenant == "acme")
        #expect(request.producerID == ProducerID(bytes: [UInt8](repeating: 9, count: 16)))
        #expect(request.sequence == 1 << 62)
        #expect(request.eventCount == 1)
        #expect(Array(request.eventBytes(at: 0)) == Self.event)
    }

    @Test("tenant and sequence may be left out: then they are empty and 0")
    func defaults() throws {
        let message = RawMessage().field(2, bytes: [UInt8](repeating: 9, count: 16)).field(4, bytes: Self.event).bytes
        let request = try self.bench.decoder.decode(message)
        #expect(request.tenant == "")
        #expect(request.sequence == 0)
    }

    @Test("fields may come in any order; a scalar counts the last time, and unknown fields are skipped")
    func order() throws {
        let message = RawMessage().field(4, bytes: Self.event).field(9, varint: 5).field(3, varint: 1)
            .field(2, bytes: [1]).field(99, "future").field(2, bytes: [UInt8](repeating: 2, count: 16)).field(
                3, varint: 8
            )
            .field(100, double: 1).raw([0x7D, 1, 2, 3, 4]).bytes
        let request = try self.bench.decoder.decode(message)
        #expect(request.sequence == 8)
        #expect(request.producerID.high == 0x0202_0202_0202_0202)
        #expect(request.eventCount == 1)
    }

    @Test("a producer id of another size than 16 bytes is refused", arguments: [0, 15, 17])
    func producerID(count: Int) {
        let message = RawMessage().field(2, bytes: [UInt8](repeating: 1, count: count)).field(4, bytes: Self.event)
            .bytes
        #expect(self.fault(message)?.code == .producerIDLength)
        #expect(self.fault(message)?.message.contains("\(count) bytes") == true)
    }

    @Test("a sequence is taken up to 2^63-1")
    func sequences() {
        #expect(self.fault(RawMessage.request([Self.event], sequence: UInt64(Int64.max))) == nil)
        #expect(self.fault(RawMessage.request([Self.event], sequence: UInt64(Int64.max) + 1))?.code == .sequenceRange)
        #expect(self.fault(RawMessage.request([Self.event], sequence: .max))?.code == .sequenceRange)
    }

    @Test("a tenant that is no UTF-8 or too long is refused")
    func tenants() {
        let producer = RawMessage().field(2, bytes: [UInt8](repeating: 1, count: 16)).field(4, bytes: Self.event)
        #expect(self.fault(producer.field(1, bytes: [0xFF]).bytes)?.code == .invalidTenant)
        #expect(self.fault(producer.field(1, String(repeating: "t", count: 513)).bytes)?.code == .invalidTenant)
    }

    @Test("a request without events is refused")
    func noEvents() {
        #expect(self.fault(RawMessage.request([]))?.code == .noEvents)
    }

    @Test("events and bytes are counted against their limits; the limit itself is taken")
    func tooMany() {
        var limits = Limits()
        limits.maxBatchEvents = 3
        limits.maxBatchBytes = 1024
        let bench = Bench(limits: limits)
        #expect(self.fault(RawMessage.request([[UInt8]](repeating: Self.event, count: 3)), bench) == nil)
        let four = self.fault(RawMessage.request([[UInt8]](repeating: Self.event, count: 4)), bench)
        #expect(four?.code == .tooManyEvents)
        #expect(four?.message.contains("3 events") == true)
        let frame = RawMessage.request([Self.event]).count
        let padding = { (bytes: Int) in
            RawMessage.request([Self.event]) + RawMessage().field(9, bytes: [UInt8](repeating: 0, count: bytes)).bytes
        }
        #expect(padding(1024 - frame - 3).count == 1024)
        #expect(self.fault(padding(1024 - frame - 3), bench) == nil)
        #expect(self.fault(padding(1024 - frame - 2), bench)?.code == .messageTooLarge)
    }

    @Test("an event that is no message refuses the request, and says which event")
    func malformedEvent() {
        let fault = self.fault(RawMessage.request([Self.event, [0x0A, 0x05, 0x01]]))
        #expect(fault?.code == .malformed)
        #expect(fault?.message.contains("events[1]") == true)
    }

    @Test(
        "bytes that are no protobuf are refused",
        arguments: [
            [0xFF], [0x00], [0x0B], [0x0C], [0x0A], [0x0A, 0x02, 0x61], [0x22, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F],
            [0x22, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0x09, 1, 2, 3], [0x0D, 1, 2],
            [0x18, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
            [0xF8, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01, 0x00],
        ] as [[UInt8]])
    func malformed(_ bytes: [UInt8]) {
        #expect(self.fault(bytes)?.code == .malformed)
    }

    @Test(
        "more fields than any version could mean, unknown or one again and again, refuse the request",
        // The first actor is where it belongs.
        arguments: [([0xC0, 0x3E, 0x00], 1_000), ([0x32, 0x00], 1_001), ([0x20, 0x01], 1_000)] as [([UInt8], Int)])
    func tooManyFields(_ bytes: [UInt8], most: Int) throws {
        func event(_ count: Int) -> [UInt8] {
            (0..<count).reduce(RawMessage.minimalEvent) { event, _ in event.raw(bytes) }.bytes
        }
        func request(_ count: Int) -> [UInt8] {
            RawMessage.request([Self.event]) + Array(repeatElement(bytes, count: count).joined())
        }
        for message in [RawMessage.request([event(most + 1)]), request(998)] {
            let fault = try #require(self.fault(message))
            #expect(fault.code == .tooManyFields && fault.message.contains("1000 fields"))
        }
        for message in [RawMessage.request([event(most)]), request(997)] {
            #expect(self.fault(message)?.code != .tooManyFields)
        }
    }

    @Test("the sequence of a refused request is told, unless it is behind more fields than are looked at")
    func sequence() {
        let message = RawMessage.request([Self.event, Self.event], sequence: 7)
        let late = Array(repeating: [0xC0, 0x3E, 0x00], count: 10).joined() + message
        #expect(publishRequestSequence(in: message, maxFields: 100) == 7)
        #expect(publishRequestSequence(in: Array(late), maxFields: 13) == 7)
        #expect(publishRequestSequence(in: Array(late), maxFields: 12) == nil)
        #expect(publishRequestSequence(in: RawMessage.request([Self.event], sequence: 0), maxFields: 100) == 0)
        #expect(publishRequestSequence(in: [0x18], maxFields: 100) == nil)
        #expect(publishRequestSequence(in: RawMessage.request([], sequence: 1 << 63), maxFields: 100) == nil)
    }

    @Test("a delegation chain that would take more memory than the budget refuses the request; the decoder goes on")
    func parserBudget() throws {
        let bench = Bench(parserBudgetBytes: 64 * 1024)
        // Two bytes each on the wire, more than a hundred in memory.
        let bomb = (0..<5000).reduce(RawMessage.minimalEvent) { event, _ in event.raw([0x3A, 0x00]) }.bytes
        let fault = try #require(self.fault(RawMessage.request([bomb]), bench))
        #expect(fault.code == .expandsTooFar)
        #expect(fault.message.contains("65536 bytes"))
        #expect(self.fault(RawMessage.request([Self.event]), bench) == nil)
    }

    @Test("a budget that runs out at any actor leaves nothing but an error behind")
    func everyBudget() throws {
        let event = (0..<16).reduce(RawMessage.minimalEvent) { event, _ in event.field(7, RawMessage().field(2, "a")) }
        var refused = 0
        for budget in stride(from: 0, to: 4096, by: 16) {
            let fault = self.fault(RawMessage.request([event.bytes]), Bench(parserBudgetBytes: budget))
            #expect(fault == nil || fault?.code == .expandsTooFar)
            refused += fault == nil ? 0 : 1
        }
        #expect(refused > 5 && refused < 256)
    }

    @Test("unknown fields of an event are ignored, in the row and in the hashes")
    func unknownFields() throws {
        let newer = RawMessage.minimalEvent.field(500, "from the future").bytes
        let batch = try self.bench.encode(RawMessage.request([newer]))
        #expect(batch.acceptedCount == 1)
        #expect(try batch.root == self.bench.encode(RawMessage.request([Self.event])).root)
    }

    @Test("random bytes never trap the decoder")
    func randomBytes() {
        var generator = SeededGenerator(seed: testSeed())
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...120, using: &generator)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            _ = self.fault(bytes)
            _ = self.fault(RawMessage.request([bytes]))
            _ = try? decodeEvent(bytes)
            _ = try? decodePublishResponse(bytes)
            _ = try? decodeVerdict(bytes)
            var reader = TupleReader(tuples: bytes) { _ in "t" }
            _ = try? reader.rows()
        }
    }

    @Test("messages with random bytes changed never trap the decoder, and what is accepted can be read back")
    func mutations() throws {
        let seed = testSeed()
        var random = RandomEvents(seed: seed)
        var generator = SeededGenerator(seed: seed ^ 1)
        for _ in 0..<3000 {
            var message = RawMessage.request([encodeEvent(random.event(type: "test.event")), Self.event])
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                message[Int.random(in: message.indices, using: &generator)] = UInt8.random(
                    in: 0...255, using: &generator)
            }
            guard let batch = try? self.bench.encode(message) else { continue }
            #expect(try rows(of: batch, type: "t").count == batch.acceptedCount)
            #expect(batch.acceptedCount + batch.rejections.count == batch.eventCount)
        }
    }
}
