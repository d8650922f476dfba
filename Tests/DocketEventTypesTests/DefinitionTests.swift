import DocketCodec
import DocketEventTypes
import DocketModel
import Testing

@Suite("A definition of an event type")
struct DefinitionTests {
    @Test("is read from JSON, in whatever order it is written")
    func whole() throws {
        let text = """
            {"attributes":{"type":"object","required":["b","a"],"properties":{
               "b":{"type":["string","null"],"minLength":1,"maxLength":10,"title":"B","format":"email"},
               "a":{"type":"integer","minimum":0,"exclusiveMaximum":1e3},
               "list":{"type":"array","minItems":1,"maxItems":3,"items":{"enum":["x",1,true,null]}},
               "any":true}},
             "unknown_attributes":"refuse","outcomes":["error","success"],"decisions":["deny"],
             "required_fields":["resource.id","actor.id"],"description":"d","version":7,"name":"a.b_1"}
            """
        let definition = try EventTypeDefinition(json: Array(text.utf8))
        #expect(definition.name == "a.b_1" && definition.version == 7 && definition.summary == "d")
        #expect(definition.requiredFields.map(\.name) == ["actor.id", "resource.id"])
        #expect(definition.decisions == [.deny] && definition.outcomes == [.success, .error])
        let attributes = definition.attributes
        #expect(attributes.types == .object && attributes.refusesUnknown && attributes.required == ["a", "b"])
        #expect(attributes.properties.map(\.name) == ["a", "any", "b", "list"])
        #expect(attributes.property("a")?.upper == NumberBound(DecimalNumber("1000"), isExclusive: true))
        #expect(attributes.property("b")?.types == [.string, .null])
        #expect(attributes.property("list")?.items.schema.allowed?.count == 4)
        #expect(attributes.property("any") == .any)
    }

    @Test("needs a name and a version only")
    func least() throws {
        let least = try definition()
        #expect(least.attributes.properties.isEmpty && !least.attributes.refusesUnknown)
        #expect(least.requiredFields.isEmpty && least.decisions == nil)
        #expect(EventTypeValidator(least).check(#"{"anything":[1,{"goes":null}]}"#) == nil)
    }

    @Test(
        "has a name of lower-case letters, digits and '_', in parts with dots between, of 255 bytes at most",
        arguments: [
            ("a", true), ("fact_write", true), ("authz.decision", true), ("0.1_2.z", true), ("dockets.a", true),
            (String(repeating: "a", count: 255), true), (String(repeating: "a", count: 256), false), ("", false),
            ("A", false), ("a-b", false), (".a", false), ("a.", false), ("a..b", false), ("é", false), ("a b", false),
            ("docket.a", false),
        ])
    func names(_ name: String, _ isRight: Bool) {
        let found = error { () throws(EventTypeError) in
            try EventTypeDefinition(json: Array(#"{"name":"\#(name)","version":1}"#.utf8))
        }
        #expect((found == nil) == isRight)
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let members: String
        let code: EventTypeError.Code
        let parts: [String]
        var testDescription: String { String(self.members.prefix(60)) }

        init(_ members: String, _ code: EventTypeError.Code = .invalidValue, _ parts: String...) {
            (self.members, self.code, self.parts) = (members, code, parts)
        }
    }

    private static func attribute(_ schema: String) -> String { #""attributes":{"properties":{"a":\#(schema)}}"# }

    static let faults: [Case] = [
        Case(#""color":"red""#, .unknownKeyword, "'color'", "required_fields"),
        Case(#""description":1"#, .invalidValue, "description", "a string"),
        Case(#""description":"\#(String(repeating: "d", count: 4097))""#, .tooLarge, "4097", "4096"),
        Case(#""required_fields":"actor.id""#, .invalidValue, "required_fields", "array of strings"),
        Case(#""required_fields":[1]"#, .invalidValue, "a number"),
        Case(#""required_fields":["actor_id"]"#, .invalidValue, "actor_id", "actor.id"),
        Case(#""required_fields":["event_id"]"#, .invalidValue, "event_id", "leave it out"),
        Case(#""required_fields":["scope","scope"]"#, .invalidValue, "scope", "twice"),
        Case(#""decisions":["maybe"]"#, .invalidValue, "maybe", "allow, deny, mask"),
        Case(#""outcomes":[]"#, .invalidValue, "outcomes", "empty"),
        Case(#""unknown_attributes":true"#, .invalidValue, "unknown_attributes", "\"keep\" or \"refuse\""),
        Case(#""attributes":true"#, .invalidValue, "attributes", "an object"),
        Case(#""attributes":{"type":"array"}"#, .invalidValue, "attributes", "array"),
        Case(#""attributes":{"additionalProperties":false}"#, .invalidValue, "unknown_attributes"),
        Case(#""attributes":{"minLength":1}"#, .invalidValue, "minLength"),
        Case(#""attributes":{"required":["x"]},"unknown_attributes":"refuse""#, .invalidValue, "\"x\"", "describe it"),
        Case(attribute(#"{"pattern":"^a"}"#), .unknownKeyword, "attributes/properties/a", "'pattern'", "maxLength"),
        Case(attribute(##"{"$ref":"#/a"}"##), .unknownKeyword, "'$ref'"),
        Case(attribute("false"), .invalidValue, "attributes/properties/a", "leave it out"),
        Case(attribute("1"), .invalidValue, "attributes/properties/a", "a number"),
        Case(attribute(#"{"type":"text"}"#), .invalidValue, "attributes/properties/a/type", "text", "string"),
        Case(attribute(#"{"type":[]}"#), .invalidValue, "type", "empty"),
        Case(attribute(#"{"enum":[]}"#), .invalidValue, "enum", "at least one"),
        Case(attribute(#"{"enum":[{}]}"#), .invalidValue, "enum", "an object"),
        Case(attribute(#"{"const":[]}"#), .invalidValue, "const", "an array"),
        Case(attribute(#"{"const":1,"enum":[2]}"#), .invalidValue, "const", "no value could pass"),
        Case(attribute(#"{"minLength":-1}"#), .invalidValue, "minLength", "-1"),
        Case(attribute(#"{"maxLength":1.5}"#), .invalidValue, "maxLength", "1.5"),
        Case(attribute(#"{"maxItems":2147483648}"#), .invalidValue, "maxItems", "2147483647"),
        Case(attribute(#"{"minItems":"1"}"#), .invalidValue, "minItems"),
        Case(attribute(#"{"minLength":2,"maxLength":1}"#), .invalidValue, "minLength 2", "maxLength 1"),
        Case(attribute(#"{"minimum":"1"}"#), .invalidValue, "minimum", "a string"),
        Case(attribute(#"{"minimum":1,"maximum":0.5}"#), .invalidValue, "from 1 to 0.5"),
        Case(attribute(#"{"minimum":1,"exclusiveMaximum":1.0}"#), .invalidValue, "nothing in between"),
        Case(attribute(#"{"minimum":1e\#(String(repeating: "0", count: 130))}"#), .tooLarge, "132", "128"),
        Case(attribute(#"{"maximum":1e131072}"#), .malformed, "numeric"),
        Case(attribute(#"{"additionalProperties":{}}"#), .invalidValue, "additionalProperties", "true or false"),
        Case(attribute(#"{"required":["x"],"additionalProperties":false}"#), .invalidValue, "\"x\"", "describe it"),
        Case(attribute(#"{"properties":[]}"#), .invalidValue, "attributes/properties/a/properties"),
        Case(attribute(#"{"properties":{"x/y":{"items":{"color":1}}}}"#), .unknownKeyword, "a/properties/x~1y/items"),
        Case(#""attributes":{},"attributes":{}"#, .malformed, "attributes"),
        Case(
            attribute(String(repeating: #"{"items":"#, count: 16) + "{}" + String(repeating: "}", count: 16)),
            .tooLarge, "17"),
        Case(attribute("[" + String(repeating: "[", count: 60)), .malformed),
        Case(#""attributes":{"properties":{"\#(String(repeating: "n", count: 256))":{}}}"#, .tooLarge, "256", "255"),
        Case(attribute(#"{"enum":[\#((0..<1025).map(String.init).joined(separator: ","))]}"#), .tooLarge, "1024"),
        Case(
            attribute(#"{"required":[\#((0..<65).map { "\"\($0)\"" }.joined(separator: ","))]}"#), .tooLarge, "65", "64"
        ),
        Case(
            #""attributes":{"properties":{\#((0..<513).map { "\"\($0)\":{}" }.joined(separator: ","))}}"#, .tooLarge,
            "512"),
    ]

    @Test("at fault is refused, with the place, the value and the remedy", arguments: faults)
    func refused(_ fault: Case) throws {
        let found = try #require(error { () throws(EventTypeError) in try definition(fault.members) })
        #expect(found.code == fault.code, "\(found)")
        for part in fault.parts { #expect(found.message.contains(part), "\(found)") }
        #expect(found.message.utf8.count < 800 && !found.message.contains("\n"))
    }

    @Test("is no JSON, no object, without a version, or too long: each has its message")
    func outside() {
        func message(_ text: String) -> String? {
            error { () throws(EventTypeError) in try EventTypeDefinition(json: Array(text.utf8)) }?.message
        }
        #expect(message("{")?.contains("byte") == true)
        #expect(message("[]")?.contains("an array") == true)
        #expect(message(#"{"version":1}"#)?.contains("name is missing") == true)
        #expect(message(#"{"name":"a"}"#)?.contains("version is missing") == true)
        for version in ["0", "-1", "1.5", "\"1\"", "2147483648"] {
            #expect(message(#"{"name":"a","version":\#(version)}"#)?.contains("from 1 to 2147483647") == true)
        }
        let long = #"{"name":"a","version":1,"attributes":{"title":"\#(String(repeating: "x", count: 65_536))"}}"#
        #expect(message(long)?.contains("65536") == true)
    }

    @Test("may be as large as its bounds say")
    func atTheBounds() throws {
        let nested = String(repeating: #"{"items":"#, count: 14) + "{}" + String(repeating: "}", count: 14)
        _ = try definition(ofAttribute: nested)
        _ = try definition(ofAttribute: #"{"enum":[\#((0..<1024).map(String.init).joined(separator: ","))]}"#)
        let names = (0..<64).map { "\"\($0)\"" }
        let required = try definition(ofAttribute: #"{"required":[\#(names.joined(separator: ","))]}"#)
        let validator = EventTypeValidator(required)
        let members = names.map { "\($0):1" }
        #expect(validator.check(#"{"a":{\#(members.joined(separator: ","))}}"#) == nil)
        for index in members.indices {
            var fewer = members
            fewer.remove(at: index)
            #expect(validator.check(#"{"a":{\#(fewer.joined(separator: ","))}}"#)?.field == "attributes/a/\(index)")
        }
        let many = try definition(
            #""attributes":{"properties":{\#((0..<512).map { "\"p\($0)\":{\"type\":\"integer\"}" }.joined(separator: ","))}}"#
        )
        let wide = EventTypeValidator(many)
        for index in 0..<512 {
            #expect(wide.check(#"{"p\#(index)":"x"}"#)?.field == "attributes/p\(index)")
        }
    }

    @Test("is equal to another one that says the same in other words")
    func equality() throws {
        let one = try definition(#""attributes":{"properties":{"a":{"minimum":1.0,"title":"A"},"b":{"maxLength":5}}}"#)
        let other = try definition(
            #""attributes":{"type":"object","properties":{"b":{"maxLength":5},"a":{"minimum":10e-1}}}"#)
        #expect(one == other)
        #expect(try one != definition(#""attributes":{"properties":{"a":{"exclusiveMinimum":1},"b":{"maxLength":5}}}"#))
    }
}
