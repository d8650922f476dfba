package import DocketModel
package import DocketRegistry

/// Reads stored events back, page by page.
package protocol EventReader: Sendable {
    /// One page of the log of the query's tenants, by the time at which events occurred.
    func query(_ query: EventQuery) async throws(StoreError) -> EventPage

    /// The log index that a tenant's next batch will have.
    func logEnd(tenantID: Int32) async throws(StoreError) -> Int64

    /// One page of a tenant's log in its own order.
    func readLog(_ query: LogQuery) async throws(StoreError) -> LogPage

    /// The batches that have come into logs, in the order of each: up to 1,000 of each tenant.
    ///
    /// - Parameter ends: The log index from which on batches are new, by the tenant's key.
    func newBatches(_ ends: [Int32: Int64]) async throws(StoreError) -> [LogBatch]

    /// How many events there are, by a field of theirs. Exact.
    func statistics(_ query: StatisticsQuery) async throws(StoreError) -> EventStatistics
}

/// Which page of which log is wanted.
package struct EventQuery: Sendable, Equatable {
    /// The most events in one page.
    package static let maxLimit = 10_000

    /// The tenants whose events may be seen; none for an empty list.
    package var tenantIDs: [Int32]
    package var filter: EventFilter
    package var order: EventOrder
    /// The most events in the page, from 1 to ``maxLimit``.
    package var limit: Int
    /// Where the page before ended; `nil` for the first page.
    package var after: PageCursor?
    /// Whether all events that match are to be counted, on whatever page they are.
    package var count: EventCount?
    /// Which fields of the events are wanted: others may be absent. Those that are never absent always come.
    package var fields: EventFields

    package init(
        tenantIDs: [Int32],
        filter: EventFilter = EventFilter(),
        order: EventOrder = .newestFirst,
        limit: Int = 100,
        after: PageCursor? = nil,
        count: EventCount? = nil,
        fields: EventFields = .all
    ) {
        self.tenantIDs = tenantIDs
        self.filter = filter
        self.order = order
        self.limit = limit
        self.after = after
        self.count = count
        self.fields = fields
    }
}

/// A page of events, in the order that the query named: by (`occurredAt`, `batchID`, `position`).
package struct EventPage: Sendable, Equatable {
    package var events: [StoredEvent]
    /// Where the next page begins; `nil` when no further event matched.
    package var next: PageCursor?
    /// How many events match in all; `nil` when that wasn't asked for.
    package var count: Int64?

    package init(events: [StoredEvent], next: PageCursor?, count: Int64? = nil) {
        self.events = events
        self.next = next
        self.count = count
    }
}

/// Reads what the registry tables hold.
package protocol RegistrySource: Sendable {
    /// All tenants, credentials and event types, as of one moment.
    func loadRegistry() async throws(StoreError) -> RegistryContents

    /// The version of what is stored now: ``RegistryContents/version`` of a load that would see the same. Cheap.
    func registryVersion() async throws(StoreError) -> Int64

    /// Returns when the registry has changed, as far as that is heard of, and at the latest after a fraction of a second.
    func registryChanges() async throws(StoreError)

    /// Notes event types that tenants use without having registered them, where they may. The registry has them then.
    func observeEventTypes(_ types: [ObservedEventType]) async throws(StoreError)

    /// Adds what tenants have sent to this collector on a day.
    ///
    /// - Parameters:
    ///   - usage: bytes of requests by the tenant's key; 0 for one that is only asked about.
    ///   - day: days since 1970-01-01.
    /// - Returns: what these tenants have sent to all collectors.
    func exchangeUsage(_ usage: [Int32: Int64], day: Int64) async throws(StoreError) -> TenantUsage

    /// Notes when credentials were last used.
    func noteUses(_ uses: [CredentialUse]) async throws(StoreError)
}

/// An event type that a tenant uses without having registered it.
package struct ObservedEventType: Sendable, Hashable {
    package var tenantID: Int32
    package var name: String

    package init(tenantID: Int32, name: String) {
        self.tenantID = tenantID
        self.name = name
    }
}

/// What tenants have sent on a day.
package struct TenantUsage: Sendable, Equatable {
    /// Bytes of requests, by the tenant's key.
    package var bytesOfDay: [Int32: Int64]
    /// How many collectors share the tenants' quotas.
    package var collectorCount: Int64

    package init(bytesOfDay: [Int32: Int64], collectorCount: Int64) {
        self.bytesOfDay = bytesOfDay
        self.collectorCount = collectorCount
    }
}

/// That a credential was used.
package struct CredentialUse: Sendable, Equatable {
    package var credentialID: Int32
    /// The last time.
    package var at: Timestamp

    package init(credentialID: Int32, at: Timestamp) {
        self.credentialID = credentialID
        self.at = at
    }
}
