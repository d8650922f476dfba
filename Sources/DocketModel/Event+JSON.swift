// The JSON projection of an event: a public contract, described by docs/json.md and docs/event.schema.json.

extension Event {
    /// The event as one line of JSON, without the line's end.
    package var json: String {
        var writer = JSONWriter()
        writer.event(self)
        return writer.text
    }
}

extension StoredEvent {
    /// The stored event as one line of JSON, without the line's end: the event's members, then the collector's.
    package var json: String {
        var writer = JSONWriter()
        writer.storedEvent(self)
        return writer.text
    }

    /// Only these fields of it: a member whose fields aren't among them is left out.
    package func json(_ fields: EventFields) -> String {
        var writer = JSONWriter()
        writer.storedEvent(self, fields)
        return writer.text
    }
}

extension JSONWriter {
    /// The projection of an event. Its JSON fields must have been checked, as those of every stored event are.
    package mutating func event(_ event: Event) {
        self.beginObject()
        self.members(of: event)
        self.endObject()
    }

    /// The projection of a stored event.
    package mutating func storedEvent(_ stored: StoredEvent, _ fields: EventFields = .all) {
        let stored = stored.masked(fields)
        self.beginObject()
        self.members(of: stored.event, fields)
        if fields.contains(.tenant) { self.member("tenant", stored.tenant) }
        if fields.contains(.receivedAt) { self.member("received_at", stored.receivedAt.rfc3339) }
        // A batch id needs 63 bits; readers that take numbers for doubles (JavaScript, jq) keep 53.
        if fields.contains(.batchID) { self.member("batch_id", String(stored.batchID)) }
        if fields.contains(.position) { self.member("position", Int64(stored.position)) }
        self.endObject()
    }

    private mutating func members(of event: Event, _ fields: EventFields = .all) {
        if fields.contains(.eventID) { self.member("event_id", event.eventID.uuidString) }
        self.member("source_event_id", event.sourceEventID)
        if fields.contains(.type) { self.member("type", event.type) }
        if fields.contains(.occurredAt) { self.member("occurred_at", event.occurredAt.rfc3339) }
        self.member("scope", event.scope)
        if let actor = event.actor {
            self.key("actor")
            self.actor(actor)
        }
        if !event.delegation.isEmpty {
            self.key("delegation")
            self.actors(event.delegation)
        }
        self.member("action", event.action)
        self.member("resource", event.resource)
        self.member("decision", event.decision?.name)
        self.member("outcome", event.outcome?.name)
        self.member("reason", event.reason)
        self.member("policy", event.policy)
        if fields.contains(.obligations) { self.rawMember("obligations", event.obligations ?? "[]") }
        self.rawMember("evaluated_rules", event.evaluatedRules)
        self.doubleMember("risk_score", event.riskScore)
        self.member("session_id", event.sessionID)
        self.member("request_id", event.requestID)
        self.member("agent_id", event.agentID)
        self.member("source", event.source)
        self.member("trace_id", event.traceID?.hex)
        self.member("span_id", event.spanID?.hex)
        self.member("duration_us", event.durationMicroseconds)
        self.member("payload", event.payload)
        self.rawMember("attributes", event.attributes)
    }

    /// A delegation chain.
    mutating func actors(_ actors: [Actor]) {
        self.beginArray()
        for actor in actors { self.actor(actor) }
        self.endArray()
    }

    private mutating func actor(_ actor: Actor) {
        self.beginObject()
        self.member("kind", actor.kind)
        self.member("id", actor.id)
        self.member("user_id", actor.userID)
        self.endObject()
    }
}

// MARK: - Members that are left out when they are absent

extension JSONWriter {
    mutating func member(_ name: String, _ text: String?) {
        guard let text else { return }
        self.key(name)
        self.string(text)
    }

    mutating func member(_ name: String, _ number: Int64?) {
        guard let number else { return }
        self.key(name)
        self.integer(number)
    }

    mutating func doubleMember(_ name: String, _ number: Double?) {
        guard let number else { return }
        self.key(name)
        self.double(number)
    }

    mutating func member(_ name: String, _ resource: Resource?) {
        guard let resource else { return }
        self.key(name)
        self.beginObject()
        self.member("type", resource.type)
        self.member("id", resource.id)
        self.endObject()
    }

    mutating func member(_ name: String, _ payload: PayloadFingerprint?) {
        guard let payload else { return }
        self.key(name)
        self.beginObject()
        self.member("hash", payload.hash)
        self.member("in_size_bytes", payload.inSizeBytes)
        self.member("out_size_bytes", payload.outSizeBytes)
        self.endObject()
    }

    /// A member whose value is JSON text that has been checked.
    mutating func rawMember(_ name: String, _ text: String?) {
        guard let text else { return }
        self.key(name)
        self.raw(text)
    }
}
