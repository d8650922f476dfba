// OCSF 1.3.0, class API Activity. docs/export-formats.md has the table of what becomes of which field.

extension JSONWriter {
    /// The event as an OCSF API Activity. What the class has no attribute for goes into `unmapped`: nothing is lost.
    mutating func apiActivity(_ stored: StoredEvent) {
        let event = stored.event
        self.beginObject()
        self.classification(event)
        self.member("time", event.occurredAt.millisecondsSinceEpoch)
        self.status(event)
        self.ocsfActor(event)
        self.key("api")
        self.beginObject()
        // The class demands an operation; of an event without an action the type is the nearest.
        self.member("operation", event.action ?? event.type)
        self.object("request", "uid", event.requestID)
        self.endObject()
        if let resource = event.resource, resource.isOCSFResource {
            self.key("resources")
            self.beginArray()
            self.beginObject()
            self.member("type", resource.type)
            self.member("uid", resource.id)
            self.endObject()
            self.endArray()
        }
        // The class demands an endpoint with a name of some sort.
        if let source = event.source {
            self.object("src_endpoint", "svc_name", source)
        } else {
            self.object("src_endpoint", "name", "unknown")
        }
        self.metadata(stored)
        self.unmapped(stored)
        self.endObject()
    }

    private mutating func classification(_ event: Event) {
        let activity = APIActivity(action: event.action)
        let severity = OCSFSeverity(event)
        self.member("category_uid", 6)
        self.member("category_name", "Application Activity")
        self.member("class_uid", APIActivity.classUID)
        self.member("class_name", "API Activity")
        self.member("activity_id", activity.rawValue)
        self.member("activity_name", activity.name ?? event.action)
        self.member("type_uid", APIActivity.classUID * 100 + activity.rawValue)
        self.member("severity_id", severity.rawValue)
        self.member("severity", severity.name)
    }

    private mutating func status(_ event: Event) {
        switch event.outcome {
        case nil:
            self.member("status_id", 0)
            self.member("status", "Unknown")
        case .success:
            self.member("status_id", 1)
            self.member("status", "Success")
        case .failure:
            self.member("status_id", 2)
            self.member("status", "Failure")
        case .error:
            // OCSF knows no faults; 99 refers to the text.
            self.member("status_id", 99)
            self.member("status", "error")
        }
        self.member("status_detail", event.reason)
    }

    private mutating func ocsfActor(_ event: Event) {
        self.key("actor")
        self.beginObject()
        self.key("user")
        self.beginObject()
        self.member("uid", event.actor?.id)
        self.member("type", event.actor?.kind)
        self.object("account", "uid", event.actor?.userID)
        if let id = event.actor?.id {
            self.member("name", id)
        } else if event.actor?.userID == nil {
            // A user needs a name, an id or an account. No `uid` beside it tells it from an actor of that name.
            self.member("name", "unknown")
        }
        self.endObject()
        self.object("session", "uid", event.sessionID)
        self.endObject()
    }

    private mutating func metadata(_ stored: StoredEvent) {
        self.key("metadata")
        self.beginObject()
        self.member("version", APIActivity.schemaVersion)
        self.key("product")
        self.beginObject()
        self.member("name", "Docket")
        self.member("vendor_name", "Docket")
        self.endObject()
        self.member("uid", stored.event.eventID.uuidString)
        self.member("event_code", stored.event.type)
        self.member("tenant_uid", stored.tenant)
        self.member("logged_time", stored.receivedAt.millisecondsSinceEpoch)
        // `time` ends at the millisecond.
        self.member("original_time", stored.event.occurredAt.rfc3339)
        self.endObject()
    }

    /// What has no attribute of its own, under the names of the projection.
    private mutating func unmapped(_ stored: StoredEvent) {
        let event = stored.event
        self.key("unmapped")
        self.beginObject()
        self.member("source_event_id", event.sourceEventID)
        self.member("scope", event.scope)
        if !event.delegation.isEmpty {
            self.key("delegation")
            self.actors(event.delegation)
        }
        if let resource = event.resource, !resource.isOCSFResource { self.member("resource", resource) }
        self.member("decision", event.decision?.name)
        self.member("policy", event.policy)
        self.rawMember("obligations", event.obligations)
        self.rawMember("evaluated_rules", event.evaluatedRules)
        self.doubleMember("risk_score", event.riskScore)
        self.member("agent_id", event.agentID)
        self.member("trace_id", event.traceID?.hex)
        self.member("span_id", event.spanID?.hex)
        self.member("duration_us", event.durationMicroseconds)
        self.member("payload", event.payload)
        self.rawMember("attributes", event.attributes)
        if stored.receivedAt.microsecondsSinceEpoch % 1000 != 0 {
            self.member("received_at", stored.receivedAt.rfc3339)
        }
        self.member("batch_id", String(stored.batchID))
        self.member("position", Int64(stored.position))
        self.member("log_index", stored.logIndex)
        self.endObject()
    }

    /// An object of one text; left out when that is absent.
    private mutating func object(_ name: String, _ member: String, _ text: String?) {
        guard let text else { return }
        self.key(name)
        self.beginObject()
        self.member(member, text)
        self.endObject()
    }
}

extension Resource {
    /// Whether `resources` takes it: there a resource must have a `uid` or a name.
    fileprivate var isOCSFResource: Bool { self.id != nil }
}

extension Timestamp {
    /// Milliseconds since the epoch, rounded down.
    fileprivate var millisecondsSinceEpoch: Int64 {
        let (quotient, remainder) = self.microsecondsSinceEpoch.quotientAndRemainder(dividingBy: 1000)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
