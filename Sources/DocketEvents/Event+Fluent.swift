public import DocketModel

// Each method takes the event over and returns it changed. It says `consume` when it does: a plain `return self` copies the
// event and destroys the first one, which costs more than everything else in a chain.

extension Event {
    /// An event with a new UUIDv7 that happened now.
    ///
    /// Nothing is checked here: the collector is the judge, and says in its verdict what it refuses and why.
    ///
    /// - Parameters:
    ///   - type: The registered event type: lower-case letters, digits and `_`, in parts with dots between.
    ///   - id: The event's name for good; a new one otherwise.
    ///   - time: When it happened, in the years 1 to 9999; now otherwise.
    public init(_ type: String, id: EventID? = nil, at time: Timestamp? = nil) {
        let now = Timestamp.now
        self.init(eventID: id ?? .version7(at: now), type: type, occurredAt: time ?? now)
    }

    // MARK: Who

    /// Who did it. Its texts have at most 512 bytes each, as configured at the collector.
    public consuming func by(_ actor: Actor) -> Event {
        self.actor = actor
        return consume self
    }

    /// The delegation chain (RFC 8693 section 4.1), outermost first, when the actor doesn't act directly; at most 16.
    public consuming func delegated(through chain: Actor...) -> Event {
        self.delegation = chain
        return consume self
    }

    /// The software agent that carried it out for the actor; at most 512 bytes.
    public consuming func agent(_ id: String) -> Event {
        self.agentID = id
        return consume self
    }

    // MARK: What

    /// What was done, such as `create` or `secrets.read`; at most 512 bytes.
    public consuming func doing(_ action: String) -> Event {
        self.action = action
        return consume self
    }

    /// What it was done to: a sort of resource, and which of them; at most 512 bytes each.
    public consuming func on(_ type: String, _ id: String? = nil) -> Event {
        self.resource = Resource(type: type, id: id)
        return consume self
    }

    /// What it was done to.
    public consuming func on(_ resource: Resource) -> Event {
        self.resource = resource
        return consume self
    }

    /// A fingerprint of the data that was processed.
    public consuming func payload(_ fingerprint: PayloadFingerprint) -> Event {
        self.payload = fingerprint
        return consume self
    }

    // MARK: How

    /// How a policy decided it. What isn't given stays as it was.
    ///
    /// - Parameters:
    ///   - policy: The policy or gate implementation that decided; at most 512 bytes.
    ///   - reason: Why, in words; at most 8 KiB.
    ///   - obligations: What the decision obliges to, as the elements of a JSON array; at most 64 KiB of JSON.
    ///   - evaluatedRules: The rules that were looked at; at most 64 KiB of JSON.
    public consuming func decided(
        _ decision: Decision, policy: String? = nil, reason: String? = nil,
        obligations: [any AttributeValue]? = nil, evaluatedRules: (any AttributeValue)? = nil
    ) -> Event {
        self.decision = decision
        if let policy { self.policy = policy }
        if let reason { self.reason = reason }
        if let obligations { self.obligations = AttributeWriter.text(ofArray: obligations) }
        if let evaluatedRules { self.evaluatedRules = AttributeWriter.text(of: evaluatedRules) }
        return consume self
    }

    /// How it ended, and why, in words of at most 8 KiB; without a reason that of before stays.
    public consuming func ended(_ outcome: Outcome, reason: String? = nil) -> Event {
        self.outcome = outcome
        if let reason { self.reason = reason }
        return consume self
    }

    /// Why it was decided or ended so, in words; at most 8 KiB.
    public consuming func because(_ reason: String) -> Event {
        self.reason = reason
        return consume self
    }

    /// A risk score on the emitter's own scale. It must be finite, or the collector refuses the event.
    public consuming func risk(_ score: Double) -> Event {
        self.riskScore = score
        return consume self
    }

    // MARK: When and where

    /// When it happened, in the years 1 to 9999.
    public consuming func occurred(at time: Timestamp) -> Event {
        self.occurredAt = time
        return consume self
    }

    /// How long it took: kept in whole microseconds, the rest is cut off. What 64 bits can't hold becomes the nearest that
    /// they can. A negative duration is refused by the collector.
    public consuming func took(_ duration: Duration) -> Event {
        self.durationMicroseconds = duration.wholeMicroseconds
        return consume self
    }

    /// The division inside the tenant: a workspace, a namespace, a project; at most 512 bytes.
    public consuming func inScope(_ scope: String) -> Event {
        self.scope = scope
        return consume self
    }

    /// The session that the event belongs to; at most 512 bytes.
    public consuming func session(_ id: String) -> Event {
        self.sessionID = id
        return consume self
    }

    /// The request that caused it; at most 512 bytes.
    public consuming func request(_ id: String) -> Event {
        self.requestID = id
        return consume self
    }

    /// The emitting service, and the id that the event has in its own books; at most 512 bytes each. Without an id that
    /// of before stays.
    public consuming func from(_ source: String, eventID: String? = nil) -> Event {
        self.source = source
        if let eventID { self.sourceEventID = eventID }
        return consume self
    }

    /// The W3C trace, and the span of it; neither may be all zero. An event with a trace of its own takes none over from
    /// its context.
    public consuming func trace(_ traceID: TraceID, span spanID: SpanID? = nil) -> Event {
        self.traceID = traceID
        self.spanID = spanID
        return consume self
    }
}

extension Actor {
    /// A person.
    public static func user(_ id: String) -> Actor { Actor(kind: "user", id: id) }

    /// A program that acts for itself.
    public static func service(_ id: String) -> Actor { Actor(kind: "service", id: id) }

    /// A software agent, and the account on whose authority it acts, if it does.
    public static func agent(_ id: String, for userID: String? = nil) -> Actor {
        Actor(kind: "agent", id: id, userID: userID)
    }
}

extension Duration {
    /// Microseconds towards zero, within 64 bits.
    fileprivate var wholeMicroseconds: Int64 {
        let (seconds, attoseconds) = self.components
        let (micros, isOver) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, isOverToo) = micros.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        guard !isOver, !isOverToo else { return seconds < 0 ? .min : .max }
        return sum
    }
}
