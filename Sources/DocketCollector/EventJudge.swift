import DocketCodec
import DocketEventTypes
import DocketModel
import DocketRegistry

/// What a tenant's rules say about the events of one batch.
struct EventJudge {
    private let tenant: RegistryContents.Tenant
    private let snapshot: RegistrySnapshot
    private let types: TenantEventTypes
    private let validators: EventTypeValidators
    /// When the events may have happened.
    private let times: ClosedRange<Timestamp>
    private let receivedAt: Timestamp
    // Of the type of the event before, which most events share.
    private var typeID: Int32?
    private var validator: EventTypeValidator?
    private var typeFault: EventRefusal?
    /// How many events are stored in spite of their definition, or although nobody has registered their type.
    private(set) var violationCount = 0
    /// How many events are stored that are too far from the collector's clock.
    private(set) var clockFaultCount = 0
    /// Types that must be noted before the batch can be stored.
    private(set) var typesToObserve: Set<String> = []

    /// - Parameters:
    ///   - snapshot: what the tenant and its types are taken from.
    ///   - isExempt: whether the events may be of any age: an import of an older log.
    ///   - receivedAt: when the collector received the batch.
    init(
        tenant: RegistryContents.Tenant, snapshot: RegistrySnapshot, validators: EventTypeValidators, isExempt: Bool,
        receivedAt: Timestamp
    ) {
        self.tenant = tenant
        self.snapshot = snapshot
        self.types = snapshot.eventTypes(ofTenant: tenant.id)
        self.validators = validators
        self.receivedAt = receivedAt
        self.times = isExempt ? Timestamp.earliest...Timestamp.latest : tenant.clock.times(at: receivedAt)
    }

    /// Decides on an event that has passed the codec's own checks.
    mutating func judge(_ event: borrowing EventView) -> Admission {
        if !event.hasTypeOfEventBefore || self.typeID == nil { self.lookUpType(of: event) }
        let fault = self.typeFault ?? self.validator?.check(event)
        let clockFault = self.times.contains(event.occurredAt) ? nil : self.clockFault(event.occurredAt)
        if let typeID = self.typeID, fault == nil, clockFault == nil { return .accept(typeID: typeID) }
        return self.weigh(event, fault, clockFault)
    }

    private mutating func lookUpType(of event: borrowing EventView) {
        let types = self.types
        self.typeID = event.withTypeBytes { types.id(ofTypeNamed: $0) }
        self.validator = nil
        self.typeFault = nil
        guard let typeID = self.typeID else {
            self.typeFault = Self.unknownType(event.typeName)
            return
        }
        guard self.tenant.eventTypeMode != .open else { return }
        self.validator = self.validators.validator(ofType: typeID)
        if self.snapshot.isObserved(typeID) { self.typeFault = Self.unknownType(event.typeName) }
    }

    /// Decides on an event with which something is wrong.
    private mutating func weigh(
        _ event: borrowing EventView, _ fault: EventRefusal?, _ clockFault: EventRefusal?
    ) -> Admission {
        if let fault, self.tenant.eventTypeMode == .enforce { return .reject(fault) }
        if let clockFault, self.tenant.clock.mode == .enforce { return .reject(clockFault) }
        guard let typeID = self.typeID else {
            guard EventTypeName.mayBeObserved(event.typeName) else { return .reject(Self.unknownType(event.typeName)) }
            self.typesToObserve.insert(event.typeName)
            return .mark(typeID: 0, [])
        }
        if fault != nil { self.violationCount += 1 }
        if clockFault != nil { self.clockFaultCount += 1 }
        return .mark(typeID: typeID, [fault, clockFault].compactMap { $0 })
    }

    private static func unknownType(_ name: String) -> EventRefusal {
        EventRefusal(
            field: "type", code: .unknownEventType,
            reason:
                "the event type '\(name.prefix(128))' is not registered for the tenant; register it, or correct the name"
        )
    }

    private func clockFault(_ occurredAt: Timestamp) -> EventRefusal {
        let isAhead = occurredAt > self.receivedAt
        let limit = (isAhead ? self.tenant.clock.maxAheadSeconds : self.tenant.clock.maxBehindSeconds) ?? 0
        return EventRefusal(
            field: "occurred_at_us", code: .outOfRange,
            reason:
                "occurred_at is \(occurredAt.rfc3339), and the collector received it at \(self.receivedAt.rfc3339); "
                + "the tenant allows \(limit) s \(isAhead ? "in the future" : "in the past"): set the clock, or import "
                + "with a credential that has the scope 'import'")
    }
}
