internal import DocketEventTypes
internal import DocketModel
internal import DocketRegistry
internal import DocketStore

/// Tells in a tenant's own log who has read it: with which credential, what was asked for, and how much was found.
///
/// An answer is whole only when that is stored: a query isn't answered before, an export has no summary, and a tail doesn't
/// begin. What breaks off tells what it has sent by then.
struct ReadAudit: Sendable {
    private static let maxFilterBytes = 32 * 1024

    private let mode: ReadAuditMode
    private let ownEvents: OwnEvents

    init(mode: ReadAuditMode, ownEvents: OwnEvents) {
        self.mode = mode
        self.ownEvents = ownEvents
    }

    /// One page of a query.
    func queried(
        _ page: EventPage, filter: EventFilter, of tenants: [RegistryContents.Tenant], by reader: ReadingCaller
    ) async throws(StoreError) {
        guard self.mode == .all else { return }
        let counts = Dictionary(page.events.map { ($0.tenant, Int64(1)) }, uniquingKeysWith: +)
        for tenant in tenants {
            // What is looked for in one tenant's log is not another's to read.
            let told = tenants.count == 1 ? filter : nil
            var writer = Self.attributes(told, eventCount: counts[tenant.slug] ?? 0)
            // How many match in all has been told as well. Nor is how much the others hold for another's readers.
            if tenants.count == 1, let count = page.count {
                writer.key("count")
                writer.integer(count)
            }
            writer.key("tenants")
            writer.integer(tenants.count)
            writer.endObject()
            try await self.write(EventTypeName.logQueried, "query", writer.text, tenant, reader)
        }
    }

    /// What was counted.
    func counted(
        _ statistics: EventStatistics, by grouping: EventGrouping, filter: EventFilter,
        of tenants: [RegistryContents.Tenant], by reader: ReadingCaller
    ) async throws(StoreError) {
        guard self.mode == .all else { return }
        for tenant in tenants {
            // As of a query: neither what is looked for in one log nor how much the others hold is for another's readers.
            var writer = Self.attributes(
                tenants.count == 1 ? filter : nil, eventCount: tenants.count == 1 ? statistics.count : nil)
            writer.key("group_by")
            writer.string(grouping.rawValue)
            writer.key("tenants")
            writer.integer(tenants.count)
            writer.endObject()
            try await self.write(EventTypeName.logQueried, "stats", writer.text, tenant, reader)
        }
    }

    /// What an export has sent, whole or not.
    func exported(
        _ progress: ReadProgress, outcome: Outcome, filter: EventFilter, of tenant: RegistryContents.Tenant,
        by reader: ReadingCaller
    ) async throws(StoreError) {
        guard self.mode != .off else { return }
        var writer = Self.attributes(filter, eventCount: progress.eventCount)
        writer.key("from_log_index")
        writer.integer(progress.from.logIndex)
        writer.key("end_log_index")
        writer.integer(progress.next.logIndex)
        writer.endObject()
        try await self.write(EventTypeName.logExported, "export", writer.text, tenant, reader, outcome: outcome)
    }

    /// That somebody follows the log from now on.
    func tailing(
        from: LogPosition?, filter: EventFilter, of tenant: RegistryContents.Tenant, by reader: ReadingCaller
    ) async throws(StoreError) {
        guard self.mode != .off else { return }
        var writer = Self.attributes(filter, eventCount: nil)
        if let from {
            writer.key("from_log_index")
            writer.integer(from.logIndex)
        }
        writer.endObject()
        try await self.write(EventTypeName.logTailed, "tail", writer.text, tenant, reader)
    }

    /// What somebody has got who followed the log until now.
    func tailed(
        _ progress: ReadProgress, filter: EventFilter, of tenant: RegistryContents.Tenant, by reader: ReadingCaller
    ) async throws(StoreError) {
        guard self.mode != .off else { return }
        var writer = Self.attributes(filter, eventCount: progress.eventCount)
        writer.key("missed")
        writer.integer(progress.missedCount)
        writer.key("from_log_index")
        writer.integer(progress.from.logIndex)
        writer.key("next_log_index")
        writer.integer(progress.next.logIndex)
        writer.endObject()
        try await self.write(EventTypeName.logTailed, "tail.end", writer.text, tenant, reader)
    }

    private static func attributes(_ filter: EventFilter?, eventCount: Int64?) -> JSONWriter {
        var writer = JSONWriter()
        writer.beginObject()
        if let json = filter?.json {
            // An event has room for so much; what is longer is told by its length.
            let isShort = json.utf8.count <= Self.maxFilterBytes
            writer.key(isShort ? "filter" : "filter_bytes")
            if isShort { writer.raw(json) } else { writer.integer(json.utf8.count) }
        }
        if let eventCount {
            writer.key("events")
            writer.integer(eventCount)
        }
        return writer
    }

    private func write(
        _ type: String, _ action: String, _ attributes: String, _ tenant: RegistryContents.Tenant,
        _ reader: ReadingCaller,
        outcome: Outcome = .success
    ) async throws(StoreError) {
        var event = Event(
            eventID: .new(), type: type, occurredAt: .now,
            actor: Actor(kind: "credential", id: String(reader.principal.id)), action: action,
            resource: Resource(type: "log", id: tenant.slug), outcome: outcome, attributes: attributes)
        event.source = "docket"
        try await self.ownEvents.write(event, tenantID: tenant.id, reader.snapshot)
    }
}
