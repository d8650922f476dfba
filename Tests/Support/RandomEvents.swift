package import DocketModel

/// Makes valid events full of what breaks text formats, parsers and number conversions.
package struct RandomEvents {
    package var generator: SeededGenerator

    package init(seed: UInt64) { self.generator = SeededGenerator(seed: seed) }

    private static let pieces = [
        "a", "Z", "0", " ", "\t", "\n", "\r\n", "\\", "\\N", "\\.", "\"", "'", "$$", ";--", "%s", "\u{1}", "\u{1F}",
        "\u{7F}",
        "é", "ß", "漢字", "🧨", "👩‍👩‍👧", "\u{FEFF}", "\u{FFFF}", "\u{10FFFF}", "\u{D7FF}", "\u{E000}", "e\u{301}", "\u{202E}",
        "null", "NULL", "{}", "pods/web-7d4b9", "alice@example.com",
    ]
    private static let numbers: [Int64] = [0, 1, 127, 128, 16_383, 16_384, Int64(Int32.max), Int64.max - 1, Int64.max]
    private static let doubles: [Double] = [
        0, -0.0, 1, -1, 0.1, .leastNonzeroMagnitude, -.leastNonzeroMagnitude, .greatestFiniteMagnitude,
        -.greatestFiniteMagnitude, .ulpOfOne,
    ]

    /// Any valid event of that type.
    package mutating func event(type: String) -> Event {
        var event = Event(
            eventID: EventID(high: self.generator.next(), low: self.generator.next()), type: type,
            occurredAt: self.time())
        event.sourceEventID = self.maybe { $0.text() }
        event.scope = self.maybe { $0.text() }
        event.actor = self.maybe { $0.actor() }.flatMap { $0.isEmpty ? nil : $0 }
        event.delegation = (0..<(self.maybe { Int($0.generator.next() % 5) } ?? 0)).map { _ in self.actor() }
        event.action = self.maybe { $0.text() }
        event.resource = self.maybe { Resource(type: $0.maybe { $0.text() }, id: $0.text()) }
        event.decision = Decision(rawValue: Int16(self.generator.next() % 4))
        event.outcome = Outcome(rawValue: Int16(self.generator.next() % 4))
        event.reason = self.maybe { $0.text(maxBytes: 8192) }
        event.policy = self.maybe { $0.text() }
        event.obligations = self.maybe { "[" + $0.json(depth: 3) + "]" }
        event.evaluatedRules = self.maybe { $0.json(depth: 3) }
        event.riskScore = self.maybe { Self.doubles.randomElement(using: &$0.generator) ?? 0 }
        event.sessionID = self.maybe { $0.text() }
        event.requestID = self.maybe { $0.text() }
        event.agentID = self.maybe { $0.text() }
        event.source = self.maybe { $0.text() }
        event.traceID = self.maybe { TraceID(high: $0.generator.next() | 1, low: $0.generator.next()) }
        event.spanID = self.maybe { SpanID($0.generator.next() | 1) }
        event.durationMicroseconds = self.maybe { $0.number() }
        event.payload = self.maybe {
            PayloadFingerprint(
                hash: $0.text(), inSizeBytes: $0.maybe { $0.number() }, outSizeBytes: $0.maybe { $0.number() })
        }
        event.attributes = self.maybe { "{\"a\":" + $0.json(depth: 4) + "}" }
        return event
    }

    package mutating func maybe<Value>(_ make: (inout RandomEvents) -> Value) -> Value? {
        self.generator.next() % 3 == 0 ? nil : make(&self)
    }

    package mutating func number() -> Int64 {
        Bool.random(using: &self.generator)
            ? Self.numbers.randomElement(using: &self.generator) ?? 0
            : Int64.random(in: 0...Int64.max, using: &self.generator)
    }

    private mutating func time() -> Timestamp {
        let range = Timestamp.earliest.microsecondsSinceEpoch...Timestamp.latest.microsecondsSinceEpoch
        switch self.generator.next() % 4 {
        case 0: return .earliest
        case 1: return .latest
        default: return Timestamp(microsecondsSinceEpoch: Int64.random(in: range, using: &self.generator))
        }
    }

    private mutating func actor() -> Actor {
        Actor(kind: self.maybe { $0.text() }, id: self.maybe { $0.text() }, userID: self.maybe { $0.text() })
    }

    /// Text of at most that many bytes; now and then empty, and now and then of exactly the most.
    package mutating func text(maxBytes: Int = 512) -> String {
        switch self.generator.next() % 16 {
        case 0: return ""
        case 1: return String(repeating: "x", count: maxBytes)
        default: break
        }
        var text = ""
        for _ in 0..<(1 + self.generator.next() % 12) {
            text += Self.pieces.randomElement(using: &self.generator) ?? ""
        }
        while text.utf8.count > maxBytes { text.removeLast() }
        return text
    }

    /// Any JSON value, with white space and escapes as emitters write them.
    package mutating func json(depth: Int) -> String {
        switch self.generator.next() % (depth > 0 ? 10 : 6) {
        case 0: return "null"
        case 1: return "true"
        case 2:
            return ["0", "-0", "1e5", "-12.5E-3", "123456789012345678901234567890", "0.1"].randomElement(
                using: &self.generator) ?? "0"
        case 3, 4, 5: return self.jsonString()
        case 6, 7:
            return "[ "
                + (0..<(self.generator.next() % 4)).map { _ in self.json(depth: depth - 1) }.joined(separator: " ,\n")
                + "]"
        default:
            return "{"
                + (0..<(self.generator.next() % 4)).map { _ in self.jsonString() + "\t: " + self.json(depth: depth - 1)
                }
                .joined(separator: ",") + " }"
        }
    }

    private mutating func jsonString() -> String {
        let escapes = ["\\n", "\\t", "\\\\", "\\\"", "\\/", "\\u00e9", "\\uD83E\\uDDE8", "\\u0001"]
        var text = "\""
        for _ in 0..<(self.generator.next() % 8) {
            if Bool.random(using: &self.generator) {
                text += escapes.randomElement(using: &self.generator) ?? ""
            } else {
                for scalar in (Self.pieces.randomElement(using: &self.generator) ?? "").unicodeScalars {
                    switch scalar {
                    case "\"", "\\": text += "\\" + String(scalar)
                    case "\u{0}"..<" ": text += "\\b"
                    default: text.unicodeScalars.append(scalar)
                    }
                }
            }
        }
        return text + "\""
    }
}
