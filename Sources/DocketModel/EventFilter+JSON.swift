extension EventFilter {
    /// The filter as one line of JSON: an object of its conditions, named as in `docket.v1.EventFilter`, but for times, which
    /// are RFC 3339 here. `{}` when it asks for nothing.
    package var json: String {
        var writer = JSONWriter()
        writer.filter(self)
        return writer.text
    }
}

extension JSONWriter {
    /// A filter as an object.
    package mutating func filter(_ filter: EventFilter) {
        self.beginObject()
        let texts: [(name: String, value: String?)] = [
            ("scope", filter.scope), ("type", filter.type), ("type_prefix", filter.typePrefix),
            ("actor_id", filter.actorID), ("action", filter.action), ("resource_type", filter.resourceType),
            ("resource_id", filter.resourceID), ("decision", filter.decision?.name), ("outcome", filter.outcome?.name),
            ("policy", filter.policy), ("source", filter.source), ("session_id", filter.sessionID),
            ("request_id", filter.requestID), ("agent_id", filter.agentID), ("trace_id", filter.traceID?.hex),
            ("event_id", filter.eventID?.uuidString), ("occurred_from", filter.occurredFrom?.rfc3339),
            ("occurred_to", filter.occurredTo?.rfc3339), ("text", filter.text),
        ]
        for (name, value) in texts {
            guard let value else { continue }
            self.key(name)
            self.string(value)
        }
        if let score = filter.minRiskScore {
            self.key("min_risk_score")
            self.double(score)
        }
        if !filter.attributes.isEmpty { self.attributes(filter.attributes) }
        self.endObject()
    }

    private mutating func attributes(_ conditions: [AttributeCondition]) {
        self.key("attributes")
        self.beginArray()
        for condition in conditions {
            self.beginObject()
            self.key("pointer")
            self.string(condition.pointer.description)
            self.key("value")
            self.string(condition.value)
            self.endObject()
        }
        self.endArray()
    }
}
