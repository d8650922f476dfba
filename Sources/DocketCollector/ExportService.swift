internal import DocketGRPC
internal import DocketMessages
internal import DocketModel
internal import DocketRPC
internal import DocketRegistry
internal import DocketStore

/// `docket.v1.AuditLogService/Export`: a part of a tenant's log, in the log's order.
///
/// It holds no transaction open and no connection while the client reads: each page is read for itself, from where the one
/// before ended. The log only grows, and an event's place in it never changes, so the pages fit together.
final class ExportService: Sendable {
    private let access: ReadAccess
    private let reader: any EventReader
    private let audit: ReadAudit
    private let heldBytes: @Sendable () -> Int
    /// Each keeps two pages in memory.
    private let slots = StreamSlots("exports", maxCount: 8, maxCountOfTenant: 2)

    /// - Parameter heldBytes: What the commit queue holds now.
    init(
        access: ReadAccess, reader: any EventReader, audit: ReadAudit, heldBytes: @escaping @Sendable () -> Int
    ) {
        self.access = access
        self.reader = reader
        self.audit = audit
        self.heldBytes = heldBytes
    }

    func export(_ message: [UInt8], caller: Caller, replies: ServerStream) async throws(GRPCStatus) {
        try await ReadAccess.answering("the export") {
            let request = try ExportRequestMessage(serialized: message)
            let reading = try self.access.reader(caller)
            let tenant = try reading.tenant(named: request.tenant, scope: .export)
            try self.slots.enter(tenant.id)
            defer { self.slots.leave(tenant.id) }
            let committed = try await self.reader.logEnd(tenantID: tenant.id)
            let end = min(request.endLogIndex ?? committed, committed)
            var progress = ReadProgress(from: request.from)
            do {
                try await self.sendPages(of: tenant, request, end: end, caller, replies, &progress)
            } catch {
                // Who has got a part has read it, whatever became of the rest.
                if progress.hasSent {
                    try await self.audit.exported(
                        progress, outcome: .failure, filter: request.filter, of: tenant, by: reading)
                }
                throw error
            }
            progress.next = max(progress.next, LogPosition(logIndex: end, position: 0))
            try await self.audit.exported(progress, outcome: .success, filter: request.filter, of: tenant, by: reading)
            try await replies.send(
                ExportResponseMessage(
                    events: [], next: progress.next,
                    summary: .init(
                        eventCount: progress.eventCount, endLogIndex: progress.next.logIndex, tenant: tenant.slug)
                ).serialized())
        }
    }

    private func sendPages(
        of tenant: RegistryContents.Tenant, _ request: ExportRequestMessage, end: Int64, _ caller: Caller,
        _ replies: ServerStream, _ progress: inout ReadProgress
    ) async throws {
        var query = LogQuery(tenantID: tenant.id, filter: request.filter, from: request.from, end: end)
        while query.from < LogPosition(logIndex: end, position: 0) {
            // A credential may be revoked, and a tenant suspended, while it goes on.
            _ = try self.access.reader(caller).tenant(named: tenant.slug, scope: .export)
            let began = ContinuousClock.now
            let page = try await self.reader.readLog(query)
            let part = ExportResponseMessage(
                events: page.events.map { StoredEventMessage($0) }, next: page.next
            ).serialized()
            let taken = ContinuousClock.now - began
            try await replies.send(part)
            progress.sent(page.events.count, next: page.next)
            query.from = page.next
            query.heapPlace = page.heapPlace
            let rest = ExportPace.rest(after: taken, heldBytes: self.heldBytes())
            if rest > .zero { try await Task.sleep(for: rest) }
        }
    }
}

/// How far the reading of a log as a stream has come.
struct ReadProgress: Sendable {
    let from: LogPosition
    var next: LogPosition
    private(set) var eventCount: Int64 = 0
    /// How many events that match were left out.
    private(set) var missedCount: Int64 = 0
    private(set) var hasSent = false

    init(from: LogPosition) {
        self.from = from
        self.next = from
    }

    mutating func sent(_ eventCount: Int, missed: Int64 = 0, next: LogPosition) {
        self.next = next
        self.eventCount += Int64(eventCount)
        self.missedCount += missed
        self.hasSent = true
    }
}
