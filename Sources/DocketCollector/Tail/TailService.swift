internal import DocketGRPC
internal import DocketMessages
internal import DocketModel
internal import DocketRPC
internal import DocketRegistry
internal import DocketStore

/// `docket.v1.AuditLogService/Tail`: a tenant's log as it grows.
///
/// What was committed before the call is read page by page, as an export is; from then on the hub hands over what is new.
final class TailService: Sendable {
    private let access: ReadAccess
    private let reader: any EventReader
    private let hub: TailHub
    private let audit: ReadAudit
    private let heldBytes: @Sendable () -> Int
    private let metrics = TailMetrics()
    private let slots = StreamSlots(
        "tails", maxCount: 64, maxCountOfTenant: 16)

    /// - Parameter heldBytes: What the commit queue holds now.
    init(
        access: ReadAccess, reader: any EventReader, hub: TailHub, audit: ReadAudit,
        heldBytes: @escaping @Sendable () -> Int
    ) {
        self.access = access
        self.reader = reader
        self.hub = hub
        self.audit = audit
        self.heldBytes = heldBytes
    }

    func tail(_ message: [UInt8], caller: Caller, replies: ServerStream) async throws(GRPCStatus) {
        try await ReadAccess.answering("the tail") {
            let request = try TailRequestMessage(serialized: message)
            let reading = try self.access.reader(caller)
            let tenant = try reading.tenant(named: request.tenant, scope: .export)
            try self.slots.enter(tenant.id)
            defer { self.slots.leave(tenant.id) }
            self.metrics.began()
            defer { self.metrics.ended() }
            let follower = Follower(caller: caller, request: request, tenant: tenant, replies: replies)
            try await self.audit.tailing(from: request.from, filter: request.filter, of: tenant, by: reading)
            var progress: ReadProgress?
            do {
                try await self.send(to: follower, &progress)
            } catch {
                // Who has got a part has read it, however the call has ended.
                if let progress {
                    try await self.audit.tailed(progress, filter: request.filter, of: tenant, by: reading)
                }
                throw error
            }
        }
    }

    private struct Follower {
        let caller: Caller
        let request: TailRequestMessage
        let tenant: RegistryContents.Tenant
        let replies: ServerStream
    }

    /// Never returns but by an error: a tail has no end of its own.
    private func send(to follower: Follower, _ progress: inout ReadProgress?) async throws -> Never {
        if let from = follower.request.from {
            progress = ReadProgress(from: from)
            try await self.catchUp(follower, &progress)
        }
        let subscription = try await self.hub.subscribe(follower.tenant, follower.request.filter)
        defer { self.hub.unsubscribe(subscription, tenantID: follower.tenant.id) }
        follower.replies.onEnd { subscription.end() }
        progress = progress ?? ReadProgress(from: subscription.start)
        // What has been committed while the pages before were read.
        try await self.sendPages(end: subscription.start, to: follower, &progress)
        // The hub may be behind what has been read, and the client may have named a place that is still to come.
        let first = progress?.next ?? subscription.start
        while var part = await subscription.next() {
            if part.next < first { part.next = first }
            part.events.removeAll { $0.place < first }
            try await self.send(part, to: follower, &progress)
        }
        throw follower.replies.end ?? PublishRefusal.draining.status
    }

    /// Sends what is in the log already, until so little comes into it meanwhile that a queue can hold it.
    private func catchUp(_ follower: Follower, _ progress: inout ReadProgress?) async throws {
        var began: ContinuousClock.Instant
        repeat {
            began = .now
            let end = try await self.reader.logEnd(tenantID: follower.tenant.id)
            try await self.sendPages(end: LogPosition(logIndex: end, position: 0), to: follower, &progress)
        } while began.duration(to: .now) > .seconds(1)
    }

    /// Sends what is in the log before a place, from where the stream stands.
    private func sendPages(
        end: LogPosition, to follower: Follower, _ progress: inout ReadProgress?
    ) async throws {
        guard let from = progress?.next, from < end else { return }
        var query = LogQuery(
            tenantID: follower.tenant.id, filter: follower.request.filter, from: from,
            end: end.position > 0 ? end.logIndex + 1 : end.logIndex)
        while query.from < end {
            let began = ContinuousClock.now
            var page = try await self.reader.readLog(query)
            page.next = min(page.next, end)
            let events = page.events.map { StoredEventMessage($0) }.filter { $0.place < end }
            let taken = ContinuousClock.now - began
            try await self.send(TailResponseMessage(events: events, next: page.next), to: follower, &progress)
            query.from = page.next
            query.heapPlace = page.heapPlace
            let rest = ExportPace.rest(after: taken, heldBytes: self.heldBytes())
            if rest > .zero { try await Task.sleep(for: rest) }
        }
    }

    private func send(
        _ part: TailResponseMessage, to follower: Follower, _ progress: inout ReadProgress?
    ) async throws {
        // A credential may be revoked, and a tenant suspended, while it goes on.
        _ = try self.access.reader(follower.caller).tenant(named: follower.tenant.slug, scope: .export)
        try await follower.replies.send(part.serialized())
        progress?.sent(part.events.count, missed: part.missedCount, next: part.next)
        self.metrics.sent(part)
    }
}

extension StoredEventMessage {
    /// Where it is in its tenant's log.
    fileprivate var place: LogPosition {
        LogPosition(logIndex: self.logIndex ?? 0, position: Int32(clamping: self.position))
    }
}
