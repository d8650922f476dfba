// Reads what Event+JSON.swift writes, and what people write by hand after docs/json.md. Every error names the field and
// what to do about it.

extension Event {
    /// Reads the projection of an event from one JSON text.
    ///
    /// The members that a stored event has besides (``StoredEvent``) may be there and are left out: they are what one
    /// collector knew about the event. Any other member is an error, so that a misspelt name is not lost in silence.
    ///
    /// - Parameters:
    ///   - bytes: The text: one JSON object.
    ///   - eventIDIfAbsent: The event id when the text has none; `nil` makes that an error.
    ///   - maxDepth: How deep each of the JSON fields may nest, in levels.
    package init(
        json bytes: [UInt8], eventIDIfAbsent: EventID? = nil, maxDepth: Int = Limits().maxAttributesDepth
    ) throws(ModelError) {
        // The JSON fields stand one level below the event.
        let value = try JSONValue(parsing: bytes, maxDepth: maxDepth + 1)
        try self.init(FieldReader(value, known: Self.memberNames + StoredEvent.memberNames), eventIDIfAbsent)
    }

    /// The names of the projection's members, in order.
    package static let memberNames = [
        "event_id", "source_event_id", "type", "occurred_at", "scope", "actor", "delegation", "action", "resource",
        "decision", "outcome", "reason", "policy", "obligations", "evaluated_rules", "risk_score", "session_id",
        "request_id", "agent_id", "source", "trace_id", "span_id", "duration_us", "payload", "attributes",
    ]

    fileprivate init(_ reader: FieldReader, _ eventIDIfAbsent: EventID?) throws(ModelError) {
        let eventID = try reader.text("event_id", "a UUID", parse: EventID.init) ?? eventIDIfAbsent
        self.init(
            eventID: try reader.required(eventID, "event_id", "a UUID"),
            type: try reader.required(try reader.text("type"), "type", "a registered event type"),
            occurredAt: try reader.required(try reader.time("occurred_at"), "occurred_at", "an RFC 3339 time"))
        self.sourceEventID = try reader.text("source_event_id")
        self.scope = try reader.text("scope")
        if let actor = try reader.object("actor", known: Actor.memberNames) { self.actor = try Actor(actor) }
        for link in try reader.objects("delegation", known: Actor.memberNames) {
            self.delegation.append(try Actor(link))
        }
        self.action = try reader.text("action")
        if let resource = try reader.object("resource", known: ["type", "id"]) {
            self.resource = Resource(type: try resource.text("type"), id: try resource.text("id"))
        }
        self.decision = try reader.text("decision", "allow, deny or mask", parse: Decision.init(name:))
        self.outcome = try reader.text("outcome", "success, failure or error", parse: Outcome.init(name:))
        self.reason = try reader.text("reason")
        self.policy = try reader.text("policy")
        let obligations = try reader.json("obligations", kind: .array)
        self.obligations = obligations == "[]" ? nil : obligations
        self.evaluatedRules = try reader.json("evaluated_rules", kind: nil)
        self.riskScore = try reader.double("risk_score")
        self.sessionID = try reader.text("session_id")
        self.requestID = try reader.text("request_id")
        self.agentID = try reader.text("agent_id")
        self.source = try reader.text("source")
        self.traceID = try reader.text("trace_id", "32 hexadecimal digits, not all zero") { text in
            text.utf8.count == 32 ? TraceID(text).flatMap { $0.high | $0.low == 0 ? nil : $0 } : nil
        }
        self.spanID = try reader.text("span_id", "16 hexadecimal digits, not all zero") { text in
            SpanID(text).flatMap { $0.value == 0 ? nil : $0 }
        }
        self.durationMicroseconds = try reader.count("duration_us")
        if let payload = try reader.object("payload", known: ["hash", "in_size_bytes", "out_size_bytes"]) {
            self.payload = PayloadFingerprint(
                hash: try payload.text("hash"), inSizeBytes: try payload.count("in_size_bytes"),
                outSizeBytes: try payload.count("out_size_bytes"))
        }
        self.attributes = try reader.json("attributes", kind: .object)
    }
}

extension StoredEvent {
    /// The names of the members that a stored event has besides its event's.
    package static let memberNames = ["tenant", "received_at", "batch_id", "position"]

    /// Reads the projection of a stored event from one JSON text.
    package init(json bytes: [UInt8], maxDepth: Int = Limits().maxAttributesDepth) throws(ModelError) {
        let value = try JSONValue(parsing: bytes, maxDepth: maxDepth + 1)
        let reader = try FieldReader(value, known: Event.memberNames + Self.memberNames)
        let batchID = try reader.text("batch_id", "a whole number in quotes", parse: { Int64($0) })
        let position = try reader.count("position").flatMap { Int32(exactly: $0) }
        self.init(
            event: try Event(reader, nil),
            tenant: try reader.required(try reader.text("tenant"), "tenant", "the tenant's slug"),
            receivedAt: try reader.required(try reader.time("received_at"), "received_at", "an RFC 3339 time"),
            batchID: try reader.required(batchID, "batch_id", "the batch's number"),
            position: try reader.required(position, "position", "the event's index in its batch"))
    }
}

extension Actor {
    fileprivate static let memberNames = ["kind", "id", "user_id"]

    fileprivate init(_ reader: FieldReader) throws(ModelError) {
        self.init(kind: try reader.text("kind"), id: try reader.text("id"), userID: try reader.text("user_id"))
    }
}

/// Reads typed members of one JSON object. A member that is `null` counts as absent.
struct FieldReader {
    /// What the text as a whole is, for errors.
    struct Document {
        /// Such as `an event`.
        let name: String
        /// What to say of a member that it doesn't have.
        let unknownMember: String

        static let event = Document(
            name: "an event",
            unknownMember: "is no field of an event; correct its name or move it into attributes")
    }

    private let members: JSONObject
    /// What stands before a member's name in errors: `actor.`, or nothing.
    private let prefix: String
    private let document: Document

    init(
        _ value: JSONValue, of document: Document = .event, prefix: String = "", known: [String]
    ) throws(ModelError) {
        guard value.kind == .object else {
            let place = prefix.isEmpty ? document.name : String(prefix.dropLast())
            throw ModelError(code: .invalidField, message: "\(place) must be an object, found \(value.kind.name)")
        }
        self.members = try value.object()
        self.prefix = prefix
        self.document = document
        for name in self.members.names where !known.contains(name) {
            throw self.fault(name, document.unknownMember)
        }
    }

    func required<Value>(_ value: Value?, _ name: String, _ what: String) throws(ModelError) -> Value {
        guard let value else { throw self.fault(name, "is missing; give \(what)") }
        return value
    }

    func text(_ name: String) throws(ModelError) -> String? {
        guard let value = self.member(name) else { return nil }
        guard let text = value.string else {
            throw self.fault(name, "must be a string, found \(value.kind.name); quote it")
        }
        return text
    }

    /// Text that stands for something else.
    func text<Value>(_ name: String, _ what: String, parse: (String) -> Value?) throws(ModelError) -> Value? {
        guard let text = try self.text(name) else { return nil }
        guard let value = parse(text) else { throw self.fault(name, "is \"\(excerpt(text))\"; it must be \(what)") }
        return value
    }

    /// A time; one finer than microseconds is refused, since it would be cut.
    func time(_ name: String) throws(ModelError) -> Timestamp? {
        guard let text = try self.text(name) else { return nil }
        guard let time = Timestamp(rfc3339: text) else {
            throw self.fault(
                name,
                "is \"\(excerpt(text))\"; it must be an RFC 3339 time of the years 1 to 9999, "
                    + "as 2023-01-27T18:28:08.129781Z"
            )
        }
        guard time.keepsAll(of: text) else {
            throw self.fault(
                name,
                "is \"\(excerpt(text))\"; times are kept to the microsecond: "
                    + "round it, and put the original into attributes"
            )
        }
        return time
    }

    func double(_ name: String) throws(ModelError) -> Double? {
        guard let value = self.member(name) else { return nil }
        guard let number = value.double else {
            throw self.fault(name, "must be a finite number of 64 bits, found \(excerpt(value.text))")
        }
        return number
    }

    /// A number that is whole and not negative.
    func count(_ name: String) throws(ModelError) -> Int64? {
        guard let value = self.member(name) else { return nil }
        guard let number = value.integer, number >= 0 else {
            throw self.fault(name, "must be a whole number from 0 to 2^63-1, found \(excerpt(value.text))")
        }
        return number
    }

    func bool(_ name: String) throws(ModelError) -> Bool? {
        guard let value = self.member(name) else { return nil }
        guard let bool = value.bool else {
            throw self.fault(name, "must be true or false, found \(excerpt(value.text))")
        }
        return bool
    }

    /// The text of a JSON value as it stands, of that kind when one is given. Without one `null` is a value like
    /// others.
    func json(_ name: String, kind: JSONValue.Kind?) throws(ModelError) -> String? {
        guard let value = kind == nil ? self.members[name] : self.member(name) else { return nil }
        if let kind, value.kind != kind {
            throw self.fault(name, "must be \(kind.name), found \(value.kind.name)")
        }
        return value.text
    }

    func object(_ name: String, known: [String]) throws(ModelError) -> FieldReader? {
        guard let value = self.member(name) else { return nil }
        return try FieldReader(value, of: self.document, prefix: "\(self.prefix)\(name).", known: known)
    }

    func objects(_ name: String, known: [String]) throws(ModelError) -> [FieldReader] {
        guard let value = self.member(name) else { return [] }
        guard let elements = value.elements else {
            throw self.fault(name, "must be an array of objects, found \(value.kind.name)")
        }
        var readers: [FieldReader] = []
        for (index, element) in elements.enumerated() {
            let prefix = "\(self.prefix)\(name)[\(index)]."
            readers.append(try FieldReader(element, of: self.document, prefix: prefix, known: known))
        }
        return readers
    }

    private func member(_ name: String) -> JSONValue? {
        guard let value = self.members[name], value.kind != .null else { return nil }
        return value
    }

    func fault(_ name: String, _ what: String) -> ModelError {
        ModelError(code: .invalidField, message: "\(self.prefix)\(name) \(what)")
    }
}

extension Timestamp {
    /// Whether RFC 3339 text says no more than this time, which was read from it: no digit but 0 behind the sixth.
    package func keepsAll(of text: some StringProtocol) -> Bool {
        guard let point = text.utf8.firstIndex(of: UInt8(ascii: ".")) else { return true }
        let digits = text.utf8[point...].dropFirst().prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return digits.dropFirst(6).allSatisfy { $0 == UInt8(ascii: "0") }
    }
}

/// The beginning of a text, for an error message.
package func excerpt(_ text: String) -> String {
    text.count <= 60 ? text : text.prefix(60) + "…"
}
