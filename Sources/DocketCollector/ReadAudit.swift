internal import DocketEventTypes
internal import DocketModel
internal import DocketRegistry
internal import DocketStore

/// Tells in a tenant's own log who has read it: with which credential, what was asked for, and how much was found.
///
/// An answer is whole only when that is stored: a query isn't answered before, and an export has no summary.
struct ReadAudit: Sendable {
    private let mode: ReadAuditMode
    private let ownEvents: OwnEvents

    init(mode: ReadAuditMode, ownEvents: OwnEvents) {
        self.mode = mode
        self.ownEvents = ownEvents
    }

    /// One page of a query.
    func queried(
        _ page: EventPage, filter: EventFilter, of tenants: [RegistryContents.Tenant], by reader: LogReader
    ) async throws(StoreError) {
        guard self.mode == .all else { return }
        let counts = Dictionary(page.events.map { ($0.tenant, Int64(1)) }, uniquingKeysWith: +)
        for tenant in tenants {
            // What is looked for in one tenant's log is not another's to read.
            let told = tenants.count == 1 ? filter : nil
            var writer = Self.attributes(told, eventCount: counts[tenant.slug] ?? 0)
            writer.key("tenants")
            writer.integer(tenants.count)
            writer.endObject()
            try await self.write(EventTypeName.logQueried, "query", writer.text, tenant, reader)
        }
    }

    /// A whole export.
    func exported(
        _ eventCount: Int64, from: LogPosition, end: Int64, filter: EventFilter, of tenant: RegistryContents.Tenant,
        by reader: LogReader
    ) async throws(StoreError) {
        guard self.mode != .off else { return }
        var writer = Self.attributes(filter, eventCount: eventCount)
        writer.key("from_log_index")
        writer.integer(from.logIndex)
        writer.key("end_log_index")
        writer.integer(end)
        writer.endObject()
        try await self.write(EventTypeName.logExported, "export", writer.text, tenant, reader)
    }

    private static func attributes(_ filter: EventFilter?, eventCount: Int64) -> JSONWriter {
        var writer = JSONWriter()
        writer.beginObject()
        if let filter {
            writer.key("filter")
            writer.filter(filter)
        }
        writer.key("events")
        writer.integer(eventCount)
        return writer
    }

    private func write(
        _ type: String, _ action: String, _ attributes: String, _ tenant: RegistryContents.Tenant, _ reader: LogReader
    ) async throws(StoreError) {
        var event = Event(
            eventID: .new(), type: type, occurredAt: .now,
            actor: Actor(kind: "credential", id: String(reader.principal.id)), action: action,
            resource: Resource(type: "log", id: tenant.slug), outcome: .success, attributes: attributes)
        event.source = "docket"
        try await self.ownEvents.write(event, tenantID: tenant.id, reader.snapshot)
    }
}
