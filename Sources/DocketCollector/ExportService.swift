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
    /// And of one tenant, so that one alone can't keep the others from theirs.
    static let maxConcurrentOfTenant = 2

    private let access: ReadAccess
    private let reader: any EventReader
    private let audit: ReadAudit
    private let heldBytes: @Sendable () -> Int
    private let running = Mutex<[Int32: Int]>([:])

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
            try self.enter(tenant.id)
            defer { self.leave(tenant.id) }
            let committed = try await self.reader.logEnd(tenantID: tenant.id)
            let end = min(request.endLogIndex ?? committed, committed)
            var progress = ExportProgress(from: request.from)
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
        _ replies: ServerStream, _ progress: inout ExportProgress
    ) async throws {
        var query = LogQuery(tenantID: tenant.id, filter: request.filter, from: request.from, end: end)
        while query.from < LogPosition(logIndex: end, position: 0) {
            // A credential may be revoked, and a tenant suspended, while it goes on.
            _ = try self.access.reader(caller).tenant(named: request.tenant, scope: .export)
            let began = ContinuousClock.now
            let page = try await self.reader.readLog(query)
            let part = ExportResponseMessage(
                events: page.events.map { StoredEventMessage($0) }, next: page.next
            ).serialized()
            let taken = ContinuousClock.now - began
            try await replies.send(part)
            progress.sent(page)
            query.from = page.next
            query.heapPlace = page.heapPlace
            let rest = ExportPace.rest(after: taken, heldBytes: self.heldBytes())
            if rest > .zero { try await Task.sleep(for: rest) }
        }
    }

    private func enter(_ tenantID: Int32) throws(PublishRefusal) {
        let refusal = self.running.withLock { running -> String? in
            let own = running[tenantID] ?? 0
            guard own < Self.maxConcurrentOfTenant else {
                return "\(own) exports of the tenant are running already, which is the limit; try again later"
            }
            guard running.values.reduce(0, +) < Self.maxConcurrent else {
                return "\(Self.maxConcurrent) exports are running already, which is the limit; try again later"
            }
            running[tenantID] = own + 1
            return nil
        }
        if let refusal {
            throw PublishRefusal(.unavailable, .storeOverloaded, refusal, retryAfterMilliseconds: 5_000)
        }
    }

    private func leave(_ tenantID: Int32) {
        self.running.withLock { running in
            let left = (running[tenantID] ?? 0) - 1
            running[tenantID] = left > 0 ? left : nil
        }
    }
}

/// How far an export has come.
struct ExportProgress: Sendable {
    let from: LogPosition
    var next: LogPosition
    private(set) var eventCount: Int64 = 0
    private(set) var hasSent = false

    init(from: LogPosition) {
        self.from = from
        self.next = from
    }

    mutating func sent(_ page: LogPage) {
        self.next = page.next
        self.eventCount += Int64(page.events.count)
        self.hasSent = true
    }
}
