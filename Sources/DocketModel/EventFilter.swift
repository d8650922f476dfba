/// Which events are wanted. All given conditions must hold; `nil` asks for nothing.
public struct EventFilter: Sendable, Equatable {
    public var scope: String?
    /// The event type's name.
    public var type: String?
    /// How the event type's name begins.
    public var typePrefix: String?
    public var actorID: String?
    public var sessionID: String?
    public var resourceType: String?
    public var resourceID: String?
    public var action: String?
    public var decision: Decision?
    public var outcome: Outcome?
    /// The policy that decided.
    public var policy: String?
    public var source: String?
    /// Inclusive. Events without a score don't meet it.
    public var minRiskScore: Double?
    /// Inclusive.
    public var occurredFrom: Timestamp?
    /// Inclusive.
    public var occurredTo: Timestamp?
    public var eventID: EventID?
    public var requestID: String?
    public var agentID: String?
    public var traceID: TraceID?
    /// What the reason or the text of the attributes contains; A to Z in either case. From 1 to ``maxTextBytes``.
    public var text: String?
    /// What the attributes say; at most ``maxAttributes``.
    public var attributes: [AttributeCondition] = []

    /// The most bytes of ``text``.
    public static let maxTextBytes = 1024
    /// The most conditions on attributes.
    public static let maxAttributes = 16

    public init() {}

    /// Whether it names what belongs to few events: one event, or those of a request, a session or a trace.
    package var namesFewEvents: Bool {
        self.eventID != nil || self.requestID != nil || self.sessionID != nil || self.traceID != nil
    }
}

/// That a value in an event's attributes equals a text.
public struct AttributeCondition: Sendable, Equatable {
    /// Where the value is (RFC 6901).
    public var pointer: JSONPointer
    /// A string's content, or a number, `true` or `false` as it was written. `null` is never equal to anything.
    public var value: String

    public init(pointer: JSONPointer, value: String) {
        self.pointer = pointer
        self.value = value
    }
}

/// In which order a page comes.
public enum EventOrder: Int32, Sendable {
    case newestFirst = 1
    case oldestFirst = 2
}

/// How all events that match are counted.
public enum EventCount: Int32, Sendable {
    /// Exactly where that is quick, otherwise by a sample.
    case estimated = 1
    /// One by one.
    case exact = 2
}

/// Where a page ends: the sort key of its last event. The next page starts right behind it.
public struct PageCursor: Sendable, Equatable {
    public var occurredAt: Timestamp
    public var batchID: Int64
    public var position: Int32

    public init(occurredAt: Timestamp, batchID: Int64, position: Int32) {
        self.occurredAt = occurredAt
        self.batchID = batchID
        self.position = position
    }
}

/// A place in a tenant's log: of an event, or between two.
public struct LogPosition: Sendable, Hashable, Comparable {
    /// The log's first place.
    public static let start = LogPosition(logIndex: 0, position: 0)

    /// The place of a batch, from 0.
    public var logIndex: Int64
    /// The index of an event in its batch, from 0.
    public var position: Int32

    public init(logIndex: Int64, position: Int32) {
        self.logIndex = logIndex
        self.position = position
    }

    /// The place behind this one; itself when it is the last that can be named.
    package var next: LogPosition {
        // No sum may trap for what a database or a peer says.
        guard self.position == .max else { return LogPosition(logIndex: self.logIndex, position: self.position + 1) }
        return self.logIndex == .max ? self : LogPosition(logIndex: self.logIndex + 1, position: 0)
    }

    public static func < (left: LogPosition, right: LogPosition) -> Bool {
        (left.logIndex, left.position) < (right.logIndex, right.position)
    }
}

/// An event with what the collector knows about it.
public struct StoredEvent: Sendable, Equatable {
    public var event: Event
    /// The tenant's slug.
    public var tenant: String
    /// When the collector received it, exact to the millisecond.
    public var receivedAt: Timestamp
    public var batchID: Int64
    /// The event's index in its batch, from 0.
    public var position: Int32
    /// The place of its batch in its tenant's log, from 0; `nil` where it wasn't asked for.
    public var logIndex: Int64?

    public init(
        event: Event, tenant: String, receivedAt: Timestamp, batchID: Int64, position: Int32, logIndex: Int64? = nil
    ) {
        self.event = event
        self.tenant = tenant
        self.receivedAt = receivedAt
        self.batchID = batchID
        self.position = position
        self.logIndex = logIndex
    }
}
