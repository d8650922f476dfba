import DocketModel
import DocketTestSupport
import Testing

@Suite("JSON reading")
struct JSONValueTests {
    private func parse(_ text: String, maxDepth: Int = 128) throws(ModelError) -> JSONValue {
        try JSONValue(parsing: Array(text.utf8), maxDepth: maxDepth)
    }

    @Test(
        "takes every kind of value",
        arguments: [
            ("null", JSONValue.Kind.null), ("true", .bool), ("false", .bool), ("0", .number), ("-0.5e+07", .number),
            ("\"\"", .string), ("\"a\"", .string), ("[]", .array), ("[1, [2], {}]", .array), ("{}", .object),
            (" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n", .object),
        ])
    func kinds(text: String, kind: JSONValue.Kind) throws {
        #expect(try self.parse(text).kind == kind)
    }

    @Test(
        "refuses what RFC 8259 doesn't allow",
        arguments: [
            "", " ", "nul", "nulll", "True", "+1", "01", "-", "-01", "1.", ".5", "1e", "1e+", "0x1", "NaN", "Infinity",
            "1 2",
            "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}",
            "{1:1}",
            "{\"a\" 1}", "{\"a\":1 \"b\":2}", "[1}", "{\"a\":1]", "\"", "\"a", "\"\\\"", "\"\\x\"", "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\n\"", "\"\t\"", "\"\u{1}\"", "'a'", "// a\n1", "1//", "[1]]", "{}{}", "\u{FEFF}1", "\"a\"b",
        ])
    func refuses(text: String) {
        let error = #expect(throws: ModelError.self) { try self.parse(text) }
        #expect(error?.code == .invalidJSON || error?.code == .incompleteJSON)
        #expect(error?.message.hasPrefix("not valid JSON at byte") == true)
    }

    @Test("refuses what can't be stored: U+0000, lone surrogates, bytes that are no UTF-8")
    func refusesWhatCannotBeStored() {
        for text in [
            "\"\\u0000\"", "\"\\ud800\"", "\"\\ud800x\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800\\ud800\"",
            "{\"\\u0000\":1}",
        ] {
            #expect(throws: ModelError.self, "\(text)") { try self.parse(text) }
        }
        for bytes in [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22],
        ] {
            let error = #expect(throws: ModelError.self) { try JSONValue(parsing: bytes.map { UInt8($0) }) }
            #expect(error?.message.contains("UTF-8") == true)
        }
    }

    @Test(
        "text that ends too early is told apart from text that is wrong: every beginning of a valid one is incomplete")
    func incomplete() {
        let bytes = Array(#"{"a":[1,-2.5e+7,"\u00e9\ud83e\udd80é漢",true,null,{"b":{}}]}"#.utf8)
        for count in 0..<bytes.count {
            let error = #expect(throws: ModelError.self) { try JSONValue(parsing: Array(bytes.prefix(count))) }
            #expect(error?.code == .incompleteJSON, "\(count): \(error?.message ?? "")")
        }
        for text in ["{]", "[1 2", "\"\\x", "{\"a\"1", "tru]", "01"] {
            let error = #expect(throws: ModelError.self) { try self.parse(text) }
            #expect(error?.code == .invalidJSON, "\(text)")
        }
    }

    @Test("the error names the byte where the text goes wrong")
    func position() {
        let error = #expect(throws: ModelError.self) { try self.parse("{\"a\": tru}") }
        #expect(error?.message == "not valid JSON at byte 9: expected 'true'")
    }

    @Test(
        "a string gives its characters, escapes resolved",
        arguments: [
            ("\"\"", ""), ("\"plain é 漢 🦀\"", "plain é 漢 🦀"),
            ("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\u{8}\u{C}\n\r\t"),
            ("\"\\u00e9\\u6F22\"", "é漢"), ("\"\\ud83e\\udd80\"", "🦀"), ("\"\\uD83E\\uDD80!\"", "🦀!"),
            ("\"\\uffff\"", "\u{FFFF}"),
            ("\"\\u007f\u{7F}\"", "\u{7F}\u{7F}"),
        ])
    func strings(text: String, value: String) throws {
        #expect(try self.parse(text).string == value)
    }

    @Test("a number keeps its digits, however many there are")
    func numbers() throws {
        let digits = "-1234567890123456789012345678901234567890.0010e-400"
        #expect(try self.parse(digits).text == digits)
        #expect(try self.parse("9223372036854775807").integer == Int64.max)
        #expect(try self.parse("9223372036854775808").integer == nil)
        #expect(try self.parse("-9223372036854775808").integer == Int64.min)
        #expect(try self.parse("1.0").integer == nil)
        #expect(try self.parse("0.1").double == 0.1)
        #expect(try self.parse("1e999").double == nil)
        #expect(try self.parse("\"1\"").integer == nil)
        #expect(try self.parse("\"1\"").double == nil)
        #expect(try self.parse("true").bool == true)
        #expect(try self.parse("false").bool == false)
        #expect(try self.parse("0").bool == nil)
    }

    @Test("an object gives its members in order, each as the text that it is")
    func members() throws {
        let object = try self.parse(" { \"b\" : 1.50 , \"a\":{ \"x\" : [ ] },\"\\u0063\": null } ").object()
        #expect(object.names == ["b", "a", "c"])
        #expect(object["b"]?.text == "1.50")
        #expect(object["a"]?.text == "{ \"x\" : [ ] }")
        #expect(try object["a"]?.object()["x"]?.elements == [])
        #expect(object["c"]?.kind == .null)
        #expect(object["d"] == nil)
    }

    @Test("an array gives its elements in order")
    func elements() throws {
        #expect(
            try self.parse("[ 1 ,\"two\",[3,[4]], { } ]").elements?.map(\.text) == ["1", "\"two\"", "[3,[4]]", "{ }"])
        #expect(try self.parse("[]").elements == [])
        #expect(try self.parse("{}").elements == nil)
    }

    @Test("two members of one name are refused where the object is opened, whatever their spelling")
    func duplicates() throws {
        let error = #expect(throws: ModelError.self) { try self.parse("{\"a\":1,\"\\u0061\":2}").object() }
        #expect(error?.message.contains("\"a\"") == true)
        // Inside a value that is only passed on they stay as they are.
        #expect(try self.parse("[{\"a\":1,\"a\":2}]").text == "[{\"a\":1,\"a\":2}]")
        #expect(throws: ModelError.self) { try self.parse("[1]").object() }
    }

    @Test("names that look alike and differ in their bytes are two names")
    func canonicalEquivalence() throws {
        let object = try self.parse("{\"é\":1,\"e\u{301}\":2}").object()
        #expect(object.names.count == 2)
        #expect(object["\u{E9}"]?.integer == 1 && object["e\u{301}"]?.integer == 2)
    }

    @Test("depth is bounded, and no nesting overflows the stack")
    func depth() throws {
        #expect(try self.parse("[[[1]]]", maxDepth: 3).kind == .array)
        let error = #expect(throws: ModelError.self) { try self.parse("[[[1]]]", maxDepth: 2) }
        #expect(error?.message.contains("2 levels") == true)
        #expect(throws: ModelError.self) { try self.parse("{}", maxDepth: 0) }
        #expect(try self.parse("1", maxDepth: 0).integer == 1)
        let levels = 1_000_000
        let deep = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        #expect(try self.parse(deep, maxDepth: levels).bytes.count == 2 * levels)
        #expect(throws: ModelError.self) { try self.parse(String(repeating: "{\"a\":", count: levels)) }
    }

    @Test("what the writer writes reads back: random values")
    func roundTrips() throws {
        var random = SeededGenerator.ofRun()
        for _ in 0..<500 {
            let value = RandomJSON.value(depth: 4, using: &random)
            var writer = JSONWriter()
            value.write(to: &writer)
            let parsed = try self.parse(writer.text)
            #expect(parsed.text == writer.text)
            #expect(try RandomJSON(parsed) == value)
        }
    }

    @Test("random damage gives a value or an error, never a trap")
    func damage() {
        var random = SeededGenerator.ofRun()
        for _ in 0..<3000 {
            var writer = JSONWriter()
            RandomJSON.value(depth: 3, using: &random).write(to: &writer)
            var bytes = writer.bytes
            for _ in 0...Int.random(in: 0..<3, using: &random) where !bytes.isEmpty {
                let index = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes.remove(at: index)
                case 1: bytes[index] = UInt8.random(in: 0...255, using: &random)
                default: bytes.insert(Array("{}[]\",:\\u0".utf8).randomElement(using: &random) ?? 0, at: index)
                }
            }
            guard let value = try? JSONValue(parsing: bytes) else { continue }
            #expect(bytes.count >= value.bytes.count)
            _ = try? RandomJSON(value)
        }
    }
}

/// A JSON value as a tree, for comparing.
indirect enum RandomJSON: Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    case string(String)
    case array([RandomJSON])
    case object([String], [RandomJSON])

    static func value(depth: Int, using random: inout SeededGenerator) -> RandomJSON {
        switch Int.random(in: 0..<(depth > 0 ? 7 : 5), using: &random) {
        case 0: .null
        case 1: .bool(random.oneIn(2))
        case 2: .integer(Int64.random(in: .min ... .max, using: &random))
        case 3: .double(Double(sign: .minus, exponent: Int.random(in: -1074...1023, using: &random), significand: 1.1))
        case 4: .string(random.text())
        case 5:
            .array(
                (0..<Int.random(in: 0...4, using: &random)).map { _ in self.value(depth: depth - 1, using: &random) })
        default:
            self.object(using: &random, depth: depth)
        }
    }

    private static func object(using random: inout SeededGenerator, depth: Int) -> RandomJSON {
        let names = (0..<Int.random(in: 0...4, using: &random)).map { "\($0)\(random.text(maxLength: 4))" }
        return .object(names, names.map { _ in self.value(depth: depth - 1, using: &random) })
    }

    func write(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.null()
        case .bool(let value): writer.bool(value)
        case .integer(let value): writer.integer(value)
        case .double(let value): writer.double(value)
        case .string(let value): writer.string(value)
        case .array(let values):
            writer.beginArray()
            for value in values { value.write(to: &writer) }
            writer.endArray()
        case .object(let names, let values):
            writer.beginObject()
            for (name, value) in zip(names, values) {
                writer.key(name)
                value.write(to: &writer)
            }
            writer.endObject()
        }
    }

    init(_ value: JSONValue) throws {
        switch value.kind {
        case .null: self = .null
        case .bool: self = .bool(value.bool == true)
        case .number: self = value.integer.map(RandomJSON.integer) ?? .double(value.double ?? .infinity)
        case .string: self = .string(try #require(value.string))
        case .array: self = .array(try #require(value.elements).map(RandomJSON.init))
        case .object:
            let object = try value.object()
            self = .object(object.names, try object.names.map { try RandomJSON(#require(object[$0])) })
        }
    }
}
