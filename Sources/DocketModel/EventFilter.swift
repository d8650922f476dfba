/// Which events are wanted. All given conditions must hold; `nil` asks for nothing.
public struct EventFilter: Sendable, Equatable {
    public var scope: String?
    /// The event type's name.
    public var type: String?
    public var actorID: String?
    public var sessionID: String?
    public var resourceType: String?
    public var resourceID: String?
    public var action: String?
    public var decision: Decision?
    /// Inclusive.
    public var occurredFrom: Timestamp?
    /// Inclusive.
    public var occurredTo: Timestamp?
    public var eventID: EventID?
    public var requestID: String?
    public var agentID: String?
    public var traceID: TraceID?

    public init() {}
}

/// In which order a page comes.
public enum EventOrder: Int32, Sendable {
    case newestFirst = 1
    case oldestFirst = 2
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

    public init(event: Event, tenant: String, receivedAt: Timestamp, batchID: Int64, position: Int32) {
        self.event = event
        self.tenant = tenant
        self.receivedAt = receivedAt
        self.batchID = batchID
        self.position = position
    }
}
