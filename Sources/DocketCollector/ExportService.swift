internal import DocketGRPC
internal import DocketMessages
internal import DocketModel
internal import DocketRPC
internal import DocketRegistry
internal import DocketStore
internal import Synchronization

/// `docket.v1.AuditLogService/Export`: a part of a tenant's log, in the log's order.
///
/// It holds no transaction open and no connection while the client reads: each page is read for itself, from where the one
/// before ended. The log only grows, and an event's place in it never changes, so the pages fit together.
final class ExportService: Sendable {
    /// The most exports that run at once; each keeps two pages in memory.
    static let maxConcurrent = 8

    private let access: ReadAccess
    private let reader: any EventReader
    private let audit: ReadAudit
    private let running = Mutex(0)

    init(access: ReadAccess, reader: any EventReader, audit: ReadAudit) {
        self.access = access
        self.reader = reader
        self.audit = audit
    }

    func export(_ message: [UInt8], caller: Caller, replies: ServerStream) async throws(GRPCStatus) {
        try self.enter()
        defer { self.running.withLock { $0 -= 1 } }
        try await ReadAccess.answering("the export") {
            let request = try ExportRequestMessage(serialized: message)
            let reading = try self.access.reader(caller)
            let tenant = try reading.tenant(named: request.tenant, scope: .export)
            let committed = try await self.reader.logEnd(tenantID: tenant.id)
            let end = min(request.endLogIndex ?? committed, committed)
            var query = LogQuery(tenantID: tenant.id, filter: request.filter, from: request.from, end: end)
            var eventCount: Int64 = 0
            while query.from < LogPosition(logIndex: end, position: 0) {
                // A credential may be revoked, and a tenant suspended, while it goes on.
                _ = try self.access.reader(caller).tenant(named: request.tenant, scope: .export)
                let page = try await self.reader.readLog(query)
                eventCount += Int64(page.events.count)
                try await replies.send(
                    ExportResponseMessage(events: page.events.map { StoredEventMessage($0) }, next: page.next)
                        .serialized())
                query.from = page.next
                query.heapPlace = page.heapPlace
            }
            let next = max(query.from, LogPosition(logIndex: end, position: 0))
            try await self.audit.exported(
                eventCount, from: request.from, end: next.logIndex, filter: request.filter, of: tenant, by: reading)
            try await replies.send(
                ExportResponseMessage(
                    events: [], next: next,
                    summary: .init(eventCount: eventCount, endLogIndex: next.logIndex, tenant: tenant.slug)
                ).serialized())
        }
    }

    private func enter() throws(GRPCStatus) {
        let isFree = self.running.withLock { running in
            guard running < Self.maxConcurrent else { return false }
            running += 1
            return true
        }
        guard isFree else {
            throw PublishRefusal(
                .unavailable, .storeOverloaded,
                "\(Self.maxConcurrent) exports are running already, which is the limit; try again later",
                retryAfterMilliseconds: 5_000
            ).status
        }
    }
}
