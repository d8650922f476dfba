import DocketModel
import Testing

@Suite("Checking an event against limits")
struct EventCheckTests {
    /// What the check says about the minimal event after a change; `nil` when it passes.
    private func fault(_ limits: Limits = Limits(), _ change: (inout Event) -> Void) -> String? {
        var event = EventSamples.minimal
        change(&event)
        do {
            try event.check(limits)
            return nil
        } catch { return error.message }
    }

    @Test("events with nothing and with everything pass")
    func passes() throws {
        try EventSamples.minimal.check(Limits())
        try EventSamples.full.event.check(Limits())
    }

    @Test("each text that an index covers passes at its limit and fails one byte beyond, by name")
    func indexedTexts() {
        let fields: [(String, (inout Event, String) -> Void)] = [
            ("source_event_id", { $0.sourceEventID = $1 }), ("scope", { $0.scope = $1 }),
            ("action", { $0.action = $1 }),
            ("actor.kind", { $0.actor = Actor(kind: $1) }), ("actor.id", { $0.actor = Actor(id: $1) }),
            ("actor.user_id", { $0.actor = Actor(userID: $1) }),
            ("delegation[0].id", { $0.delegation = [Actor(id: $1)] }),
            ("resource.type", { $0.resource = Resource(type: $1) }),
            ("resource.id", { $0.resource = Resource(id: $1) }),
            ("policy", { $0.policy = $1 }), ("session_id", { $0.sessionID = $1 }),
            ("request_id", { $0.requestID = $1 }),
            ("agent_id", { $0.agentID = $1 }), ("source", { $0.source = $1 }),
            ("payload.hash", { $0.payload = PayloadFingerprint(hash: $1) }),
        ]
        for (name, set) in fields {
            #expect(self.fault { set(&$0, String(repeating: "é", count: 256)) } == nil, "\(name)")
            #expect(
                self.fault { set(&$0, String(repeating: "é", count: 256) + "x") }
                    == "\(name) has 513 bytes, at most 512 are taken (max_indexed_field_bytes); shorten it")
            #expect(
                self.fault { set(&$0, "a\0b") } == "\(name) has a U+0000, which can't be stored; leave it out",
                "\(name)")
        }
    }

    @Test("reasons, types, chains and JSON fields have limits of their own")
    func otherLimits() {
        #expect(self.fault { $0.reason = String(repeating: "x", count: 8192) } == nil)
        #expect(self.fault { $0.reason = String(repeating: "x", count: 8193) }?.contains("max_reason_bytes") == true)
        #expect(self.fault { $0.type = String(repeating: "x", count: 128) } == nil)
        #expect(self.fault { $0.type = String(repeating: "x", count: 129) }?.contains("max_type_bytes") == true)
        #expect(self.fault { $0.delegation = Array(repeating: Actor(id: "a"), count: 16) } == nil)
        #expect(
            self.fault { $0.delegation = Array(repeating: Actor(id: "a"), count: 17) }?.contains(
                "max_delegation_actors")
                == true)
        func attributes(bytes: Int) -> String { "{\"a\":\"\(String(repeating: "x", count: bytes - 8))\"}" }
        #expect(self.fault { $0.attributes = attributes(bytes: 65_536) } == nil)
        #expect(self.fault { $0.attributes = attributes(bytes: 65_537) }?.contains("max_attributes_bytes") == true)
        #expect(self.fault { $0.obligations = "{}" } == "obligations must be an array, found an object")
        #expect(self.fault { $0.attributes = "[]" } == "attributes must be an object, found an array")
        #expect(self.fault { $0.evaluatedRules = "1" } == nil)
        #expect(self.fault { $0.evaluatedRules = "" }?.hasPrefix("evaluated_rules is not valid JSON") == true)
        #expect(self.fault { $0.attributes = #"{"a":"\u0000"}"# }?.contains("U+0000") == true)
        let deep = String(repeating: "[", count: 33) + String(repeating: "]", count: 33)
        #expect(self.fault { $0.evaluatedRules = deep }?.contains("32 levels") == true)
    }

    @Test(
        "numbers in JSON fields have as many digits as PostgreSQL's numeric can hold",
        arguments: [
            ("1e131071", true), ("1e131072", false), ("0.1e131072", true), ("0.1e131073", false), ("1e-16383", true),
            ("1e-16384", false), ("0.1e-16382", true), ("0.1e-16383", false), ("0e131073", false),
            ("1e99999999999999999999", false), ("1e-99999999999999999999", false), ("-12.5E+3", true),
        ])
    func numbers(number: String, isTaken: Bool) {
        let fault = self.fault { $0.attributes = "{\"a\":\(number)}" }
        #expect((fault == nil) == isTaken, "\(number)")
        if let fault { #expect(fault.contains("more digits than PostgreSQL's numeric can hold")) }
    }

    @Test(
        "a type is lower case letters, digits and _ in parts separated by dots",
        arguments: [
            ("a", true), ("kubernetes.audit", true), ("a_1.b2.c", true), ("", false), (".", false), ("a.", false),
            (".a", false),
            ("a..b", false), ("A", false), ("a-b", false), ("a b", false), ("é", false),
        ])
    func types(type: String, isValid: Bool) {
        #expect((self.fault { $0.type = type } == nil) == isValid)
    }

    @Test("numbers, times and ids that mean nothing are named")
    func values() {
        #expect(self.fault { $0.riskScore = .nan }?.hasPrefix("risk_score is nan") == true)
        #expect(self.fault { $0.riskScore = -.infinity }?.hasPrefix("risk_score") == true)
        #expect(self.fault { $0.durationMicroseconds = -1 } == "duration_us is -1; it must not be negative")
        #expect(
            self.fault { $0.payload = PayloadFingerprint(outSizeBytes: -2) }
                == "payload.out_size_bytes is -2; it must not be negative")
        #expect(self.fault { $0.traceID = TraceID(high: 0, low: 0) } == "trace_id is all zero; leave it out instead")
        #expect(self.fault { $0.spanID = SpanID(0) } == "span_id is all zero; leave it out instead")
        let late = Timestamp(microsecondsSinceEpoch: Timestamp.latest.microsecondsSinceEpoch + 1)
        #expect(self.fault { $0.occurredAt = late } == "occurred_at lies outside the years 1 to 9999")
    }
}
