import DocketCodec
import DocketEventTypes
import DocketModel
import DocketTestSupport
import Testing

@Suite("An event of a type")
struct EventCheckTests {
    private static func event(_ change: (inout Event) -> Void = { _ in }) -> Event {
        var event = Event(eventID: EventID(high: 1, low: 2), type: "t", occurredAt: .earliest)
        change(&event)
        return event
    }

    private static let fields: [(String, @Sendable (inout Event) -> Void)] = [
        ("source_event_id", { $0.sourceEventID = "x" }), ("scope", { $0.scope = "x" }),
        ("actor.kind", { $0.actor = Actor(kind: "x") }), ("actor.id", { $0.actor = Actor(id: "x") }),
        ("actor.user_id", { $0.actor = Actor(userID: "x") }), ("delegation", { $0.delegation = [Actor(id: "x")] }),
        ("action", { $0.action = "x" }), ("resource.type", { $0.resource = Resource(type: "x", id: nil) }),
        ("resource.id", { $0.resource = Resource(type: nil, id: "x") }), ("decision", { $0.decision = .mask }),
        ("outcome", { $0.outcome = .error }), ("reason", { $0.reason = "x" }), ("policy", { $0.policy = "x" }),
        ("evaluated_rules", { $0.evaluatedRules = "{}" }),
        ("risk_score", { $0.riskScore = 0 }), ("session_id", { $0.sessionID = "x" }),
        ("request_id", { $0.requestID = "x" }),
        ("agent_id", { $0.agentID = "x" }), ("source", { $0.source = "x" }),
        ("trace_id", { $0.traceID = TraceID(high: 0, low: 1) }), ("span_id", { $0.spanID = SpanID(1) }),
        ("duration_us", { $0.durationMicroseconds = 0 }),
        ("payload.hash", { $0.payload = PayloadFingerprint(hash: "x") }),
        ("payload.in_size_bytes", { $0.payload = PayloadFingerprint(inSizeBytes: 0) }),
        ("payload.out_size_bytes", { $0.payload = PayloadFingerprint(outSizeBytes: 0) }),
        ("attributes", { $0.attributes = "{}" }),
    ]

    @Test("must have each field that its definition requires", arguments: Self.fields.map(\.0))
    func required(_ name: String) throws {
        let validator = EventTypeValidator(try definition(#""required_fields":["\#(name)"]"#))
        let rejection = try #require(try validator.refusal(of: Self.event()))
        #expect(rejection.field == name && rejection.code == .missingField)
        #expect(rejection.reason == "\(name) is missing or empty; t version 1 requires it: send it")
        for (other, set) in Self.fields {
            #expect((try validator.refusal(of: Self.event(set)) == nil) == (other == name), "\(other)")
        }
    }

    @Test("can be required to have any field that isn't always there")
    func allFields() {
        #expect(Set(Self.fields.map(\.0)) == Set(EventField.all.map(\.name)))
    }

    @Test("hasn't a field that is an empty text")
    func empty() throws {
        let validator = EventTypeValidator(try definition(#""required_fields":["scope"]"#))
        #expect(try validator.refusal(of: Self.event { $0.scope = "" })?.field == "scope")
    }

    @Test("may have the decisions and outcomes that its definition lists, or none")
    func listed() throws {
        let validator = EventTypeValidator(try definition(#""decisions":["allow","mask"],"outcomes":["error"]"#))
        #expect(try validator.refusal(of: Self.event()) == nil)
        for decision in Decision.allCases {
            let rejection = try validator.refusal(of: Self.event { $0.decision = decision })
            #expect((rejection == nil) == (decision != .deny))
            if let rejection {
                #expect(rejection.field == "decision" && rejection.code == .outOfRange)
                #expect(rejection.reason == "decision is deny; t version 1 allows allow, mask")
            }
        }
        #expect(try validator.refusal(of: Self.event { $0.outcome = .error }) == nil)
        #expect(
            try validator.refusal(of: Self.event { $0.outcome = .success })?.reason
                == "outcome is success; t version 1 allows error")
    }

    @Test("without attributes is one with none")
    func noAttributes() throws {
        let validator = EventTypeValidator(try definition(#""attributes":{"required":["a"]}"#))
        #expect(try validator.refusal(of: Self.event())?.field == "attributes/a")
        #expect(try validator.refusal(of: Self.event { $0.attributes = "{}" })?.field == "attributes/a")
        #expect(try validator.refusal(of: Self.event { $0.attributes = #"{"a":1}"# }) == nil)
        let free = EventTypeValidator(try definition(#""unknown_attributes":"refuse""#))
        #expect(try free.refusal(of: Self.event()) == nil)
        #expect(try free.refusal(of: Self.event { $0.attributes = #"{"a":1}"# })?.code == .unknownAttribute)
    }

    @Test("of a definition that asks for nothing passes, whatever it holds")
    func anything() throws {
        var random = RandomEvents(seed: testSeed())
        let validator = EventTypeValidator(try definition())
        for _ in 0..<200 { #expect(try validator.refusal(of: random.event(type: "t")) == nil) }
    }
}
