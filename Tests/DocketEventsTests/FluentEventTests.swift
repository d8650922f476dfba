import DocketEvents
import DocketModel
import Testing

@Suite("An event said in words")
struct FluentEventTests {
    @Test("has every field that it was given, and is taken by the collector's checks")
    func allFields() throws {
        let id = EventID(high: 1, low: 2)
        let time = Timestamp(microsecondsSinceEpoch: 1_700_000_000_000_000)
        let event = Event("authz.decision", id: id, at: time)
            .by(.user("alice")).delegated(through: .agent("copilot", for: "alice"), .service("gateway")).agent("a-7")
            .doing("read").on("file", "/etc/passwd").payload(PayloadFingerprint(hash: "sha256:00", inSizeBytes: 5))
            .decided(
                .mask, policy: "p1", reason: "personal data", obligations: ["mask:ssn", 2],
                evaluatedRules: ["r1": true] as AttributeObject
            )
            .ended(.failure).risk(0.5).took(.milliseconds(3)).inScope("billing").session("s").request("r")
            .from("gate", eventID: "g-1").trace(TraceID(high: 3, low: 4), span: SpanID(5)).attributes(["method": "GET"])

        var expected = Event(
            eventID: id, type: "authz.decision", occurredAt: time, actor: Actor(kind: "user", id: "alice"),
            action: "read", resource: Resource(type: "file", id: "/etc/passwd"), decision: .mask, outcome: .failure,
            attributes: #"{"method":"GET"}"#)
        expected.delegation = [
            Actor(kind: "agent", id: "copilot", userID: "alice"), Actor(kind: "service", id: "gateway"),
        ]
        expected.agentID = "a-7"
        expected.payload = PayloadFingerprint(hash: "sha256:00", inSizeBytes: 5)
        expected.policy = "p1"
        expected.reason = "personal data"
        expected.obligations = #"["mask:ssn",2]"#
        expected.evaluatedRules = #"{"r1":true}"#
        expected.riskScore = 0.5
        expected.durationMicroseconds = 3000
        expected.scope = "billing"
        expected.sessionID = "s"
        expected.requestID = "r"
        expected.source = "gate"
        expected.sourceEventID = "g-1"
        expected.traceID = TraceID(high: 3, low: 4)
        expected.spanID = SpanID(5)
        #expect(event == expected)
        try event.check(Limits())
        // Whatever field is added to events must be given here.
        for (name, value) in Mirror(reflecting: event).children {
            #expect("\(value)" != "nil" && "\(value)" != "[]", "\(name ?? "")")
        }
    }

    @Test("has a new UUIDv7 and happens now")
    func new() {
        let before = Timestamp.now
        let event = Event("file.read")
        #expect(event.occurredAt >= before && event.occurredAt <= .now)
        #expect(event.eventID.high >> 12 & 0xF == 7 && event.eventID.low >> 62 == 0b10)
        #expect(Int64(event.eventID.high >> 16) == event.occurredAt.microsecondsSinceEpoch / 1000)
        #expect(event.eventID != Event("file.read").eventID)
        #expect(event == Event(eventID: event.eventID, type: "file.read", occurredAt: event.occurredAt))
    }

    @Test("that happened earlier has an id of now, as UUIDs of version 7 tell when they were made")
    func earlier() {
        let now = Timestamp.now.microsecondsSinceEpoch / 1000
        let event = Event("file.read", at: Timestamp(microsecondsSinceEpoch: 0))
        #expect(event.occurredAt.microsecondsSinceEpoch == 0 && Int64(event.eventID.high >> 16) >= now)
        #expect(Event("file.read").occurred(at: .latest).occurredAt == .latest)
    }

    @Test("is a value: what is said of a copy isn't said of the original")
    func value() {
        let original = Event("file.read")
        let copy = original.by(.service("backup"))
        #expect(original.actor == nil && copy.actor == Actor(kind: "service", id: "backup"))
        #expect(copy.eventID == original.eventID)
    }

    @Test("keeps what a later word leaves open")
    func keeps() {
        let event = Event("gate.check").because("first").from("gate", eventID: "1").decided(.allow, policy: "p")
            .decided(.deny).ended(.error).from("guard")
        #expect(event.decision == .deny && event.policy == "p" && event.reason == "first")
        #expect(event.source == "guard" && event.sourceEventID == "1")
        #expect(event.ended(.failure, reason: "second").reason == "second")
    }

    @Test(
        "takes a time in whole microseconds, towards zero and within 64 bits",
        arguments: [
            (Duration.nanoseconds(1999), 1), (.zero, 0), (.seconds(2), 2_000_000), (.nanoseconds(-1999), -1),
            (.seconds(Int64.max), .max), (.seconds(Int64.min), .min),
        ] as [(Duration, Int64)])
    func took(_ duration: Duration, _ microseconds: Int64) {
        #expect(Event("t").took(duration).durationMicroseconds == microseconds)
    }
}
