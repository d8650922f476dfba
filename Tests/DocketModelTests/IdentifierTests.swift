import DocketModel
import DocketTestSupport
import Testing

@Suite("Identifiers")
struct IdentifierTests {
    private let text = "01890a5d-ac96-774b-bcce-b302099a8057"
    private let id = EventID(high: 0x0189_0A5D_AC96_774B, low: 0xBCCE_B302_099A_8057)

    @Test("sixteen bytes read from a UUID in either case, with all its dashes or none")
    func readsText() {
        #expect(EventID(self.text) == self.id)
        #expect(EventID(self.text.uppercased()) == self.id)
        #expect(EventID("01890a5dac96774bbcceb302099a8057") == self.id)
    }

    @Test(
        "no other text is sixteen bytes",
        arguments: [
            "", "01890a5d", "01890a5d-ac96-774b-bcce-b302099a805", "01890a5d-ac96-774b-bcce-b302099a80577",
            "01890a5d-ac96-774b-bcceb302099a8057", "0-1890a5dac96774bbcceb302099a8057",
            "{01890a5d-ac96-774b-bcce-b302099a8057}",
            "01890a5d-ac96-774b-bcce-b302099a805g", "01890a5d--c96-774b-bcce-b302099a8057",
            "------------------------------------",
            " 1890a5dac96774bbcceb302099a8057", "٠1890a5dac96774bbcceb302099a805",
        ])
    func refusesText(text: String) {
        #expect(EventID(text) == nil)
        #expect(TraceID(text) == nil)
    }

    @Test("sixteen bytes are written as a UUID, a trace id as plain hexadecimal")
    func writesText() {
        #expect(self.id.uuidString == self.text)
        #expect("\(self.id)" == self.text)
        #expect(self.id.hex == "01890a5dac96774bbcceb302099a8057")
        #expect("\(TraceID(high: self.id.high, low: self.id.low))" == "01890a5dac96774bbcceb302099a8057")
    }

    @Test("bytes are big-endian, and only sixteen of them make an id")
    func bytes() {
        #expect(self.id.bytes.prefix(4) == [0x01, 0x89, 0x0A, 0x5D])
        #expect(EventID(bytes: self.id.bytes) == self.id)
        #expect(EventID(bytes: self.id.bytes.dropLast()) == nil)
        #expect(EventID(bytes: self.id.bytes + [0]) == nil)
        #expect(EventID(bytes: []) == nil)
    }

    @Test("ids order like their bytes")
    func order() {
        var random = SeededGenerator.ofRun()
        for _ in 0..<500 {
            let (left, right) = (ProducerID.random(using: &random), ProducerID.random(using: &random))
            #expect((left < right) == left.bytes.lexicographicallyPrecedes(right.bytes))
            #expect(ProducerID(left.uuidString) == left)
            #expect(ProducerID(left.hex) == left)
            #expect(ProducerID(bytes: left.bytes) == left)
        }
    }

    @Test("a UUIDv7 carries its millisecond, version and variant (RFC 9562 section 5.7)")
    func version7() {
        var random = SeededGenerator.ofRun()
        for _ in 0..<200 {
            let milliseconds = Int64.random(in: 0..<1 << 48, using: &random)
            let id = EventID.version7(at: Timestamp(microsecondsSinceEpoch: milliseconds * 1000 + 999), using: &random)
            #expect(id.high >> 16 == UInt64(milliseconds))
            #expect(id.high >> 12 & 0xF == 7)
            #expect(id.low >> 62 == 0b10)
        }
    }

    @Test("UUIDv7s of later milliseconds order later")
    func version7Order() {
        var random = SeededGenerator.ofRun()
        let ids = (0..<100).map { EventID.version7(at: Timestamp(microsecondsSinceEpoch: $0 * 1000), using: &random) }
        #expect(ids == ids.sorted())
    }

    @Test("new UUIDv7s are all different, also when many tasks make them")
    func new() async {
        let before = UInt64(Timestamp.now.microsecondsSinceEpoch / 1000)
        let ids = await withTaskGroup(of: [EventID].self) { group in
            for _ in 0..<8 { group.addTask { (0..<1000).map { _ in EventID.new() } } }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(ids).count == 8000 && Set(ids.map(\.low)).count == 8000)
        #expect(ids.allSatisfy { $0.high >> 12 & 0xF == 7 && $0.low >> 62 == 0b10 && $0.high >> 16 >= before })
    }

    @Test("a UUIDv7 of a time before 1970 doesn't trap")
    func version7BeforeTheEpoch() {
        var random = SeededGenerator.ofRun()
        for time in [
            Timestamp.earliest, Timestamp(microsecondsSinceEpoch: .min), Timestamp(microsecondsSinceEpoch: .max),
        ] {
            #expect(EventID.version7(at: time, using: &random).low >> 62 == 0b10)
        }
    }

    @Test("a span id is eight bytes or sixteen hexadecimal digits")
    func spanID() {
        let id = SpanID(0x00F0_67AA_0BA9_02B7)
        #expect(id.hex == "00f067aa0ba902b7")
        #expect("\(id)" == "00f067aa0ba902b7")
        #expect(SpanID("00F067AA0ba902b7") == id)
        #expect(SpanID(bytes: id.bytes) == id)
        for text in ["", "00f067aa0ba902b", "00f067aa0ba902b71", "00f067aa0ba902bg", "00f067aa-0ba902b7"] {
            #expect(SpanID(text) == nil, "\(text)")
        }
        #expect(SpanID(bytes: [1, 2, 3]) == nil)
    }

    @Test("hexadecimal text and bytes turn into each other")
    func hexadecimalText() {
        #expect(hexadecimal([0x00, 0x9F, 0xFF]) == "009fff")
        #expect(DocketModel.bytes(hexadecimal: "009FfF") == [0x00, 0x9F, 0xFF])
        #expect(DocketModel.bytes(hexadecimal: "") == [])
        #expect(DocketModel.bytes(hexadecimal: "abc") == nil)
        #expect(DocketModel.bytes(hexadecimal: "0x") == nil)
    }

    @Test("decisions, outcomes and rejection codes have the numbers of the wire and names of their own")
    func enumerations() {
        #expect(Decision.allCases.map(\.rawValue) == [1, 2, 3])
        #expect(Decision.allCases.map(\.name) == ["allow", "deny", "mask"])
        #expect(Outcome.allCases.map(\.rawValue) == [1, 2, 3])
        #expect(Outcome.allCases.map(\.name) == ["success", "failure", "error"])
        for decision in Decision.allCases { #expect(Decision(name: decision.name) == decision) }
        for outcome in Outcome.allCases { #expect(Outcome(name: outcome.name) == outcome) }
        #expect(Decision(name: "Allow") == nil)
        #expect(Outcome(name: "") == nil)
        #expect(Set(RejectionCode.allCases.map(\.name)).count == RejectionCode.allCases.count)
    }
}
