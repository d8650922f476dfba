import DocketModel
import DocketTestSupport
import Testing

@Suite("CSV export")
struct ExportCSVTests {
    private static let columns = [
        "event_id", "source_event_id", "type", "occurred_at", "scope", "actor_kind", "actor_id", "actor_user_id",
        "delegation", "action", "resource_type", "resource_id", "decision", "outcome", "reason", "policy",
        "obligations", "evaluated_rules", "risk_score", "session_id", "request_id", "agent_id", "source", "trace_id",
        "span_id", "duration_us", "payload_hash", "payload_in_size_bytes", "payload_out_size_bytes", "attributes",
        "tenant", "received_at", "batch_id", "position",
    ]

    private func fields(_ stored: StoredEvent, formulaSafe: Bool = false) throws -> [String: CSVField] {
        let records = try CSVReader.records(Array(stored.exported(.csv, formulaSafe: formulaSafe).utf8))
        let record = try #require(records.first)
        #expect(records.count == 1 && record.count == Self.columns.count)
        return Dictionary(uniqueKeysWithValues: zip(Self.columns, record))
    }

    @Test("the header names the columns in their order")
    func header() {
        let header = ExportWriter(.csv).header
        #expect(String(decoding: header, as: UTF8.self) == Self.columns.joined(separator: ",") + "\r\n")
    }

    @Test("an event with every field, byte for byte")
    func full() {
        let expected =
            #"01890a5d-ac96-774b-bcce-b302099a8057,src-1,authz.decision,2023-01-27T18:28:08.129781Z,workspace-1,"#
            + #"user,alice,oidc|7,"[{""kind"":""agent"",""id"":""a1""},{""user_id"":""u2""}]",tools.call,tool,shell,"#
            + #"deny,failure,"line one"# + "\n" + #"line ""two""",default-deny,"[{""log"":true}]","{""rule"":""r1""}","#
            + #"0.75,s-1,r-1,g-1,gateway,4bf92f3577b34da6a3ce929d0e0e4736,00f067aa0ba902b7,1250,sha256:9f86d0,10,0,"#
            + #""{""n"":1.50,""s"":""\u00e9""}",acme,2023-01-27T18:28:09Z,9223372036854775807,3"# + "\r\n"
        #expect(EventSamples.full.exported(.csv) == expected)
        #expect(EventSamples.full.exported(.csv, formulaSafe: true) == expected)
    }

    @Test("an event with the least, byte for byte: absent fields have no bytes")
    func minimal() {
        let expected =
            "00000000-0000-0000-0000-000000000001,,a.b,1970-01-01T00:00:00Z" + String(repeating: ",", count: 27)
            + "acme,1970-01-01T00:00:01Z,7,0\r\n"
        #expect(EventSamples.minimalStored.exported(.csv) == expected)
    }

    @Test(
        "text is quoted where it must be, and stays as it is",
        arguments: [
            ("", #""""#), ("plain", "plain"), (" spaces ", " spaces "), ("a,b", #""a,b""#), (#"""#, #""""""#),
            (#"say "hi""#, #""say ""hi""""#), ("\n", "\"\n\""), ("\r", "\"\r\""), ("a\r\nb", "\"a\r\nb\""),
            ("a\rb", "\"a\rb\""), ("tab\there", "tab\there"), ("=1+1", "=1+1"), ("🧨👩‍👩‍👧", "🧨👩‍👩‍👧"),
            ("e\u{301}", "e\u{301}"), ("\u{FEFF}bom", "\u{FEFF}bom"), ("\u{2028}", "\u{2028}"), ("'", "'"), (";", ";"),
            (#"\"#, #"\"#), (#"\N"#, #"\N"#),
        ])
    func quoting(text: String, written: String) throws {
        var stored = EventSamples.minimalStored
        stored.event.scope = text
        let start = "00000000-0000-0000-0000-000000000001,,a.b,1970-01-01T00:00:00Z,"
        #expect(Array(stored.exported(.csv).utf8).starts(with: Array((start + written + ",").utf8)))
        #expect(try self.fields(stored)["scope"]?.bytes == Array(text.utf8))
    }

    @Test("JSON fields keep every byte, line breaks too")
    func json() throws {
        var stored = EventSamples.minimalStored
        stored.event.obligations = "[\r\n]"
        stored.event.evaluatedRules = " null "
        stored.event.attributes = "{\"a\" : 1e0,\n\t\"a\":\"\\u00E9,\"}"
        let fields = try self.fields(stored)
        #expect(fields["obligations"]?.text == "[\r\n]")
        #expect(fields["evaluated_rules"] == CSVField(" null "))
        #expect(fields["attributes"]?.text == "{\"a\" : 1e0,\n\t\"a\":\"\\u00E9,\"}")
    }

    @Test(
        "asked to be safe, a text that begins a formula gets an apostrophe and quotes",
        arguments: [
            "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\u{FF1D}1", "\u{FF0B}1", "\u{FF0D}1", "\u{FF20}A",
            "=\"x\",y",
        ])
    func formulas(text: String) throws {
        var stored = EventSamples.minimalStored
        stored.event.reason = text
        #expect(try self.fields(stored)["reason"]?.bytes == Array(text.utf8))
        let safe = try #require(try self.fields(stored, formulaSafe: true)["reason"])
        #expect(safe == CSVField(bytes: Array("'\(text)".utf8), isQuoted: true))
    }

    @Test("asked to be safe, other text, JSON and numbers stay as they are", arguments: ["", "1=1", " =1", "'=1", "a"])
    func safeWithoutFormula(text: String) throws {
        var stored = EventSamples.full
        stored.event.reason = text
        stored.event.riskScore = -2.5
        #expect(stored.exported(.csv, formulaSafe: true) == stored.exported(.csv))
        #expect(try self.fields(stored, formulaSafe: true)["risk_score"] == CSVField("-2.5"))
        stored.event.evaluatedRules = "-5"
        #expect(try self.fields(stored, formulaSafe: true)["evaluated_rules"]?.text == "'-5")
    }

    @Test("every event can be read back from its record: random events")
    func roundTrips() throws {
        var random = RandomEvents(seed: testSeed())
        var writer = ExportWriter(.csv)
        var bytes = writer.header
        var events: [StoredEvent] = []
        for index in 0..<300 {
            let stored = StoredEvent(
                event: random.event(type: "a.b"), tenant: "acme", receivedAt: Timestamp(microsecondsSinceEpoch: 1000),
                batchID: random.number(), position: Int32(index))
            events.append(stored)
            writer.append(stored, to: &bytes)
        }
        let records = try CSVReader.records(bytes)
        #expect(records.first?.map(\.text) == Self.columns)
        #expect(records.count == events.count + 1)
        for (stored, record) in zip(events, records.dropFirst()) {
            let texts = record.map { field in field.text.map { ExactText($0) } }
            #expect(texts == self.expected(stored).map { text in text.map { ExactText($0) } })
            // Quotes only where they are needed.
            for field in record where field.isQuoted {
                #expect(field.bytes.isEmpty || field.bytes.contains { ",\"\r\n".utf8.contains($0) })
            }
        }
    }

    private func expected(_ stored: StoredEvent) -> [String?] {
        let event = stored.event
        let delegation = event.delegation.map { actor in
            var writer = JSONWriter()
            writer.beginObject()
            for (name, text) in [("kind", actor.kind), ("id", actor.id), ("user_id", actor.userID)] {
                guard let text else { continue }
                writer.key(name)
                writer.string(text)
            }
            writer.endObject()
            return writer.text
        }
        return [
            event.eventID.uuidString, event.sourceEventID, event.type, event.occurredAt.rfc3339, event.scope,
            event.actor?.kind, event.actor?.id, event.actor?.userID,
            delegation.isEmpty ? nil : "[\(delegation.joined(separator: ","))]", event.action, event.resource?.type,
            event.resource?.id, event.decision?.name, event.outcome?.name, event.reason, event.policy,
            event.obligations, event.evaluatedRules, event.riskScore?.description, event.sessionID, event.requestID,
            event.agentID, event.source, event.traceID?.hex, event.spanID?.hex,
            event.durationMicroseconds.map { String($0) }, event.payload?.hash,
            event.payload?.inSizeBytes.map { String($0) }, event.payload?.outSizeBytes.map { String($0) },
            event.attributes, stored.tenant, stored.receivedAt.rfc3339, String(stored.batchID),
            String(stored.position),
        ]
    }
}
