public import DocketModel

/// An event type, declared as a Swift type: its properties are the attributes.
///
/// ```swift
/// struct Login: AuditEventType {
///     static let definition = EventTypeDefinition<Login>(
///         "user.login", version: 1, requires: [.actorID, .outcome],
///         attributes: [
///             .init("method", \.method, maxLength: 32),
///             .init("attempt", \.attempt, minimum: 1),
///         ])
///     var method: String
///     var attempt: Int?
/// }
///
/// client.emit(Login(method: "passkey", attempt: 2).event().by(.user("alice")).ended(.success))
/// ```
///
/// Schema and events come from the same properties, so they can't differ: what isn't optional is required. Events are made
/// without being checked; the collector judges them by the definition that is registered (docs/event-types.md). A text that
/// is too long goes out whole, and is refused and kept in quarantine there.
public protocol AuditEventType: Sendable {
    /// The type's name, what it requires, and which properties are attributes.
    static var definition: EventTypeDefinition<Self> { get }
}

extension AuditEventType {
    /// An event of this type with these attributes, a new UUIDv7, that happened now.
    ///
    /// - Parameters:
    ///   - id: The event's name for good; a new one otherwise.
    ///   - time: When it happened, in the years 1 to 9999; now otherwise.
    public func event(id: EventID? = nil, at time: Timestamp? = nil) -> Event {
        let definition = Self.definition
        var event = Event(definition.name, id: id, at: time)
        guard !definition.attributes.isEmpty else { return event }
        event.attributes = AttributeWriter.text(ofObject: { writer in
            for attribute in definition.attributes { attribute.write(self, &writer) }
        })
        return event
    }
}
