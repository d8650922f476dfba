internal import DocketModel
internal import Logging

/// The audit event of a log call: see ``AuditLogHandler``.
enum LoggedEvent {
    static let typeKey = "audit.type"

    static func event(_ metadata: Logger.Metadata, message: String) -> Event {
        var event = Event(eventID: .new(), type: "", occurredAt: .now)
        event.reason = message
        var rest = metadata
        for (key, value) in metadata where key.hasPrefix("audit.") {
            if Self.set(String(key.dropFirst("audit.".count)), "\(value)", of: &event) { rest[key] = nil }
        }
        if !rest.isEmpty { event.attributes = Self.json(.dictionary(rest)) }
        return event
    }

    /// Sets the field of that name.
    ///
    /// - Returns: whether there is one, and it takes the value.
    private static func set(_ field: String, _ value: String, of event: inout Event) -> Bool {
        switch field {
        case "type": event.type = value
        case "actor.kind": event.actor = Self.changing(event.actor ?? Actor()) { $0.kind = value }
        case "actor.id": event.actor = Self.changing(event.actor ?? Actor()) { $0.id = value }
        case "actor.user_id": event.actor = Self.changing(event.actor ?? Actor()) { $0.userID = value }
        case "action": event.action = value
        case "resource.type": event.resource = Self.changing(event.resource ?? Resource()) { $0.type = value }
        case "resource.id": event.resource = Self.changing(event.resource ?? Resource()) { $0.id = value }
        case "decision":
            guard let decision = Decision(name: value) else { return false }
            event.decision = decision
        case "outcome":
            guard let outcome = Outcome(name: value) else { return false }
            event.outcome = outcome
        case "reason": event.reason = value
        case "policy": event.policy = value
        case "scope": event.scope = value
        case "source": event.source = value
        case "session_id": event.sessionID = value
        case "request_id": event.requestID = value
        case "agent_id": event.agentID = value
        default: return false
        }
        return true
    }

    private static func changing<Value>(_ value: Value, _ change: (inout Value) -> Void) -> Value {
        var value = value
        change(&value)
        return value
    }

    /// A metadata value as JSON, members in the order of their names.
    private static func json(_ value: Logger.MetadataValue) -> String {
        var writer = JSONWriter()
        Self.write(value, to: &writer)
        return writer.text
    }

    private static func write(_ value: Logger.MetadataValue, to writer: inout JSONWriter) {
        switch value {
        case .string(let text): writer.string(text)
        case .stringConvertible(let convertible): writer.string(convertible.description)
        case .array(let values):
            writer.beginArray()
            for value in values { Self.write(value, to: &writer) }
            writer.endArray()
        case .dictionary(let members):
            writer.beginObject()
            for (key, value) in members.sorted(by: { $0.key < $1.key }) {
                writer.key(key)
                Self.write(value, to: &writer)
            }
            writer.endObject()
        }
    }
}
