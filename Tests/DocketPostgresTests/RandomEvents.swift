import DocketModel

/// Makes valid events full of what breaks text formats and number conversions.
struct RandomEvents {
    var generator: SeededGenerator

    init(seed: UInt64) { self.generator = SeededGenerator(seed: seed) }

    private static let pieces = [
        "a", "0", " ", "\t", "\n", "\r\n", "\\", "\\N", "\\.", "\"", "'", "$$", ";--", "\u{1}", "\u{7F}", "é", "漢字",
        "🧨",
        "👩‍👩‍👧", "\u{FEFF}", "\u{FFFF}", "\u{10FFFF}", "e\u{301}", "\u{202E}", "null", "NULL", "{}", "pods/web-7d4b9",
    ]
    private static let json = [
        #""""#, #""\n\t\\\"\/""#, #""\u00e9\uD83E\uDDE8\u0001""#, "0", "-0", "1e5", "-12.5E-3",
        "123456789012345678901234567890", "true", "false", "null", "[]", "{}", #"{ "a" :[1 , 2],"a": "twice" }"#,
        "[[[[]]]]",
    ]

    mutating func event(type: String) -> Event {
        var event = Event(
            eventID: EventID(high: self.generator.next(), low: self.generator.next()), type: type,
            occurredAt: self.time())
        event.sourceEventID = self.text()
        event.scope = self.text()
        let actor = self.actor()
        event.actor = actor == Actor() ? nil : actor
        event.delegation = (0..<self.generator.next() % 4).map { _ in self.actor() }
        event.action = self.text()
        event.resource = self.text().map { Resource(type: $0, id: nil) }
        event.resource?.id = self.text()
        event.decision = Decision(rawValue: Int16(self.generator.next() % 4))
        event.outcome = Outcome(rawValue: Int16(self.generator.next() % 4))
        event.reason = self.text(maxBytes: 8192)
        event.policy = self.text()
        event.obligations = self.jsonText().map { "[\($0)]" }
        event.evaluatedRules = self.jsonText()
        event.riskScore =
            [
                nil, 0, -0.0, 0.1, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -.greatestFiniteMagnitude,
            ].randomElement(using: &self.generator) ?? nil
        event.sessionID = self.text()
        event.requestID = self.text()
        event.agentID = self.text()
        event.source = self.text()
        event.traceID = self.isAbsent ? nil : TraceID(high: self.generator.next() | 1, low: self.generator.next())
        event.spanID = self.isAbsent ? nil : SpanID(self.generator.next() | 1)
        event.durationMicroseconds = self.number()
        event.payload = self.text().map { PayloadFingerprint(hash: $0) }
        event.payload?.inSizeBytes = self.number()
        event.payload?.outSizeBytes = self.number()
        event.attributes = self.jsonText().map { "{\"k\" : \($0)}" }
        return event
    }

    private var isAbsent: Bool {
        mutating get { self.generator.next().isMultiple(of: 3) }
    }

    private mutating func actor() -> Actor { Actor(kind: self.text(), id: self.text(), userID: self.text()) }

    private mutating func number() -> Int64? {
        self.isAbsent ? nil : [0, 1, Int64(Int32.max) + 1, Int64.max].randomElement(using: &self.generator)
    }

    private mutating func jsonText() -> String? {
        self.isAbsent ? nil : Self.json.randomElement(using: &self.generator)
    }

    private mutating func time() -> Timestamp {
        let range = Timestamp.earliest.microsecondsSinceEpoch...Timestamp.latest.microsecondsSinceEpoch
        switch self.generator.next() % 8 {
        case 0: return .earliest
        case 1: return .latest
        default: return Timestamp(microsecondsSinceEpoch: Int64.random(in: range, using: &self.generator))
        }
    }

    /// Absent, empty, of exactly the most bytes, or a mix of hazards.
    mutating func text(maxBytes: Int = 512) -> String? {
        switch self.generator.next() % 8 {
        case 0, 1: return nil
        case 2: return ""
        case 3: return String(repeating: "x", count: maxBytes)
        default:
            let count = 1 + self.generator.next() % 10
            return (0..<count).map { _ in Self.pieces.randomElement(using: &self.generator) ?? "" }.joined()
        }
    }
}
