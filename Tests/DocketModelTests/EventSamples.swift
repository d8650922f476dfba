import DocketModel
import DocketTestSupport

/// Events for tests.
enum EventSamples {
    /// An event with every field set.
    static var full: StoredEvent {
        var event = Event(
            eventID: EventID(high: 0x0189_0A5D_AC96_774B, low: 0xBCCE_B302_099A_8057), type: "authz.decision",
            occurredAt: Timestamp(microsecondsSinceEpoch: 1_674_844_088_129_781),
            actor: Actor(kind: "user", id: "alice", userID: "oidc|7"), action: "tools.call",
            resource: Resource(type: "tool", id: "shell"), decision: .deny, outcome: .failure,
            attributes: #"{"n":1.50,"s":"\u00e9"}"#)
        event.sourceEventID = "src-1"
        event.scope = "workspace-1"
        event.delegation = [Actor(kind: "agent", id: "a1"), Actor(userID: "u2")]
        event.reason = "line one\nline \"two\""
        event.policy = "default-deny"
        event.obligations = #"[{"log":true}]"#
        event.evaluatedRules = #"{"rule":"r1"}"#
        event.riskScore = 0.75
        event.sessionID = "s-1"
        event.requestID = "r-1"
        event.agentID = "g-1"
        event.source = "gateway"
        event.traceID = TraceID(high: 0x4BF9_2F35_77B3_4DA6, low: 0xA3CE_929D_0E0E_4736)
        event.spanID = SpanID(0x00F0_67AA_0BA9_02B7)
        event.durationMicroseconds = 1250
        event.payload = PayloadFingerprint(hash: "sha256:9f86d0", inSizeBytes: 10, outSizeBytes: 0)
        return StoredEvent(
            event: event, tenant: "acme", receivedAt: Timestamp(microsecondsSinceEpoch: 1_674_844_089_000_000),
            batchID: 9_223_372_036_854_775_807, position: 3)
    }

    /// An event with nothing but what every event has.
    static var minimal: Event {
        Event(eventID: EventID(high: 0, low: 1), type: "a.b", occurredAt: Timestamp(microsecondsSinceEpoch: 0))
    }

    /// A stored event with nothing but what every stored event has.
    static var minimalStored: StoredEvent {
        StoredEvent(
            event: self.minimal, tenant: "acme", receivedAt: Timestamp(microsecondsSinceEpoch: 1_000_000), batchID: 7,
            position: 0)
    }

    /// A stored event of texts that JSON must escape, or that others escape without need, and of numbers at their ends.
    static var hazards: StoredEvent {
        var stored = self.minimalStored
        stored.event.occurredAt = Timestamp(microsecondsSinceEpoch: -1)
        stored.event.scope = ""
        stored.event.actor = Actor()
        stored.event.reason = "\u{1}\u{1F}\u{7F}\u{2028}\t\r\n\"\\/<>&' \u{1F600}e\u{301}"
        stored.event.riskScore = 1
        stored.event.durationMicroseconds = .max
        stored.event.attributes = #"{ "a" : [1e400, -0.0], "a": null }"#
        stored.tenant = "a-b"
        return stored
    }

    /// An event with any fields and any text.
    static func random(using random: inout SeededGenerator) -> Event {
        func some<Value>(_ value: (inout SeededGenerator) -> Value) -> Value? { random.oneIn(3) ? nil : value(&random) }
        func text() -> String? { some { $0.text() } }
        func json() -> String {
            var writer = JSONWriter()
            RandomJSON.value(depth: 3, using: &random).write(to: &writer)
            return writer.text
        }
        let time = Timestamp.earliest.microsecondsSinceEpoch...Timestamp.latest.microsecondsSinceEpoch
        var event = Event(
            eventID: EventID(high: random.next(), low: random.next()), type: random.text(),
            occurredAt: Timestamp(microsecondsSinceEpoch: Int64.random(in: time, using: &random)),
            actor: random.oneIn(2) ? Actor(kind: text(), id: text(), userID: text()) : nil, action: text(),
            resource: random.oneIn(2) ? Resource(type: text(), id: text()) : nil,
            decision: some { Decision.allCases.randomElement(using: &$0) ?? .allow },
            outcome: some { Outcome.allCases.randomElement(using: &$0) ?? .error },
            attributes: random.oneIn(2) ? "{\"a\":\(json())}" : nil)
        event.sourceEventID = text()
        event.scope = text()
        event.delegation = (0..<Int.random(in: 0...3, using: &random)).map { _ in Actor(kind: text(), id: text()) }
        event.reason = text()
        event.policy = text()
        event.obligations = random.oneIn(2) ? "[\(json())]" : nil
        event.evaluatedRules = random.oneIn(2) ? json() : nil
        event.riskScore = some { Double.random(in: -1e9...1e9, using: &$0) }
        event.sessionID = text()
        event.requestID = text()
        event.agentID = text()
        event.source = text()
        event.traceID = some { TraceID(high: $0.next(), low: $0.next() | 1) }
        event.spanID = some { SpanID($0.next() | 1) }
        event.durationMicroseconds = some { Int64.random(in: 0 ... .max, using: &$0) }
        event.payload = random.oneIn(2) ? PayloadFingerprint(hash: text(), inSizeBytes: 0, outSizeBytes: .max) : nil
        return event
    }
}

extension StoredEvent {
    /// The record that an export writes of it.
    func exported(_ format: ExportFormat, formulaSafe: Bool = false, logIndex: Int64? = nil) -> String {
        var writer = ExportWriter(format, formulaSafe: formulaSafe)
        var bytes: [UInt8] = []
        var stored = self
        stored.logIndex = logIndex
        writer.append(stored, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The JSON object that an export writes of it, which must be one line.
    func exportedObject(_ format: ExportFormat, logIndex: Int64? = nil) throws -> JSONObject {
        let line = Array(self.exported(format, logIndex: logIndex).utf8)
        let end = line.firstIndex(of: UInt8(ascii: "\n"))
        guard end == line.count - 1, !line.contains(UInt8(ascii: "\r")) else {
            throw ModelError(code: .invalidText, message: "not one line")
        }
        return try JSONValue(parsing: line).object()
    }
}
