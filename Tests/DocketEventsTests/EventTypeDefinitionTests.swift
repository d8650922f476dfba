import DocketEventTypes
import DocketEvents
import DocketModel
import Foundation
import Testing

@Suite("An event type that is declared in Swift")
struct EventTypeDefinitionTests {
    @Test("is written as the registry's file, the same each time")
    func json() {
        #expect(
            Purchase.definition.json == """
                {
                  "name": "shop.purchase",
                  "version": 3,
                  "description": "Somebody has bought \\"something\\".",
                  "required_fields": ["actor.id", "resource.id"],
                  "decisions": ["allow", "deny"],
                  "outcomes": ["success"],
                  "unknown_attributes": "refuse",
                  "attributes": {
                    "type": "object",
                    "required": ["currency", "cents", "express", "tags", "ratings"],
                    "properties": {
                      "currency": { "type": "string", "enum": ["EUR", "USD"], "description": "ISO 4217." },
                      "cents": { "type": "integer", "minimum": 0, "maximum": 1000000 },
                      "rate": { "type": "number", "minimum": 0.5 },
                      "express": { "type": "boolean" },
                      "note": { "type": "string", "minLength": 1, "maxLength": 8 },
                      "tags": { "type": "array", "minItems": 1, "maxItems": 2, "items": { "type": "string", "maxLength": 3 } },
                      "ratings": { "type": "array", "items": { "type": ["integer", "null"] } },
                      "rival": { "type": "string", "enum": ["EUR", "USD"] },
                      "labels": { "type": "object" }
                    }
                  }
                }

                """)
        #expect(
            Bare.definition.json == """
                {
                  "name": "bare",
                  "version": 1,
                  "unknown_attributes": "keep"
                }

                """)
    }

    @Test("is read by the registry as what it says")
    func read() throws {
        let read = try DocketEventTypes.EventTypeDefinition(json: Array(Purchase.definition.json.utf8))
        #expect(read.name == "shop.purchase" && read.version == 3)
        #expect(read.requiredFields.map(\.name) == ["actor.id", "resource.id"])
        #expect(read.decisions == [.allow, .deny] && read.outcomes == [.success])
        #expect(read.attributes.refusesUnknown)
        #expect(read.attributes.required.map(\.text) == ["cents", "currency", "express", "ratings", "tags"])
        _ = try DocketEventTypes.EventTypeDefinition(json: Array(Bare.definition.json.utf8))
    }

    @Test("can require each field that the registry can")
    func fields() {
        #expect(Set(RequiredField.allCases.map(\.rawValue)) == Set(EventField.all.map(\.name)))
    }

    @Test("makes events that its own definition lets pass")
    func passes() throws {
        #expect(try Purchase().refusal() == nil)
        var full = Purchase()
        full.rate = 0.5
        full.note = "ünïcödé!"
        full.rival = .usd
        full.ratings = [1, nil]
        full.labels = ["a": "b"]
        #expect(try full.refusal() == nil)
        let event = full.event(id: EventID(high: 1, low: 2), at: .latest)
        #expect(event.type == "shop.purchase" && event.occurredAt == .latest)
        #expect(
            event.attributes
                == #"{"currency":"EUR","cents":250,"rate":0.5,"express":false,"note":"ünïcödé!","tags":["a"],"#
                + #""ratings":[1,null],"rival":"USD","labels":{"a":"b"}}"#)
        #expect(try Bare().refusal() == nil)
        #expect(Bare().event().attributes == nil)
    }

    private static let breaches: [(String, @Sendable (inout Purchase) -> Void)] = [
        ("cents", { $0.cents = 1_000_001 }), ("rate", { $0.rate = 0.25 }), ("rate", { $0.rate = .nan }),
        ("note", { $0.note = "" }), ("note", { $0.note = "123456789" }), ("tags", { $0.tags = [] }),
        ("tags", { $0.tags = ["a", "b", "c"] }), ("tags/0", { $0.tags = ["long"] }),
    ]

    @Test(
        "makes events that the collector refuses when a value breaks a bound: nothing is cut or left out",
        arguments: breaches)
    func refused(_ attribute: String, _ change: @Sendable (inout Purchase) -> Void) throws {
        var purchase = Purchase()
        change(&purchase)
        #expect(try purchase.refusal()?.field == "attributes/\(attribute)")
    }

    @Test("with an array of enumerated, possibly absent values allows null among them")
    func optionalElements() throws {
        #expect(Choices.definition.json.contains(#""enum": ["EUR", "USD", null]"#))
        #expect(try Choices(all: [.eur, nil]).refusal() == nil)
    }

    // MARK: Files

    private func withFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "docket-events-\(UUID())/types")
        defer { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }
        try body(folder.path)
    }

    @Test("is written to a folder that the registry reads as a pack")
    func folder() throws {
        try self.withFolder { folder in
            for _ in 1...2 { try EventTypeDefinitions.write([Purchase.self, Bare.self], to: folder) }
            let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            #expect(names == ["bare.json", "shop.purchase.json"])
            let pack = try EventTypePack(
                files: names.map { (name: $0, bytes: Array(try Data(contentsOf: URL(filePath: "\(folder)/\($0)")))) })
            #expect(pack.definitions.map(\.name) == ["bare", "shop.purchase"])
        }
    }

    @Test("isn't written under a name that is another one's, or leads out of the folder")
    func names() throws {
        try self.withFolder { folder in
            let twice = #expect(throws: EventsError.self) {
                try EventTypeDefinitions.write([Bare.self, Purchase.self, Bare.self], to: folder)
            }
            #expect(twice?.code == .unusableName)
            #expect(twice?.message == "Bare is named bare like another type; rename one of them")
            let outside = #expect(throws: EventsError.self) {
                try EventTypeDefinitions.write([Bare.self, Outside.self], to: folder)
            }
            #expect(outside?.code == .unusableName)
            #expect(!FileManager.default.fileExists(atPath: folder))
        }
    }

    @Test("isn't written where nothing can be written")
    func unwritable() {
        let error = #expect(throws: EventsError.self) {
            try EventTypeDefinitions.write([Bare.self], to: "/dev/null/types")
        }
        #expect(error?.code == .notWritable && error?.cause != nil)
    }
}
