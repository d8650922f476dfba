import DocketCodec
package import DocketModel

/// Makes events that look like a busy authorization service's: about 350 bytes on the wire, the same for the same seed.
package struct SyntheticEvents: Sendable {
    private var random: SplitMix64
    private let startMicroseconds: Int64
    private let sizeBytes: Int?
    private var count: Int64 = 0

    private static let actions = ["read", "write", "delete", "list", "share", "export"]
    private static let resourceTypes = ["document", "secret", "repository", "cluster", "tool"]
    private static let policies = ["default-allow", "owners-only", "business-hours", "pii-mask"]

    /// - Parameters:
    ///   - seed: the same seed makes the same events.
    ///   - start: when the first one happened; each further one a millisecond later.
    ///   - sizeBytes: about how large each is on the wire, within ``sizeBounds``: a smaller one has fewer fields, a larger
    ///     one has longer attributes.
    package init(
        seed: UInt64, start: Timestamp = Timestamp(microsecondsSinceEpoch: 1_700_000_000_000_000), sizeBytes: Int? = nil
    ) {
        self.random = SplitMix64(state: seed)
        self.startMicroseconds = start.microsecondsSinceEpoch
        self.sizeBytes = sizeBytes
    }

    /// The smallest and the largest size that an event can be given, in bytes on the wire. Attributes end at 64 KiB.
    package static let sizeBounds = 100...65_536

    /// The next event.
    package mutating func next() -> Event {
        let event = self.nextOfUsualSize()
        return self.sizeBytes.map { Self.resized(event, toBytes: $0) } ?? event
    }

    /// The event with fewer fields or longer attributes.
    private static func resized(_ event: Event, toBytes sizeBytes: Int) -> Event {
        var event = event
        if sizeBytes < EventEncoder.sizeBytes(of: event) {
            event = Event(
                eventID: event.eventID, type: event.type, occurredAt: event.occurredAt, actor: event.actor,
                action: event.action, decision: event.decision, outcome: event.outcome)
        }
        let missing = sizeBytes - EventEncoder.sizeBytes(of: event)
        let frame = #"{"note":""}"#.utf8.count
        guard missing > 16 + frame else { return event }
        let own = event.attributes?.dropFirst().dropLast() ?? ""
        let note = String(repeating: "audit ", count: (missing - frame) / 6)
        event.attributes = #"{"note":"\#(note)"\#(own.isEmpty ? "" : ",")\#(own)}"#
        return event
    }

    private mutating func nextOfUsualSize() -> Event {
        let user = self.random.next() % 5000
        let time = Timestamp(microsecondsSinceEpoch: self.startMicroseconds + self.count * 1000)
        self.count += 1
        var event = Event(
            eventID: .version7(at: time, using: &self.random), type: "authz.decision", occurredAt: time,
            actor: Actor(kind: "user", id: "user-\(user)@example.com"),
            action: self.pick(Self.actions),
            resource: Resource(type: self.pick(Self.resourceTypes), id: "res-\(self.random.next() % 100_000)"),
            decision: self.random.next() % 20 == 0 ? .deny : .allow, outcome: .success,
            attributes:
                #"{"ip":"10.\#(user % 256).\#(user % 7).1","client":"web/2.14","mfa":true,"rows":\#(self.count % 977)}"#
        )
        event.scope = "workspace-\(user % 50)"
        event.policy = self.pick(Self.policies)
        event.reason = "the role 'editor' grants the action on this resource"
        event.sessionID = "session-\(user)-\(self.random.next() % 8)"
        event.requestID = hexadecimal(bigEndianBytes(self.random.next()))
        event.source = "authz-service"
        event.traceID = TraceID(high: self.random.next() | 1, low: self.random.next())
        event.spanID = SpanID(self.random.next() | 1)
        event.durationMicroseconds = Int64(self.random.next() % 5000)
        event.riskScore = Double(self.random.next() % 1000) / 1000
        return event
    }

    private mutating func pick(_ values: [String]) -> String {
        values[Int(self.random.next() % UInt64(values.count))]
    }
}

/// A small generator whose numbers are the same everywhere for the same state.
private struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(state: UInt64) { self.state = state }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
