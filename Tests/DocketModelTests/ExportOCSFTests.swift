import DocketModel
import DocketTestSupport
import Testing

@Suite("OCSF export")
struct ExportOCSFTests {
    @Test("an event with every field, byte for byte")
    func full() {
        let expected =
            #"{"category_uid":6,"category_name":"Application Activity","class_uid":6003,"class_name":"API Activity","#
            + #""activity_id":99,"activity_name":"tools.call","type_uid":600399,"severity_id":4,"severity":"High","#
            + #""time":1674844088129,"status_id":2,"status":"Failure","status_detail":"line one\nline \"two\"","#
            + #""actor":{"user":{"uid":"alice","type":"user","account":{"uid":"oidc|7"},"name":"alice"},"#
            + #""session":{"uid":"s-1"}},"api":{"operation":"tools.call","request":{"uid":"r-1"}},"#
            + #""resources":[{"type":"tool","uid":"shell"}],"src_endpoint":{"svc_name":"gateway"},"#
            + #""metadata":{"version":"1.3.0","product":{"name":"Docket","vendor_name":"Docket"},"#
            + #""uid":"01890a5d-ac96-774b-bcce-b302099a8057","event_code":"authz.decision","tenant_uid":"acme","#
            + #""logged_time":1674844089000,"original_time":"2023-01-27T18:28:08.129781Z"},"#
            + #""unmapped":{"source_event_id":"src-1","scope":"workspace-1","#
            + #""delegation":[{"kind":"agent","id":"a1"},{"user_id":"u2"}],"decision":"deny","policy":"default-deny","#
            + #""obligations":[{"log":true}],"evaluated_rules":{"rule":"r1"},"risk_score":0.75,"agent_id":"g-1","#
            + #""trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","duration_us":1250,"#
            + #""payload":{"hash":"sha256:9f86d0","in_size_bytes":10,"out_size_bytes":0},"#
            + #""attributes":{"n":1.50,"s":"\u00e9"},"batch_id":"9223372036854775807","position":3,"log_index":42}}"#
            + "\n"
        #expect(EventSamples.full.exported(.ocsf, logIndex: 42) == expected)
    }

    @Test("an event with the least, byte for byte")
    func minimal() {
        let expected =
            #"{"category_uid":6,"category_name":"Application Activity","class_uid":6003,"class_name":"API Activity","#
            + #""activity_id":0,"activity_name":"Unknown","type_uid":600300,"severity_id":1,"#
            + #""severity":"Informational","time":0,"status_id":0,"status":"Unknown","#
            + #""actor":{"user":{"name":"unknown"}},"api":{"operation":"a.b"},"src_endpoint":{"name":"unknown"},"#
            + #""metadata":{"version":"1.3.0","product":{"name":"Docket","vendor_name":"Docket"},"#
            + #""uid":"00000000-0000-0000-0000-000000000001","event_code":"a.b","tenant_uid":"acme","#
            + #""logged_time":1000,"original_time":"1970-01-01T00:00:00Z"},"unmapped":{"batch_id":"7","position":0}}"#
            + "\n"
        #expect(EventSamples.minimalStored.exported(.ocsf) == expected)
    }

    @Test(
        "the activity is that of the action's verb",
        arguments: [
            ("create", 1), ("documents.create", 1), ("iam:CreateUser", 1), ("add_member", 1),
            ("POST /documents/get", 1),
            ("read", 2), ("get", 2), ("GetObject", 2), ("ListBuckets", 2), ("s3:HeadObject", 2), ("WATCH", 2),
            ("read_file", 2), ("read-file", 2), ("pods/get", 2), ("get pods", 2), ("get2", 2), ("update", 3),
            ("patch", 3), ("file.write", 3), ("PutObject", 3), ("delete", 4), ("deletecollection", 4),
            ("deleteCollection", 4), ("RemoveTags", 4), ("tools.call", 99), ("login", 99), ("", 99), (".", 99),
            ("creates", 99), ("reader", 99), ("file_read", 99), ("читать", 99), ("42", 99), ("get.", 99),
        ])
    func activity(action: String, id: Int64) throws {
        var stored = EventSamples.minimalStored
        stored.event.action = action
        let object = try stored.exportedObject(.ocsf)
        #expect(object["activity_id"]?.integer == id)
        #expect(object["type_uid"]?.integer == 600_300 + id)
        let captions: [Int64: String] = [1: "Create", 2: "Read", 3: "Update", 4: "Delete"]
        #expect(object["activity_name"]?.string == captions[id] ?? action)
        #expect(try object["api"]?.object()["operation"]?.string == action)
    }

    @Test(
        "the severity is that of outcome and decision, or of the risk when that is graver",
        arguments: [
            (nil, nil, nil, 1), (.success, .allow, nil, 1), (nil, .mask, nil, 1), (nil, .deny, nil, 2),
            (.failure, nil, nil, 2), (.success, .deny, nil, 2), (.error, .allow, nil, 3), (.error, .deny, 0.1, 3),
            (.success, .allow, 0.39, 1), (.success, .allow, 0.4, 3), (.success, .allow, 0.7, 4),
            (.success, .allow, 0.9, 5), (.success, .allow, 1, 5), (.success, .allow, 1.01, 1), (nil, nil, 80, 1),
            (nil, nil, -0.5, 1), (nil, .deny, 80, 2), (nil, .deny, 0.75, 4),
        ] as [(Outcome?, Decision?, Double?, Int64)])
    func severity(outcome: Outcome?, decision: Decision?, risk: Double?, id: Int64) throws {
        var stored = EventSamples.minimalStored
        stored.event.outcome = outcome
        stored.event.decision = decision
        stored.event.riskScore = risk
        let object = try stored.exportedObject(.ocsf)
        #expect(object["severity_id"]?.integer == id)
        let captions = ["Informational", "Low", "Medium", "High", "Critical"]
        #expect(object["severity"]?.string == captions[Int(id) - 1])
    }

    @Test(
        "the status is the outcome",
        arguments: [
            (nil, 0, "Unknown"), (.success, 1, "Success"), (.failure, 2, "Failure"), (.error, 99, "error"),
        ] as [(Outcome?, Int64, String)])
    func status(outcome: Outcome?, id: Int64, name: String) throws {
        var stored = EventSamples.minimalStored
        stored.event.outcome = outcome
        let object = try stored.exportedObject(.ocsf)
        #expect(object["status_id"]?.integer == id)
        #expect(object["status"]?.string == name)
    }

    @Test("times are milliseconds rounded down, also before 1970; what they cut off is kept beside them")
    func times() throws {
        var stored = EventSamples.minimalStored
        stored.event.occurredAt = Timestamp(microsecondsSinceEpoch: -1)
        stored.receivedAt = Timestamp(microsecondsSinceEpoch: 1_000_001)
        let object = try stored.exportedObject(.ocsf)
        let metadata = try #require(try object["metadata"]?.object())
        #expect(object["time"]?.integer == -1)
        #expect(metadata["original_time"]?.string == "1969-12-31T23:59:59.999999Z")
        #expect(metadata["logged_time"]?.integer == 1000)
        #expect(try object["unmapped"]?.object()["received_at"]?.string == "1970-01-01T00:00:01.000001Z")
    }

    @Test(
        "an actor has what OCSF demands, whatever is known of it",
        arguments: [
            (nil, #"{"user":{"name":"unknown"}}"#), (Actor(), #"{"user":{"name":"unknown"}}"#),
            (Actor(kind: "agent"), #"{"user":{"type":"agent","name":"unknown"}}"#),
            (Actor(id: ""), #"{"user":{"uid":"","name":""}}"#),
            (Actor(userID: "u"), #"{"user":{"account":{"uid":"u"}}}"#),
            (Actor(id: "unknown"), #"{"user":{"uid":"unknown","name":"unknown"}}"#),
        ] as [(Actor?, String)])
    func actor(actor: Actor?, json: String) throws {
        var stored = EventSamples.minimalStored
        stored.event.actor = actor
        #expect(try stored.exportedObject(.ocsf)["actor"]?.text == json)
    }

    @Test("a resource without an id, which OCSF doesn't take, is kept unmapped")
    func resourceWithoutID() throws {
        var stored = EventSamples.minimalStored
        stored.event.resource = Resource(type: "tool")
        let object = try stored.exportedObject(.ocsf)
        #expect(object["resources"] == nil)
        #expect(try object["unmapped"]?.object()["resource"]?.text == #"{"type":"tool"}"#)
    }

    @Test("nothing of an event is lost: it can be put together again from its record: random events")
    func lossless() throws {
        var random = RandomEvents(seed: testSeed())
        for index in 0..<300 {
            var stored = EventSamples.minimalStored
            stored.event = random.event(type: "a.b")
            stored.batchID = random.number()
            let object = try stored.exportedObject(.ocsf, logIndex: Int64(index))
            // What line breaks between the tokens of JSON become in the projection, they become here.
            #expect(try Self.restored(object) == StoredEvent(json: Array(stored.json.utf8)))
            #expect(try object["unmapped"]?.object()["log_index"]?.integer == Int64(index))
        }
    }

    /// The stored event that an OCSF object was written of, by the table of docs/export-formats.md read backwards.
    private static func restored(_ object: JSONObject) throws -> StoredEvent {
        let metadata = try #require(try object["metadata"]?.object())
        let user = try #require(try object["actor"]?.object()["user"]?.object())
        let unmapped = try #require(try object["unmapped"]?.object())
        let api = try #require(try object["api"]?.object())
        var writer = JSONWriter()
        writer.beginObject()
        func member(_ name: String, _ value: JSONValue?) {
            guard let value else { return }
            writer.key(name)
            writer.raw(value.text)
        }
        member("event_id", metadata["uid"])
        member("type", metadata["event_code"])
        member("occurred_at", metadata["original_time"])
        member("tenant", metadata["tenant_uid"])
        let actor = [("kind", user["type"]), ("id", user["uid"]), ("user_id", try user["account"]?.object()["uid"])]
        if actor.contains(where: { $0.1 != nil }) {
            writer.key("actor")
            writer.beginObject()
            for (name, value) in actor { member(name, value) }
            writer.endObject()
        }
        if object["activity_id"]?.integer != 0 { member("action", api["operation"]) }
        member("resource", try object["resources"]?.elements?.first.map(Self.resource))
        let outcomes: [Int64: String] = [1: "success", 2: "failure", 99: "error"]
        if let outcome = object["status_id"]?.integer.flatMap({ outcomes[$0] }) {
            writer.key("outcome")
            writer.string(outcome)
        }
        member("reason", object["status_detail"])
        member("session_id", try object["actor"]?.object()["session"]?.object()["uid"])
        member("request_id", try api["request"]?.object()["uid"])
        member("source", try object["src_endpoint"]?.object()["svc_name"])
        for name in unmapped.names where name != "log_index" { member(name, unmapped[name]) }
        if unmapped["received_at"] == nil {
            let milliseconds = try #require(metadata["logged_time"]?.integer)
            writer.key("received_at")
            writer.string(Timestamp(microsecondsSinceEpoch: milliseconds * 1000).rfc3339)
        }
        writer.endObject()
        return try StoredEvent(json: writer.bytes)
    }

    /// A resource of OCSF as Docket writes them.
    private static func resource(_ value: JSONValue) throws -> JSONValue {
        let object = try value.object()
        var writer = JSONWriter()
        writer.beginObject()
        for (name, value) in [("type", object["type"]), ("id", object["uid"])] {
            guard let value else { continue }
            writer.key(name)
            writer.raw(value.text)
        }
        writer.endObject()
        return try JSONValue(parsing: writer.bytes)
    }
}
