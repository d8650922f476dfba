import DocketCodec
import DocketTestSupport
import Foundation
import Testing

@Suite("JSON scanner")
struct JSONScannerTests {
    private static func scan(_ text: String, maxDepth: Int = 32) -> Result<JSONKind, JSONFault> {
        self.scan(Array(text.utf8), maxDepth: maxDepth)
    }

    private static func scan(_ bytes: [UInt8], maxDepth: Int = 32) -> Result<JSONKind, JSONFault> {
        do { return .success(try JSONScanner.scan(bytes.span, maxDepth: maxDepth)) } catch { return .failure(error) }
    }

    private static func code(_ text: String) -> JSONFault.Code? {
        if case .failure(let fault) = self.scan(text) { fault.code } else { nil }
    }

    @Test(
        "every kind of value is taken, with white space around it",
        arguments: [
            ("{}", JSONKind.object), ("[]", .array), ("\"\"", .string), ("0", .number), ("-0", .number),
            ("true", .boolean),
            ("false", .boolean), ("null", .null), (" \t\r\n{ } \t\r\n", .object), ("-1.5e+10", .number),
            ("1E-5", .number),
        ])
    func kinds(_ text: String, _ kind: JSONKind) {
        #expect(Self.scan(text) == .success(kind))
    }

    @Test(
        "what RFC 8259 allows is taken",
        arguments: [
            #"{"a":1,"a":2}"#, #"{"":""}"#, #"[1,2 , 3]"#, #"{"a":{"b":[{},[],{"c":null}]}}"#, #""\"\\\/\b\f\n\r\tA""#,
            #""\u00e9\uD83E\udde8\uFFFF\u0001""#, "\"\u{7F}\u{80}é漢🧨\u{FEFF}\u{2028}\"",
            #"[0.0e0,-0.0E-00,10,1e5,123456789.125]"#,
            #"{"a":"a long string that takes more than one step of eight bytes, and some","b" : "short"}"#,
            "[\"1234567\",\"12345678\",\"123456789\",\"1234567\\n\",\"12345678\\n\"]",
        ])
    func allowed(_ text: String) {
        #expect(Self.code(text) == nil)
    }

    @Test(
        "what RFC 8259 forbids is refused",
        arguments: [
            "", " ", "{", "}", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
            "{a:1}", "{'a':1}",
            "{\"a\":1 \"b\":2}", "{1:2}", "{null:1}", "[1}", "{\"a\":1]", "{}{}", "[] []", "1 2", "tru", "truex",
            "True", "nul", "nullx",
            "NaN", "Infinity", "-", "+1", "01", "-01", "00", "1.", ".5", "1.e5", "1e", "1e+", "0x10", "1_000", "\"",
            "\"a", "'a'",
            "\"\\\"", "\"\\x41\"", "\"\\u12\"", "\"\\u12G4\"", "\"\\", "\"\\u", "\"\n\"", "\"\t\"", "\"\u{1F}\"",
            "\"1234567\u{1}\"",
            "// c\n1", "[1,/**/2]", "\u{FEFF}1", "\u{A0}1", "\u{B}1", "1\u{0}", "\u{0}", "[\u{0}]", "{\"a\"\u{0}:1}",
            "{\"a\":1\u{0}}",
        ])
    func forbidden(_ text: String) {
        #expect(Self.code(text) == .syntax, "\(text.debugDescription)")
    }

    @Test("what PostgreSQL takes but can't read back is refused with its own code")
    func unreadable() {
        #expect(Self.code(#"{"a":"\u0000"}"#) == .nulEscape)
        #expect(Self.code(#"{"\u0000":1}"#) == .nulEscape)
        for half in [
            #""\ud800""#, #""\uDBFF x""#, #""\udc00""#, #""\uDFFF""#, #""\ud800\ud800""#, #""\ud800\n""#,
            #""\ud800\\dc00""#,
        ] {
            #expect(Self.code(half) == .loneSurrogate, "\(half)")
        }
        #expect(Self.code(#""\ud800\uZZZZ""#) == .syntax)
        #expect(Self.code(#""\ud800\u0000""#) == .loneSurrogate)
        #expect(Self.code(#""\\u0000""#) == nil)
    }

    @Test("numbers are taken as far as PostgreSQL's numeric holds them")
    func numberRange() {
        #expect(Self.code("1e131071") == nil)
        #expect(Self.code("1e131072") == .numberRange)
        #expect(Self.code("-1E+131072") == .numberRange)
        #expect(Self.code("1e-16383") == nil)
        #expect(Self.code("1e-16384") == .numberRange)
        #expect(Self.code("0.1e-16382") == nil)
        #expect(Self.code("0.1e-16383") == .numberRange)
        #expect(Self.code("0." + String(repeating: "1", count: 16_383)) == nil)
        #expect(Self.code("0." + String(repeating: "1", count: 16_384)) == .numberRange)
        #expect(Self.code("1e99999999999999999999999999") == .numberRange)
        #expect(Self.code("1e-99999999999999999999999999") == .numberRange)
        #expect(Self.code(String(repeating: "9", count: 131_072)) == nil)
        #expect(Self.code(String(repeating: "9", count: 131_073)) == .numberRange)
    }

    @Test(
        "nesting is taken up to the given depth and refused one level above it",
        arguments: [1, 2, 32, 63, 64, 65, 128, 255, 256])
    func depth(_ levels: Int) {
        func nested(_ levels: Int, _ open: String, _ close: String) -> String {
            String(repeating: open, count: levels) + String(repeating: close, count: levels)
        }
        #expect(Self.scan(nested(levels, "[", "]"), maxDepth: levels) == .success(.array))
        guard case .failure(let fault) = Self.scan(nested(levels + 1, "[", "]"), maxDepth: levels) else {
            Issue.record("\(levels + 1) levels were taken")
            return
        }
        #expect(fault.code == .tooDeep)
        #expect(fault.offset == levels)
    }

    @Test("each level is closed by its own bracket, however deep it is")
    func brackets() {
        var opening = ""
        var closing = ""
        for level in 0..<256 {
            opening += level % 3 == 0 ? "[" : "{\"k\":"
            closing = (level % 3 == 0 ? "]" : "}") + closing
        }
        #expect(Self.scan(opening + "1" + closing, maxDepth: 256) == .success(.array))
        for offset in stride(from: 0, to: 256, by: 17) {
            var wrong = Array(closing.utf8)
            wrong[offset] = wrong[offset] == UInt8(ascii: "]") ? UInt8(ascii: "}") : UInt8(ascii: "]")
            #expect(Self.scan(Array((opening + "1").utf8) + wrong, maxDepth: 256) != .success(.array))
        }
    }

    @Test("no depth above 256 is allowed, whatever the caller asks for")
    func hardDepth() {
        let text = String(repeating: "[", count: 257) + String(repeating: "]", count: 257)
        guard case .failure(let fault) = Self.scan(text, maxDepth: .max) else {
            Issue.record("257 levels were taken")
            return
        }
        #expect(fault.code == .tooDeep)
        #expect(fault.offset == 256)
    }

    @Test("a control character is found at every place of a string of any length")
    func everyPlace() {
        for length in 1...40 {
            for place in 0..<length {
                var bytes = [UInt8](repeating: UInt8(ascii: "x"), count: length)
                bytes[place] = 0x1F
                let text = [0x22] + bytes + [0x22]
                guard case .failure(let fault) = Self.scan(text) else {
                    Issue.record("length \(length), place \(place)")
                    continue
                }
                #expect(fault.offset == place + 1)
            }
        }
    }

    @Test("for random texts the scanner takes and refuses what Foundation's parser does, its own rules apart")
    func foundationAgrees() {
        let seed = testSeed()
        var random = RandomEvents(seed: seed)
        var generator = SeededGenerator(seed: seed ^ 1)
        var taken = 0
        for _ in 0..<4000 {
            var bytes = Array(random.json(depth: 3).utf8)
            // No digits and no letter E: Foundation refuses what a double can't hold, which is not at issue here.
            let characters = Array("{}[],:\"\\-. tn".utf8)
            let changes = Int.random(in: 0...2, using: &generator)
            for _ in 0..<changes where !bytes.isEmpty {
                let place = Int.random(in: bytes.indices, using: &generator)
                switch Int.random(in: 0...2, using: &generator) {
                case 0: bytes.remove(at: place)
                case 1: bytes.insert(characters.randomElement(using: &generator) ?? 0, at: place)
                default: bytes[place] = characters.randomElement(using: &generator) ?? 0
                }
            }
            // The scanner is given well-formed UTF-8 only.
            guard let text = String(validating: bytes, as: UTF8.self) else { continue }
            // Foundation takes a comma in front of a closing bracket, which RFC 8259 forbids.
            if text.contains(/,\s*[\]}]/) { continue }
            let reference = (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
            switch Self.scan(bytes) {
            case .success:
                taken += 1
                #expect(reference, "\(text.debugDescription)")
            case .failure(let fault):
                #expect(!reference || fault.code != .syntax, "\(text.debugDescription): \(fault)")
            }
        }
        #expect(taken > 500)
    }
}
