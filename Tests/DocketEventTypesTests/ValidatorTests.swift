import DocketCodec
import DocketEventTypes
import DocketModel
import DocketTestSupport
import Testing

@Suite("The validator of attributes")
struct ValidatorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let schema: String
        /// Values of the attribute `a`, and whether they are right.
        let values: [(String, Bool)]
        var testDescription: String { self.schema }

        init(_ schema: String, right: [String] = [], wrong: [String] = []) {
            self.schema = schema
            self.values = right.map { ($0, true) } + wrong.map { ($0, false) }
        }
    }

    private static let samples = [
        "null", "true", "false", "0", "-1", "1.5", "\"\"", "\"text\"", "[]", "[1,[2]]", "{}", #"{"b":{"c":[1]}}"#,
    ]

    private static func type(_ name: String, _ right: [String]) -> Case {
        Case(#"{"type":\#(name)}"#, right: right, wrong: Self.samples.filter { !right.contains($0) })
    }

    static let cases: [Case] = [
        Case("{}", right: samples), Case("true", right: samples), Case(#"{"title":"anything"}"#, right: samples),
        type(#""null""#, ["null"]), type(#""boolean""#, ["true", "false"]), type(#""integer""#, ["0", "-1"]),
        type(#""number""#, ["0", "-1", "1.5"]), type(#""string""#, ["\"\"", "\"text\""]),
        type(#""array""#, ["[]", "[1,[2]]"]), type(#""object""#, ["{}", #"{"b":{"c":[1]}}"#]),
        type(#"["null","integer","object"]"#, ["null", "0", "-1", "{}", #"{"b":{"c":[1]}}"#]),
        // A whole number is an integer however it is written.
        Case(
            #"{"type":"integer"}"#,
            right: [
                "1.0", "-0", "-0.0", "0e5", "10e-1", "1.50e1", "1e300", "1E+2", "123456789012345678901234567890",
                "100.00",
            ],
            wrong: ["1.1", "1e-1", "0.5", "15e-1", "123456789012345678901234567890.5", "1.000000000000000000000000001"]),
        // Lengths are code points, whether they are escaped or not.
        Case(
            #"{"minLength":2,"maxLength":3}"#,
            right: [
                "\"ab\"", "\"abc\"", "\"🧨🧨\"", #""\u00e9\u00e9\u00e9""#, #""\ud83e\udde8\ud83e\udde8""#, "\"漢字é\"",
                #""\n\\""#,
                "\"e\u{301}\"", "[]", "5", "null", "{}",
            ],
            wrong: [
                "\"\"", "\"a\"", "\"abcd\"", "\"🧨\"", #""\ud83e\udde8""#, #""\u00e9""#, #""\n\t\r\f""#, "\"é\"",
                "\"\u{1F469}\u{200D}\u{1F469}\u{200D}\u{1F467}\"",
            ]),
        Case(#"{"maxLength":0}"#, right: ["\"\""], wrong: ["\"a\"", #""\n""#]),
        Case(#"{"minLength":1}"#, right: ["\"a\"", #""\u0001""#, "\"é\""], wrong: ["\"\""]),
        Case(
            #"{"minimum":-1.5,"maximum":10}"#,
            right: ["-1.5", "-15e-1", "0", "-0", "10", "10.000", "1e1", "\"99\"", "[99]"],
            wrong: ["-1.50001", "-2", "10.1", "1e2", "1e400", "-1e400", "11"]),
        Case(
            #"{"exclusiveMinimum":0,"exclusiveMaximum":1}"#, right: ["1e-400", "0.999"],
            wrong: ["0", "-0.0", "1", "1.0", "-1e-400"]),
        Case(
            #"{"minimum":9007199254740993}"#, right: ["9007199254740993"],
            wrong: ["9007199254740992", "9007199254740992.9"]),
        Case(#"{"maximum":0.1}"#, right: ["0.1", "0.10", "1e-1"], wrong: ["0.10000000000000001"]),
        Case(
            #"{"enum":["a","é","",1,-2.50,true,null]}"#,
            right: ["\"a\"", #""\u0061""#, #""\u00e9""#, "\"é\"", "\"\"", "1", "1.0", "-25e-1", "true", "null"],
            wrong: ["\"b\"", "\"aa\"", "\"e\u{301}\"", "2", "\"1\"", "false", "[]", "{}", "[1]", "-2.5000001", "0"]),
        Case(#"{"const":"x"}"#, right: ["\"x\"", #""\u0078""#], wrong: ["\"y\"", "null", "{}"]),
        Case(#"{"const":0}"#, right: ["0", "-0", "0.0", "0e9"], wrong: ["false", "1", "\"0\""]),
        Case(#"{"const":false}"#, right: ["false"], wrong: ["0", "null", "true"]),
        Case(#"{"const":1,"enum":[1,2]}"#, right: ["1"], wrong: ["2"]),
        Case(#"{"type":"string","enum":["a",1]}"#, right: ["\"a\""], wrong: ["1"]),
        Case(
            #"{"minItems":1,"maxItems":2}"#, right: ["[1]", "[[],[1,2,3]]", "\"\"", "{}", "0"],
            wrong: ["[]", "[1,2,3]", "[ ]"]),
        Case(
            #"{"items":{"type":"integer","minimum":0}}"#, right: ["[]", "[ 1 , 2 ]", "{}", "[1.0]"],
            wrong: ["[-1]", "[1,\"2\"]", "[[1]]", "[0,0,0,null]"]),
        Case(
            #"{"properties":{"x":{"type":"integer"}},"required":["y"],"additionalProperties":true}"#,
            right: [#"{"y":1}"#, #"{"y":null,"x":1,"z":{}}"#, "[]"],
            wrong: ["{}", #"{"x":1}"#, #"{"y":1,"x":"1"}"#, #"{"Y":1}"#]),
        Case(
            #"{"properties":{"x":{},"é":{}},"additionalProperties":false}"#,
            right: ["{}", #"{"x":1}"#, #"{"\u0078":1}"#, #"{"x":1,"\u00e9":2}"#, "3"],
            wrong: [#"{"y":1}"#, #"{"xx":1}"#, #"{"":1}"#, "{\"e\u{301}\":1}", #"{"x":1,"X":1}"#, #"{"\u0058":1}"#]),
        // Of members of one name the last counts.
        Case(
            #"{"properties":{"x":{"type":"integer"},"y":{"properties":{"x":{"type":"integer"}}}}}"#,
            right: [
                #"{"x":"1","x":1}"#, #"{"x":"1","\u0078":1}"#, #"{"y":{"x":"1"},"y":{}}"#,
                #"{"y":{"x":"1"},"x":1,"y":3}"#,
                #"{"x":"1","y":{"x":"1","x":1},"x":1}"#,
            ],
            wrong: [
                #"{"x":1,"x":"1"}"#, #"{"x":1,"\u0078":"1"}"#, #"{"y":{},"y":{"x":"1"}}"#, #"{"y":{"x":"1"},"x":1}"#,
                #"{"x":1,"y":{"x":1,"x":"1"}}"#,
            ]),
        Case(
            #"{"properties":{"x":{"properties":{"y":true},"additionalProperties":false}}}"#,
            right: [#"{"x":{"z":1},"x":{"y":1}}"#, #"{"x":{"z":1},"x":1}"#], wrong: [#"{"x":{"y":1},"x":{"z":1}}"#]),
    ]

    @Test("takes and refuses what JSON Schema does", arguments: cases)
    func verdicts(_ test: Case) throws {
        let validator = EventTypeValidator(try definition(ofAttribute: test.schema))
        for (value, isRight) in test.values {
            for text in [#"{"a":\#(value)}"#, " {\n\"x\" : [ {} , \"}\" ] ,\t\"a\" :\r\(value) } "] {
                let refusal = validator.check(text)
                #expect((refusal == nil) == isRight, "\(text): \(String(describing: refusal))")
                if let refusal { #expect(refusal.field.hasPrefix("attributes/a"), "\(text): \(refusal)") }
            }
        }
    }

    struct Message: Sendable, CustomTestStringConvertible {
        let schema: String
        let attributes: String
        let refusal: EventRefusal
        var testDescription: String { self.attributes }

        init(_ schema: String, _ attributes: String, _ field: String, _ code: RejectionCode, _ reason: String) {
            self.schema = schema
            self.attributes = attributes
            self.refusal = EventRefusal(field: field, code: code, reason: reason)
        }
    }

    static let messages: [Message] = [
        Message(
            #"{"type":"integer"}"#, #"{"a":"1"}"#, "attributes/a", .invalidAttribute,
            #"attributes/a is "1"; t version 1 wants integer"#),
        Message(
            #"{"items":{"properties":{"~b/c":{"type":["string","null"]}}}}"#, #"{"x":[],"a":[{},{"y":1,"~b/c": 2}]}"#,
            "attributes/a/1/~0b~1c", .invalidAttribute,
            "attributes/a/1/~0b~1c is 2; t version 1 wants null or string"),
        Message(
            #"{"required":["b"]}"#, #"{"a":{}}"#, "attributes/a/b", .missingField,
            "attributes/a/b is missing; t version 1 requires it: send it"),
        Message(
            #"{"properties":{"b":true},"additionalProperties":false}"#, #"{"a":{"b":1,"\u0063":1}}"#, "attributes/a/c",
            .unknownAttribute,
            "attributes/a/c is not described by t version 1, which refuses other attributes: remove it, or describe it in "
                + "the definition"),
        Message(
            #"{"maxLength":3}"#, #"{"a":"abcd"}"#, "attributes/a", .invalidAttribute,
            #"attributes/a is "abcd"; t version 1 wants at most 3 characters, and it has 4: shorten it"#),
        Message(
            #"{"minLength":1}"#, #"{"a":""}"#, "attributes/a", .invalidAttribute,
            #"attributes/a is ""; t version 1 wants at least 1 characters, and it has 0: lengthen it"#),
        Message(
            #"{"minimum":0}"#, #"{"a":-5}"#, "attributes/a", .invalidAttribute,
            "attributes/a is -5; t version 1 wants at least 0"),
        Message(
            #"{"exclusiveMaximum":1e2}"#, #"{"a":100}"#, "attributes/a", .invalidAttribute,
            "attributes/a is 100; t version 1 wants less than 1e2"),
        Message(
            #"{"maxItems":1}"#, #"{"a":[1,2]}"#, "attributes/a", .invalidAttribute,
            "attributes/a is [1,2]; t version 1 wants at most 1 elements, and it has 2: remove some"),
        Message(
            #"{"enum":["low","high",3,null]}"#, #"{"a":"mid"}"#, "attributes/a", .invalidAttribute,
            #"attributes/a is "mid"; t version 1 wants one of "low", "high", 3, null"#),
        Message(
            #"{"const":true}"#, #"{"a":false}"#, "attributes/a", .invalidAttribute,
            "attributes/a is false; t version 1 wants true"),
        Message(
            #"{"enum":[\#((0..<20).map(String.init).joined(separator: ","))]}"#, #"{"a":20}"#, "attributes/a",
            .invalidAttribute, "attributes/a is 20; t version 1 wants one of 0, 1, 2, 3, 4, 5, 6, 7 or 12 more"),
        Message(
            #"{"type":"null"}"#, #"{"a":"\#(String(repeating: "x", count: 99))"}"#, "attributes/a", .invalidAttribute,
            #"attributes/a is "\#(String(repeating: "x", count: 39))…; t version 1 wants null"#),
    ]

    @Test("says where the fault is, what the value is, and what is wanted", arguments: messages)
    func message(_ test: Message) throws {
        let validator = EventTypeValidator(try definition(ofAttribute: test.schema))
        #expect(validator.check(test.attributes) == test.refusal)
    }

    @Test("names the first fault of several, as the text goes")
    func first() throws {
        let validator = EventTypeValidator(
            try definition(#""attributes":{"required":["z"],"properties":{"a":{"type":"null"},"b":{"type":"null"}}}"#))
        #expect(validator.check(#"{"b":1,"a":1}"#)?.field == "attributes/b")
        #expect(validator.check(#"{"a":1,"b":1}"#)?.field == "attributes/a")
        #expect(validator.check(#"{"a":null}"#)?.field == "attributes/z")
    }

    @Test("cuts long names in the field, and keeps the field short however deep the fault lies")
    func longNames() throws {
        let validator = EventTypeValidator(try definition(#""unknown_attributes":"refuse""#))
        let refusal = try #require(validator.check(#"{"\#(String(repeating: "n", count: 60_000))":1}"#))
        #expect(refusal.field == "attributes/" + String(repeating: "n", count: 64) + "…")
    }

    @Test("never traps, whatever the bytes are; of cut and damaged text it says something or nothing")
    func noise() throws {
        var random = RandomEvents(seed: testSeed())
        let schema = #"""
            "unknown_attributes":"refuse","attributes":{"required":["s"],"properties":{"s":{"minLength":3,"maxLength":9},
            "n":{"minimum":-1.5,"exclusiveMaximum":1e30},"e":{"enum":["a\n","é",1e5,null]},"i":{"type":"integer"},
            "l":{"items":{"type":["string","null"],"maxLength":2},"minItems":1,"maxItems":4},
            "o":{"properties":{"k":{"type":"boolean"}},"required":["k"],"additionalProperties":false}}}
            """#
        let validator = EventTypeValidator(try definition(schema))
        let keys = ["s", "n", "e", "i", "l", "o", "k", "\\u0073", "x"]
        for _ in 0..<3000 {
            let members = (0..<Int.random(in: 0...6, using: &random.generator)).map { _ in
                "\"\(keys.randomElement(using: &random.generator) ?? "s")\":\(random.json(depth: 3))"
            }
            var bytes = Array("{\(members.joined(separator: ","))}".utf8)
            for _ in 0..<Int.random(in: 0...4, using: &random.generator) where !bytes.isEmpty {
                let place = Int.random(in: bytes.indices, using: &random.generator)
                switch Int.random(in: 0...3, using: &random.generator) {
                case 0: bytes.remove(at: place)
                case 1: bytes.removeSubrange(place...)
                case 2:
                    bytes.insert(Array("{}[],:\"\\-.e0u1".utf8).randomElement(using: &random.generator) ?? 0, at: place)
                default: bytes[place] = UInt8.random(in: 0...255, using: &random.generator)
                }
            }
            _ = validator.check(attributes: bytes.span)
        }
        for text in [
            "", " ", "{", "{\"", "{\"s", "{\"s\"", "{\"s\":", "{\"s\":\"", "{\"s\":\"\\", "{\"n\":-", "{\"n\":1e", "[",
            "\\", "}",
        ] {
            _ = validator.check(text)
        }
    }

    @Test("takes as long as the text is, not longer, where names and values repeat")
    func bounded() throws {
        // 64 KiB of the same two members, each a fault until the very last; a walk for each of them would take minutes.
        let validator = EventTypeValidator(
            try definition(#""attributes":{"properties":{"a":{"type":"null"},"b":{"type":"null"}}}"#))
        let members = String(repeating: #""a":1,"b":1,"#, count: 5400)
        #expect(validator.check(#"{\#(members)"a":null,"b":null}"#) == nil)
        #expect(validator.check(#"{\#(members)"b":null,"a":2}"#)?.reason.contains("is 2") == true)
    }

    @Test("is a few hundred bytes to a few KiB, and shares what is equal")
    func size() throws {
        for definition in try starterPack().definitions {
            let size = EventTypeValidator(definition).sizeBytes
            #expect((100...4096).contains(size), "\(definition.name): \(size) bytes")
        }
        let one = EventTypeValidator(try definition(#""attributes":{"properties":{"a":{"enum":["x","y"]}}}"#))
        let names = (0..<100).map { "\"attribute_\($0)\":{\"enum\":[\"x\",\"y\"]}" }.joined(separator: ",")
        let many = EventTypeValidator(try definition(#""attributes":{"properties":{\#(names)}}"#))
        #expect(many.sizeBytes - one.sizeBytes < 100 * 40)
    }
}
