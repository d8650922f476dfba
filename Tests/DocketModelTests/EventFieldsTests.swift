import Testing

@testable import DocketModel

@Suite("Which fields of an event are wanted")
struct EventFieldsTests {
    @Test("a path names a field, or all of a message; in JSON by the members of docs/json.md")
    func paths() {
        #expect(EventFields(path: "event.type") == EventFields([.type]))
        #expect(EventFields(path: "event.resource") == EventFields([.resourceType, .resourceID]))
        #expect(EventFields(path: "event.occurred_at_us") == EventFields(jsonPath: "occurred_at"))
        #expect(EventFields(jsonPath: "payload") == EventFields([.payloadHash, .payloadInSize, .payloadOutSize]))
        for field in EventField.allCases { #expect(EventFields(path: field.path) == EventFields([field])) }
        let ofEvent = EventField.allCases.filter { $0.path.hasPrefix("event.") }
        #expect(EventFields(path: "event") == EventFields(ofEvent))
        for path in ["", ".", "event.", "actor", "event.actor.", "event.act", "Event", "*", "event.actor.id.x"] {
            #expect(EventFields(path: path) == nil, "\(path)")
        }
        for path in ["", "event", "event.type", "occurred_at_us", "log_index"] {
            #expect(EventFields(jsonPath: path) == nil, "\(path)")
        }
    }

    @Test("they are told by their paths; all of them by none")
    func told() {
        #expect(EventFields([.tenant, .type, .type]).paths == ["event.type", "tenant"])
        #expect(EventFields.all.paths.isEmpty)
        #expect(EventFields([]).isEmpty && !EventFields.all.isEmpty)
    }

    @Test("of a whole event each field alone, and any of them together, are what the JSON has")
    func json() throws {
        let stored = EventSamples.full
        #expect(stored.json(.all) == stored.json)
        #expect(stored.masked(.all) == stored)
        #expect(stored.json(EventFields([])) == "{}")
        #expect(stored.json(EventFields([.position, .tenant])) == #"{"tenant":"acme","position":3}"#)
        // Each member of the whole, in its order, is there exactly when its field is asked for.
        var together = ""
        for field in EventField.allCases where field != .logIndex && !field.jsonPath.contains(".") {
            let one = stored.json(EventFields([field]))
            #expect(one.hasPrefix("{\"\(field.jsonPath)\":"), "\(one)")
            #expect(stored.json.contains(one.dropFirst().dropLast()), "\(one)")
            together += one.dropFirst().dropLast() + ","
        }
        #expect(!together.isEmpty)
        #expect(stored.json(EventFields([.actorID])).hasPrefix(#"{"actor":{"id":"#))
    }
}
