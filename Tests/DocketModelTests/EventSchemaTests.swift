import DocketModel
import DocketTestSupport
import Foundation
import Testing

/// The repository's root, also where the folder of tests is reached through a link.
let repository = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

@Suite("docs/event.schema.json")
struct EventSchemaTests {
    private let schema: JSONSchema

    init() throws {
        let data = try Data(contentsOf: repository.appending(path: "docs/event.schema.json"))
        self.schema = JSONSchema(root: try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any]))
    }

    private func faults(_ json: String) throws -> [String] {
        try self.schema.faults(of: JSONSerialization.jsonObject(with: Data(json.utf8)))
    }

    @Test("describes events with everything and with nothing, and random ones in between")
    func accepts() throws {
        #expect(try self.faults(EventSamples.full.json) == [])
        #expect(try self.faults(EventSamples.full.event.json) == [])
        #expect(try self.faults(EventSamples.minimal.json) == [])
        var random = SeededGenerator.ofRun()
        for _ in 0..<200 {
            var event = EventSamples.random(using: &random)
            event.type = "a.b"
            #expect(try self.faults(event.json) == [], "\(event.json)")
        }
    }

    @Test("names exactly the members that the projection has")
    func names() throws {
        let properties = try #require(self.schema.root["properties"] as? [String: Any])
        #expect(Set(properties.keys) == Set(Event.memberNames + StoredEvent.memberNames))
        let written = try JSONValue(parsing: Array(EventSamples.full.json.utf8)).object().names
        #expect(written == Event.memberNames + StoredEvent.memberNames)
    }

    @Test(
        "refuses what isn't the projection",
        arguments: [
            (#""obligations":["#, #""obligations_":["#), (#""decision":"deny""#, #""decision":"DENY""#),
            (#""event_id":"01890a5d"#, #""event_id":"01890A5D"#), (#"08.129781Z"#, #"08.129Z"#),
            (#"28:09Z"#, #"28:09+00:00"#),
            (#""batch_id":"9223372036854775807""#, #""batch_id":9223372036854775807"#),
            (#""position":3"#, #""position":-1"#),
            (#""duration_us":1250"#, #""duration_us":12.5"#), (#""kind":"user""#, #""name":"user""#),
            (#""attributes":{"#, #""attributes":[],"x":{"#), (#""tenant":"acme","#, ""),
            (#""risk_score":0.75"#, #""risk_score":"0.75""#),
            (#""delegation":[{"kind":"agent","id":"a1"},{"user_id":"u2"}]"#, #""delegation":[]"#),
            (#""type":"authz.decision""#, #""type":"Authz""#), (#"4bf92f3577b34da6"#, #"4bf9"#),
        ])
    func refuses(part: String, replacement: String) throws {
        let json = EventSamples.full.json
        try #require(json.contains(part))
        #expect(try self.faults(json.replacing(part, with: replacement)) != [])
    }
}

/// The part of JSON Schema 2020-12 that docs/event.schema.json uses. A keyword that it doesn't know is a fault, so that
/// no constraint goes unchecked.
struct JSONSchema {
    let root: [String: Any]

    private static let annotations: Set<String> = ["$schema", "$id", "$defs", "title", "description", "format"]

    func faults(of value: Any) throws -> [String] { try self.faults(of: value, self.root, "$") }

    private func faults(of value: Any, _ schema: [String: Any], _ path: String) throws -> [String] {
        var faults: [String] = []
        for (keyword, argument) in schema where !Self.annotations.contains(keyword) {
            faults += try self.faults(of: value, keyword, argument, schema, path)
        }
        return faults
    }

    private func faults(
        of value: Any, _ keyword: String, _ argument: Any, _ schema: [String: Any], _ path: String
    ) throws -> [String] {
        let object = value as? [String: Any] ?? [:]
        switch keyword {
        case "$ref":
            let name = try #require((argument as? String)?.split(separator: "/").last)
            let definitions = try #require(self.root["$defs"] as? [String: Any])
            return try self.faults(of: value, #require(definitions[String(name)] as? [String: Any]), path)
        case "type": return try Self.kinds(of: value).contains(#require(argument as? String)) ? [] : ["\(path): kind"]
        case "enum":
            let names = try #require(argument as? [String])
            return (value as? String).map(names.contains) == true ? [] : ["\(path): enum"]
        case "pattern":
            guard let text = value as? String else { return [] }
            return try text.firstMatch(of: Regex(#require(argument as? String))) != nil ? [] : ["\(path): pattern"]
        case "maxLength":
            return try (value as? String ?? "").count <= #require(argument as? Int) ? [] : ["\(path): length"]
        case "minimum": return try number(value) >= number(#require(argument as? NSNumber)) ? [] : ["\(path): minimum"]
        case "maximum": return try number(value) <= number(#require(argument as? NSNumber)) ? [] : ["\(path): maximum"]
        case "minItems":
            return try (value as? [Any] ?? []).count >= #require(argument as? Int) ? [] : ["\(path): minItems"]
        case "maxItems":
            return try (value as? [Any] ?? []).count <= #require(argument as? Int) ? [] : ["\(path): maxItems"]
        case "required":
            return try #require(argument as? [String]).filter { object[$0] == nil }.map { "\(path).\($0): required" }
        case "dependentRequired":
            let dependents = try #require(argument as? [String: [String]])
            return object.keys.flatMap { dependents[$0] ?? [] }.filter { object[$0] == nil }.map {
                "\(path).\($0): dependent"
            }
        case "additionalProperties":
            let known = try #require(schema["properties"] as? [String: Any])
            return object.keys.filter { known[$0] == nil }.map { "\(path).\($0): unknown" }
        case "properties":
            let properties = try #require(argument as? [String: [String: Any]])
            return try object.flatMap { try self.faults(of: $1, properties[$0] ?? [:], "\(path).\($0)") }
        case "items":
            let items = try #require(argument as? [String: Any])
            return try (value as? [Any] ?? []).flatMap { try self.faults(of: $0, items, "\(path)[]") }
        default: return ["\(path): the checker doesn't know \(keyword)"]
        }
    }

    private func number(_ value: Any) -> Double { (value as? NSNumber)?.doubleValue ?? 0 }

    private static func kinds(of value: Any) -> Set<String> {
        switch value {
        case is String: ["string"]
        case is [Any]: ["array"]
        case is [String: Any]: ["object"]
        case let number as NSNumber:
            number.doubleValue.rounded() == number.doubleValue ? ["number", "integer"] : ["number"]
        default: []
        }
    }
}
