public import Logging

/// Turns chosen log calls into audit events, and hands every call on to another handler.
///
/// A call is chosen by the metadata `audit.type`, the event's type. Metadata whose names begin with `audit.` fill the event's fields
/// by their names in `docket.v1.Event`; what is left becomes attributes, nested as the metadata are. The message is the reason, unless
/// `audit.reason` is given.
///
/// ```swift
/// LoggingSystem.bootstrap { AuditLogHandler(client, wrapping: StreamLogHandler.standardError(label: $0)) }
/// logger.notice("exported by hand", metadata: [
///     "audit.type": "report.export", "audit.actor.id": "alice", "audit.resource.type": "report", "audit.resource.id": "7",
///     "audit.outcome": "success", "format": "pdf",
/// ])
/// ```
///
/// | metadata | field |
/// | --- | --- |
/// | `audit.type` | `type` |
/// | `audit.actor.kind`, `audit.actor.id`, `audit.actor.user_id` | `actor` |
/// | `audit.action`, `audit.reason`, `audit.policy`, `audit.scope`, `audit.source` | the field of that name |
/// | `audit.resource.type`, `audit.resource.id` | `resource` |
/// | `audit.decision` | `decision`: `allow`, `deny` or `mask` |
/// | `audit.outcome` | `outcome`: `success`, `failure` or `error` |
/// | `audit.session_id`, `audit.request_id`, `audit.agent_id` | the field of that name |
///
/// A name or a value that means nothing stays among the attributes as it was written, so that nothing is lost in silence. The levels
/// of loggers apply: a call that isn't logged is no event either.
public struct AuditLogHandler: LogHandler {
    private let client: AuditClient
    private var wrapped: any LogHandler

    /// - Parameters:
    ///   - client: sends the events.
    ///   - wrapped: is given every call, the chosen ones included.
    public init(_ client: AuditClient, wrapping wrapped: any LogHandler) {
        self.client = client
        self.wrapped = wrapped
    }

    public var logLevel: Logger.Level {
        get { self.wrapped.logLevel }
        set { self.wrapped.logLevel = newValue }
    }

    public var metadata: Logger.Metadata {
        get { self.wrapped.metadata }
        set { self.wrapped.metadata = newValue }
    }

    public var metadataProvider: Logger.MetadataProvider? {
        get { self.wrapped.metadataProvider }
        set { self.wrapped.metadataProvider = newValue }
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.wrapped[metadataKey: key] }
        set { self.wrapped[metadataKey: key] = newValue }
    }

    public func log(event: LogEvent) {
        // Most calls aren't chosen: they cost two look-ups.
        if event.metadata?[LoggedEvent.typeKey] != nil || self.wrapped.metadata[LoggedEvent.typeKey] != nil {
            var metadata = self.wrapped.metadata
            if let provided = self.wrapped.metadataProvider?.get() { metadata.merge(provided) { $1 } }
            if let given = event.metadata { metadata.merge(given) { $1 } }
            self.client.emit(LoggedEvent.event(metadata, message: event.message.description))
        }
        self.wrapped.log(event: event)
    }
}
