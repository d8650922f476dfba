import DocketCodec
import DocketEventTypes
import DocketModel
import DocketTestSupport
import Testing

@Suite("The evolution of a definition")
struct EvolutionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let old: String
        let new: String
        /// The paths of what it breaks.
        let paths: [String]
        var testDescription: String { "\(self.old) → \(self.new)" }

        init(_ old: String, _ new: String, _ paths: String...) { (self.old, self.new, self.paths) = (old, new, paths) }
    }

    static let attributeCases: [Case] = [
        Case("{}", "{}"),
        // Types.
        Case("{}", #"{"type":"string"}"#, "attributes/a"), Case(#"{"type":"string"}"#, "{}"),
        Case(#"{"type":"integer"}"#, #"{"type":"number"}"#),
        Case(#"{"type":"number"}"#, #"{"type":"integer"}"#, "attributes/a"),
        Case(#"{"type":"string"}"#, #"{"type":["string","null"]}"#),
        Case(#"{"type":["string","null"]}"#, #"{"type":"string"}"#, "attributes/a"),
        Case(#"{"type":"string"}"#, #"{"type":"integer"}"#, "attributes/a"),
        Case(#"{"enum":[1,2]}"#, #"{"type":"integer"}"#),
        Case(#"{"enum":[1,2.5]}"#, #"{"type":"integer"}"#, "attributes/a"),
        Case(#"{"type":"string","enum":["a",1]}"#, #"{"type":"string"}"#),
        // Enumerations.
        Case(#"{"enum":["a"]}"#, #"{"enum":["a","b"]}"#),
        Case(#"{"enum":["a","b"]}"#, #"{"enum":["b"]}"#, "attributes/a"),
        Case(#"{"enum":["a"]}"#, "{}"), Case(#"{"type":"string"}"#, #"{"type":"string","enum":["a"]}"#, "attributes/a"),
        Case(#"{"enum":[1.0]}"#, #"{"const":1}"#), Case(#"{"const":"a"}"#, #"{"const":"b"}"#, "attributes/a"),
        Case(#"{"type":"boolean"}"#, #"{"enum":[true,false]}"#),
        Case(#"{"type":"boolean"}"#, #"{"enum":[true]}"#, "attributes/a"),
        Case(#"{"type":"null"}"#, #"{"const":null}"#),
        Case(#"{"type":"string","enum":["a",1]}"#, #"{"enum":["a"]}"#),
        Case(#"{"enum":["abc","a"],"maxLength":1}"#, #"{"enum":["abc","a"],"maxLength":1}"#),
        Case(#"{"enum":["abc","a"],"maxLength":1}"#, #"{"enum":["a","b"]}"#),
        // Lengths and bounds; they matter for what could be there only.
        Case(#"{"maxLength":5}"#, #"{"maxLength":6}"#), Case(#"{"maxLength":5}"#, #"{"maxLength":4}"#, "attributes/a"),
        Case("{}", #"{"maxLength":4}"#, "attributes/a"),
        Case(#"{"type":"integer"}"#, #"{"type":"integer","maxLength":4}"#),
        Case(#"{"minLength":1}"#, "{}"), Case("{}", #"{"minLength":1}"#, "attributes/a"),
        Case(#"{"enum":["abc"]}"#, #"{"maxLength":3}"#),
        Case(#"{"enum":["abc","abcd"]}"#, #"{"maxLength":3}"#, "attributes/a"),
        Case(#"{"minimum":1}"#, #"{"minimum":0.5}"#), Case(#"{"minimum":1}"#, #"{"minimum":1.5}"#, "attributes/a"),
        Case(#"{"minimum":1}"#, #"{"minimum":1.0}"#),
        Case(#"{"minimum":1}"#, #"{"exclusiveMinimum":1}"#, "attributes/a"),
        Case(#"{"exclusiveMinimum":1}"#, #"{"minimum":1}"#), Case("{}", #"{"maximum":9}"#, "attributes/a"),
        Case(#"{"maximum":9}"#, #"{"exclusiveMaximum":9}"#, "attributes/a"),
        Case(#"{"maximum":9}"#, #"{"maximum":9.1}"#),
        Case(#"{"type":"string"}"#, #"{"type":"string","minimum":3}"#),
        Case(#"{"enum":[1,5]}"#, #"{"minimum":1,"maximum":5}"#),
        Case(#"{"enum":[1,5]}"#, #"{"exclusiveMinimum":1}"#, "attributes/a"),
        // Arrays.
        Case(#"{"maxItems":3}"#, #"{"maxItems":2}"#, "attributes/a"),
        Case(#"{"minItems":1}"#, #"{"minItems":2}"#, "attributes/a"),
        Case(#"{"minItems":2}"#, #"{"minItems":1}"#), Case("{}", #"{"minItems":1}"#, "attributes/a"),
        Case(#"{"items":{"type":"string"}}"#, #"{"items":{"type":"integer"}}"#, "attributes/a/[]"),
        Case(#"{"type":"string"}"#, #"{"type":"string","items":{"type":"integer"}}"#),
        Case(#"{"maxItems":0}"#, #"{"items":{"type":"integer"}}"#),
        // Objects.
        Case("{}", #"{"required":["b"]}"#, "attributes/a/b"), Case(#"{"required":["b"]}"#, "{}"),
        Case("{}", #"{"additionalProperties":false}"#, "attributes/a"), Case(#"{"additionalProperties":false}"#, "{}"),
        Case(#"{"properties":{"b":{}}}"#, "{}", "attributes/a/b"),
        Case("{}", #"{"properties":{"b":{"type":"null"}}}"#),
        Case(#"{"properties":{"b":{"maxLength":5}}}"#, #"{"properties":{"b":{"maxLength":4}}}"#, "attributes/a/b"),
        Case(#"{"type":"array"}"#, #"{"type":"array","required":["b"]}"#),
        Case(
            #"{"properties":{"x/y":{"type":"string"},"é":{}}}"#, #"{"properties":{"x/y":{"type":"null"}}}"#,
            "attributes/a/x~1y", "attributes/a/é"),
    ]

    static let memberCases: [Case] = [
        Case("", ""), Case(#""description":"a""#, #""description":"b""#),
        Case("", #""required_fields":["actor.id"]"#, "required_fields"),
        Case(#""required_fields":["actor.id","scope"]"#, #""required_fields":["scope"]"#),
        Case("", #""decisions":["allow"]"#, "decisions", "decisions"), Case(#""decisions":["allow"]"#, ""),
        Case("", #""decisions":["allow","deny","mask"]"#),
        Case(#""outcomes":["success"]"#, #""outcomes":["failure","success"]"#),
        Case(#""outcomes":["success","error"]"#, #""outcomes":["failure","success"]"#, "outcomes"),
        Case("", #""unknown_attributes":"refuse""#, "attributes"), Case(#""unknown_attributes":"refuse""#, ""),
        Case("", #""attributes":{"required":["a"]}"#, "attributes/a"),
        Case(#""attributes":{"properties":{"a":{}}}"#, "", "attributes/a"),
        Case(#""attributes":{"properties":{"a":{}}}"#, #""unknown_attributes":"refuse""#, "attributes", "attributes/a"),
    ]

    @Test("breaks what it takes away, and nothing else", arguments: attributeCases)
    func attributes(_ test: Case) throws {
        let changes = compatibility(
            from: try definition(ofAttribute: test.old), to: try definition(ofAttribute: test.new))
        #expect(changes.map(\.path) == test.paths, "\(changes)")
        for change in changes { #expect(!change.change.isEmpty) }
    }

    @Test("breaks fields, decisions and outcomes in the same way", arguments: memberCases)
    func members(_ test: Case) throws {
        #expect(compatibility(from: try definition(test.old), to: try definition(test.new)).map(\.path) == test.paths)
    }

    @Test("may be anything in a higher version, and says what it breaks")
    func higher() throws {
        let (old, new) = (try definition(version: 1), try definition(#""required_fields":["scope"]"#, version: 5))
        #expect(
            try Evolution(from: old, to: new)
                == .newVersion([BreakingChange(path: "required_fields", change: "scope is required now")]))
        #expect(try Evolution(from: new, to: definition(version: 6)) == .newVersion([]))
    }

    @Test("may change only the texts for people in the same version")
    func same() throws {
        let old = try definition(#""description":"a","attributes":{"properties":{"a":{"title":"A","minimum":1}}}"#)
        let reworded = try definition(#""attributes":{"properties":{"a":{"minimum":1.0}}},"description":"b""#)
        #expect(try Evolution(from: old, to: reworded) == .unchanged)
        let wider = try definition(#""attributes":{"properties":{"a":{"minimum":0}}}"#)
        let error = #expect(throws: EventTypeError.self) { try Evolution(from: old, to: wider) }
        #expect(error?.code == .versionTaken)
        #expect(
            error?.message == "t is registered in version 1 with another content; make this version 2")
        let narrower = #expect(throws: EventTypeError.self) { try Evolution(from: wider, to: old) }
        #expect(narrower?.message.contains("(it breaks attributes/a)") == true)
    }

    @Test("never goes back to a lower version")
    func lower() throws {
        let error = #expect(throws: EventTypeError.self) {
            try Evolution(from: definition(version: 3), to: definition(version: 2))
        }
        #expect(error?.code == .versionTaken && error?.message.contains("version 4") == true)
    }

    @Test("that breaks nothing takes all events that were taken before")
    func promise() throws {
        var random = RandomSchemas(seed: testSeed())
        var (kept, broken) = (0, 0)
        for _ in 0..<3000 {
            let old = try definition(ofAttribute: random.schema(depth: 2))
            let new = try definition(ofAttribute: random.change())
            let (before, after) = (EventTypeValidator(old), EventTypeValidator(new))
            let isCompatible = compatibility(from: old, to: new).isEmpty
            for _ in 0..<20 {
                let attributes = #"{"a":\#(random.value(depth: 2))}"#
                guard before.check(attributes) == nil else { continue }
                let refusal = after.check(attributes)
                if isCompatible {
                    #expect(refusal == nil, "\(attributes) \(random.texts) \(String(describing: refusal))")
                }
                if refusal == nil { kept += 1 } else { broken += 1 }
            }
        }
        #expect(kept > 1000 && broken > 100, "\(kept) \(broken)")
    }
}

/// Pairs of schemas that are much alike, and values that meet them often.
private struct RandomSchemas {
    private var generator: SeededGenerator
    /// The keywords of the last schema; one of them differs in the next one.
    private var keywords: [String] = []
    private(set) var texts: [String] = []

    private static let choices: [[String]] = [
        [
            "", #""type":"integer""#, #""type":"string""#, #""type":["string","number","object"]"#,
            #""type":["array","object"]"#,
        ],
        ["", #""enum":["a","bb",1,null]"#, #""enum":["a","bb",1,null,2.5,true]"#],
        ["", #""minLength":1"#, #""minLength":2"#],
        ["", #""maxLength":2"#, #""maxLength":3"#], ["", #""minimum":1"#, #""exclusiveMinimum":1"#, #""minimum":-2"#],
        ["", #""maximum":2.5"#, #""exclusiveMaximum":2.5"#], ["", #""minItems":1"#],
        ["", #""maxItems":1"#, #""maxItems":2"#],
        ["", #""items":{"type":"integer"}"#, #""items":{"type":"number"}"#, #""items":{"maxLength":1}"#],
        [
            #""properties":{"p":{"type":"integer"},"q":{}}"#,
            #""properties":{"p":{"type":["integer","null"]},"q":{"maxLength":1}}"#,
        ],
        ["", #""required":["p"]"#, #""required":["p","q"]"#], ["", #""additionalProperties":false"#],
    ]

    init(seed: UInt64) { self.generator = SeededGenerator(seed: seed) }

    mutating func schema(depth: Int) -> String {
        self.keywords = Self.choices.map { choices in
            Int.random(in: 0...2, using: &self.generator) == 0
                ? choices.randomElement(using: &self.generator) ?? "" : choices[0]
        }
        self.texts = [self.text]
        return self.text
    }

    /// The last schema with some other keywords.
    mutating func change() -> String {
        for _ in 0...Int.random(in: 0...1, using: &self.generator) {
            let place = Int.random(in: self.keywords.indices, using: &self.generator)
            self.keywords[place] = Self.choices[place].randomElement(using: &self.generator) ?? ""
        }
        self.texts.append(self.text)
        return self.text
    }

    private var text: String { "{\(self.keywords.filter { !$0.isEmpty }.joined(separator: ","))}" }

    mutating func value(depth: Int) -> String {
        let scalars = [
            "null", "true", "1", "1.0", "2.5", "2", "-2", "0", "\"\"", "\"a\"", "\"bb\"", "\"ccc\"", "\"dddd\"",
        ]
        switch Int.random(in: 0...(depth > 0 ? 9 : 5), using: &self.generator) {
        case 0...5: return scalars.randomElement(using: &self.generator) ?? "null"
        case 6, 7:
            let count = Int.random(in: 0...3, using: &self.generator)
            return "[\((0..<count).map { _ in self.value(depth: depth - 1) }.joined(separator: ","))]"
        default:
            let names = ["p", "q", "r"].filter { _ in Bool.random(using: &self.generator) }
            return "{\(names.map { "\"\($0)\":\(self.value(depth: depth - 1))" }.joined(separator: ","))}"
        }
    }
}
