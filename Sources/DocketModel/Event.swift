/// One audit record: who did what to which resource, when, and how it was decided.
///
/// The fields are those of `docket.v1.Event` (`Protos/docket/v1/event.proto`), which documents their limits. `nil` is an
/// absent field and differs from an empty one.
public struct Event: Sendable, Equatable {
    /// The event's name for good: a UUIDv7 from an emitter, or derived from the content by an importer.
    public var eventID: EventID
    /// The identifier that the event has in the system it came from.
    public var sourceEventID: String?
    /// The registered event type, such as `authz.decision`.
    public var type: String
    /// When it happened.
    public var occurredAt: Timestamp
    /// A division inside the tenant: a workspace, a namespace, a project.
    public var scope: String?
    /// Who did it. An actor without any field equals an absent one once it has travelled.
    public var actor: Actor?
    /// The delegation chain (RFC 8693 section 4.1), outermost first.
    public var delegation: [Actor]
    /// What was done.
    public var action: String?
    /// What it was done to. A resource without any field equals an absent one once it has travelled.
    public var resource: Resource?
    /// How a policy decided it; `nil` when nothing was decided.
    public var decision: Decision?
    /// How it ended; `nil` when that is not known.
    public var outcome: Outcome?
    /// Why it was decided or ended so, in words.
    public var reason: String?
    /// The policy or gate implementation that decided.
    public var policy: String?
    /// Obligations attached to the decision: the text of a JSON array.
    public var obligations: String?
    /// The rules that were evaluated: the text of a JSON value.
    public var evaluatedRules: String?
    /// A finite risk score on the emitter's scale.
    public var riskScore: Double?
    /// The session that the event belongs to.
    public var sessionID: String?
    /// The request that caused it.
    public var requestID: String?
    /// The software agent that carried it out for the actor.
    public var agentID: String?
    /// The emitting service.
    public var source: String?
    /// The W3C trace id.
    public var traceID: TraceID?
    /// The W3C span id.
    public var spanID: SpanID?
    /// How long it took, in microseconds; not negative.
    public var durationMicroseconds: Int64?
    /// A fingerprint of the data that was processed.
    public var payload: PayloadFingerprint?
    /// Everything else: the text of a JSON object.
    public var attributes: String?

    /// An event with the three fields that every event must have, and the most common others.
    public init(
        eventID: EventID,
        type: String,
        occurredAt: Timestamp,
        actor: Actor? = nil,
        action: String? = nil,
        resource: Resource? = nil,
        decision: Decision? = nil,
        outcome: Outcome? = nil,
        attributes: String? = nil
    ) {
        self.eventID = eventID
        self.type = type
        self.occurredAt = occurredAt
        self.actor = actor
        self.delegation = []
        self.action = action
        self.resource = resource
        self.decision = decision
        self.outcome = outcome
        self.attributes = attributes
    }
}

/// Who did something, or a link of a delegation chain.
public struct Actor: Sendable, Hashable {
    /// What sort of actor: `user`, `service`, `agent`, …
    public var kind: String?
    /// The actor's identifier.
    public var id: String?
    /// The account on whose authority the actor acts, where that is another than ``id``.
    public var userID: String?

    public init(kind: String? = nil, id: String? = nil, userID: String? = nil) {
        self.kind = kind
        self.id = id
        self.userID = userID
    }

    /// Docket itself, of what it does without being told.
    package static let docket = Actor(kind: "service", id: "docket")

    /// Whether no field is set.
    package var isEmpty: Bool { self.kind == nil && self.id == nil && self.userID == nil }
}

/// What something was done to.
public struct Resource: Sendable, Hashable {
    /// What sort of resource.
    public var type: String?
    /// The resource's identifier.
    public var id: String?

    public init(type: String? = nil, id: String? = nil) {
        self.type = type
        self.id = id
    }

    /// Whether no field is set.
    package var isEmpty: Bool { self.type == nil && self.id == nil }
}

/// A fingerprint of processed data; the data itself is never stored.
public struct PayloadFingerprint: Sendable, Hashable {
    /// A hash of the input with its algorithm, such as `sha256:9f86d0…`.
    public var hash: String?
    /// Size of the input in bytes; not negative.
    public var inSizeBytes: Int64?
    /// Size of the output in bytes; not negative.
    public var outSizeBytes: Int64?

    public init(hash: String? = nil, inSizeBytes: Int64? = nil, outSizeBytes: Int64? = nil) {
        self.hash = hash
        self.inSizeBytes = inSizeBytes
        self.outSizeBytes = outSizeBytes
    }

    /// Whether no field is set.
    package var isEmpty: Bool { self.hash == nil && self.inSizeBytes == nil && self.outSizeBytes == nil }
}

/// How a policy decided. The raw value is the number in `docket.v1.Decision` and in the store.
public enum Decision: Int16, Sendable, CaseIterable {
    case allow = 1
    case deny = 2
    /// Allowed with parts hidden.
    case mask = 3

    /// The name in JSON, SQL and on the command line.
    public var name: String {
        switch self {
        case .allow: "allow"
        case .deny: "deny"
        case .mask: "mask"
        }
    }

    /// The decision of that name; `nil` when there is none.
    public init?(name: some StringProtocol) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}

/// How an action ended. The raw value is the number in `docket.v1.Outcome` and in the store.
public enum Outcome: Int16, Sendable, CaseIterable {
    case success = 1
    /// Refused or unsuccessful for a reason that the caller can act on.
    case failure = 2
    /// Broken off by a fault.
    case error = 3

    /// The name in JSON, SQL and on the command line.
    public var name: String {
        switch self {
        case .success: "success"
        case .failure: "failure"
        case .error: "error"
        }
    }

    /// The outcome of that name; `nil` when there is none.
    public init?(name: some StringProtocol) {
        guard let found = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}
