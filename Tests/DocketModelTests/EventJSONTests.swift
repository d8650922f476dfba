import DocketModel
import DocketTestSupport
import Testing

@Suite("The JSON of an event")
struct EventJSONTests {
    @Test("a stored event with every field is written under the promised names, in their order")
    func full() {
        let expected =
            #"{"event_id":"01890a5d-ac96-774b-bcce-b302099a8057","source_event_id":"src-1","type":"authz.decision","#
            + #""occurred_at":"2023-01-27T18:28:08.129781Z","scope":"workspace-1","#
            + #""actor":{"kind":"user","id":"alice","user_id":"oidc|7"},"#
            + #""delegation":[{"kind":"agent","id":"a1"},{"user_id":"u2"}],"action":"tools.call","#
            + #""resource":{"type":"tool","id":"shell"},"decision":"deny","outcome":"failure","#
            + #""reason":"line one\nline \"two\"","policy":"default-deny","obligations":[{"log":true}],"#
            + #""evaluated_rules":{"rule":"r1"},"risk_score":0.75,"session_id":"s-1","request_id":"r-1","#
            + #""agent_id":"g-1","source":"gateway","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","#
            + #""span_id":"00f067aa0ba902b7","duration_us":1250,"#
            + #""payload":{"hash":"sha256:9f86d0","in_size_bytes":10,"out_size_bytes":0},"#
            + #""attributes":{"n":1.50,"s":"\u00e9"},"tenant":"acme","received_at":"2023-01-27T18:28:09Z","#
            + #""batch_id":"9223372036854775807","position":3}"#
        #expect(EventSamples.full.json == expected)
    }

    @Test("absent optionals are left out; obligations are always there")
    func minimal() {
        let id = "00000000-0000-0000-0000-000000000001"
        #expect(
            EventSamples.minimal.json
                == #"{"event_id":"\#(id)","type":"a.b","occurred_at":"1970-01-01T00:00:00Z","obligations":[]}"#)
    }

    @Test("an empty text is told apart from an absent one")
    func emptyText() throws {
        var event = EventSamples.minimal
        event.reason = ""
        event.resource = Resource(id: "")
        #expect(event.json.contains(#""resource":{"id":""},"reason":"""#))
        #expect(try Event(json: Array(event.json.utf8)) == event)
    }

    @Test("a stored event reads back as itself, and its event alone from the same text")
    func storedRoundTrip() throws {
        let stored = EventSamples.full
        #expect(try StoredEvent(json: Array(stored.json.utf8)) == stored)
        #expect(try Event(json: Array(stored.json.utf8)) == stored.event)
    }

    @Test("every event reads back as itself, in one line: random events")
    func roundTrips() throws {
        var random = SeededGenerator.ofRun()
        for _ in 0..<500 {
            let event = EventSamples.random(using: &random)
            let json = event.json
            #expect(!json.utf8.contains(UInt8(ascii: "\n")) && !json.utf8.contains(UInt8(ascii: "\r")))
            #expect(try Event(json: Array(json.utf8)) == event)
        }
    }

    @Test("JSON fields keep their spelling; only line breaks between tokens become spaces")
    func embedded() throws {
        var event = EventSamples.minimal
        event.attributes = "{\"big\":12345678901234567890.10,\n \"a\":1,\"b\":{\"x\":1,\"x\":2}}"
        event.evaluatedRules = "null"
        let read = try Event(json: Array(event.json.utf8))
        #expect(read.attributes == "{\"big\":12345678901234567890.10,  \"a\":1,\"b\":{\"x\":1,\"x\":2}}")
        #expect(read.evaluatedRules == "null")
    }

    @Test("null counts as absent, empty obligations as none, and members may come in any order")
    func lenient() throws {
        let text = #"""
            { "occurred_at": "1970-01-01T01:00:00+01:00", "type": "a.b", "actor": null, "reason": null, "duration_us": null,
              "event_id": "00000000-0000-0000-0000-000000000001", "obligations": [], "attributes": null, "delegation": null }
            """#
        #expect(try Event(json: Array(text.utf8)) == EventSamples.minimal)
    }

    @Test("an absent event id is the given one; a present one stays")
    func eventIDIfAbsent() throws {
        let given = EventID(high: 7, low: 7)
        let text = #"{"type":"a.b","occurred_at":"1970-01-01T00:00:00Z"}"#
        #expect(try Event(json: Array(text.utf8), eventIDIfAbsent: given).eventID == given)
        let own = Array(EventSamples.minimal.json.utf8)
        #expect(try Event(json: own, eventIDIfAbsent: given) == EventSamples.minimal)
    }

    @Test(
        "an error names the member and what to do about it",
        arguments: [
            ("[]", "an event must be an object, found an array"),
            (#"{"type":"a"}"#, "event_id is missing; give a UUID"),
            (#"{"event_id":1}"#, "event_id must be a string, found a number; quote it"),
            (#"{"event_id":"x"}"#, #"event_id is "x"; it must be a UUID"#),
            (#"{"event_id":"$"}"#, "type is missing; give a registered event type"),
            (#"{"event_id":"$","type":"a"}"#, "occurred_at is missing; give an RFC 3339 time"),
            (#"{$,"occured_at":1}"#, "occured_at is no field of an event; correct its name or move it into attributes"),
            (
                #"{$,"actor":{"name":"x"}}"#,
                "actor.name is no field of an event; correct its name or move it into attributes"
            ),
            (#"{$,"actor":"alice"}"#, "actor must be an object, found a string"),
            (#"{$,"delegation":{}}"#, "delegation must be an array of objects, found an object"),
            (#"{$,"delegation":[{},{"id":7}]}"#, "delegation[1].id must be a string, found a number; quote it"),
            (#"{$,"decision":"Allow"}"#, #"decision is "Allow"; it must be allow, deny or mask"#),
            (#"{$,"outcome":""}"#, #"outcome is ""; it must be success, failure or error"#),
            (#"{$,"obligations":{}}"#, "obligations must be an array, found an object"),
            (#"{$,"attributes":[]}"#, "attributes must be an object, found an array"),
            (#"{$,"risk_score":1e999}"#, "risk_score must be a finite number of 64 bits, found 1e999"),
            (#"{$,"duration_us":-1}"#, "duration_us must be a whole number from 0 to 2^63-1, found -1"),
            (#"{$,"duration_us":1.5}"#, "duration_us must be a whole number from 0 to 2^63-1, found 1.5"),
            (
                #"{$,"payload":{"in_size_bytes":"1"}}"#,
                #"payload.in_size_bytes must be a whole number from 0 to 2^63-1, found "1""#
            ),
            (
                #"{$,"trace_id":"00000000000000000000000000000000"}"#,
                #"trace_id is "00000000000000000000000000000000"; it must be 32 hexadecimal digits, not all zero"#
            ),
            (
                #"{$,"trace_id":"4bf92f35-77b3-4da6-a3ce-929d0e0e4736"}"#,
                #"trace_id is "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"; it must be 32 hexadecimal digits, not all zero"#
            ),
            (
                #"{$,"span_id":"0000000000000000"}"#,
                #"span_id is "0000000000000000"; it must be 16 hexadecimal digits, not all zero"#
            ),
            (
                #"{$,"reason":"a","reason":"b"}"#,
                #"two members are named "reason"; only one can count, remove the other"#
            ),
        ])
    func errors(text: String, message: String) {
        let id = "00000000-0000-0000-0000-000000000001"
        let required = #""event_id":"\#(id)","type":"a.b","occurred_at":"1970-01-01T00:00:00Z""#
        let json = text.contains("{$") ? text.replacing("$", with: required) : text.replacing("$", with: id)
        let error = #expect(throws: ModelError.self) { try Event(json: Array(json.utf8)) }
        #expect(error?.message == message)
    }

    @Test("a time that would lose digits, or is none, is refused with the remedy")
    func times() {
        func message(_ time: String) -> String? {
            let json = #"{"event_id":"00000000-0000-0000-0000-000000000001","type":"a.b","occurred_at":"\#(time)"}"#
            do {
                _ = try Event(json: Array(json.utf8))
                return nil
            } catch { return error.message }
        }
        #expect(message("2026-01-01T00:00:00.123456000Z") == nil)
        #expect(message("2026-01-01T00:00:00.1234567Z")?.contains("kept to the microsecond") == true)
        #expect(message("yesterday")?.contains(#"occurred_at is "yesterday"; it must be an RFC 3339 time"#) == true)
        #expect(message("0000-01-01T00:00:00Z")?.contains("years 1 to 9999") == true)
    }

    @Test("JSON fields nest as deep as the limit says, and no deeper")
    func depth() throws {
        func event(levels: Int) -> [UInt8] {
            let nested = String(repeating: "[", count: levels - 1) + String(repeating: "]", count: levels - 1)
            var event = EventSamples.minimal
            event.attributes = "{\"a\":\(nested)}"
            return Array(event.json.utf8)
        }
        #expect(try Event(json: event(levels: 32)).attributes != nil)
        #expect(throws: ModelError.self) { try Event(json: event(levels: 33)) }
        #expect(try Event(json: event(levels: 4), maxDepth: 4).attributes != nil)
        #expect(throws: ModelError.self) { try Event(json: event(levels: 5), maxDepth: 4) }
    }

    @Test(
        "a stored event needs all four of the collector's members",
        arguments: [
            "tenant", "received_at", "batch_id", "position",
        ])
    func incompleteStoredEvent(name: String) throws {
        let missing = EventSamples.full.json.replacing(try Regex(",\"\(name)\":(\"[^\"]*\"|[0-9]+)"), with: "")
        let error = #expect(throws: ModelError.self) { try StoredEvent(json: Array(missing.utf8)) }
        #expect(error?.message.hasPrefix("\(name) is missing") == true)
    }
}
