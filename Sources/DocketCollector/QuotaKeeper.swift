internal import DocketEventTypes
internal import DocketModel
internal import DocketRegistry
package import DocketStore
package import Logging
internal import Synchronization

/// Keeps a ``QuotaBook`` in step with the other collectors', and tells tenants' logs of breaches.
package final class QuotaKeeper: Sendable {
    private struct State {
        var exchangedAt: ContinuousClock.Instant?
    }

    private static let interval = Duration.seconds(1)
    private static let secondsPerDay: Int64 = 86_400

    private let book: QuotaBook
    private let source: any RegistrySource
    private let ownEvents: OwnEvents
    private let logger: Logger
    private let state = Mutex(State())

    package init(
        book: QuotaBook, source: any RegistrySource, ownEvents: OwnEvents, logger: Logger
    ) {
        self.book = book
        self.source = source
        self.ownEvents = ownEvents
        self.logger = logger
    }

    /// Does what is due.
    func look(_ snapshot: RegistrySnapshot) async {
        guard snapshot.hasQuotas else { return }
        for breach in self.book.takeBreaches() { self.tell(of: breach, snapshot) }
        let isDue = self.state.withLock { state in
            let now = ContinuousClock.now
            if let last = state.exchangedAt, last.duration(to: now) < Self.interval { return false }
            state.exchangedAt = now
            return true
        }
        if isDue { await self.exchange() }
    }

    /// Says what hasn't been said, for the last time.
    func end(_ snapshot: RegistrySnapshot) async {
        if snapshot.hasQuotas { await self.exchange() }
    }

    private func exchange() async {
        let day = Timestamp.now.microsecondsSinceEpoch / 1_000_000 / Self.secondsPerDay
        let usage = self.book.takeUsage()
        do throws(StoreError) {
            let known = try await self.source.exchangeUsage(usage, day: day)
            self.book.learn(bytesOfDay: known.bytesOfDay, day: day, collectorCount: known.collectorCount)
        } catch {
            self.book.restore(usage)
            self.logger.debug("what tenants have sent can't be noted", metadata: ["error": "\(error)"])
        }
    }

    private func tell(of breach: QuotaBook.Breach, _ snapshot: RegistrySnapshot) {
        self.logger.warning(
            "a tenant has reached its quota",
            metadata: ["tenant": "\(breach.slug)", "limit": "\(breach.refusal.limit.rawValue)"])
        var event = Event(
            eventID: .new(), type: EventTypeName.quotaBreached, occurredAt: breach.at, actor: .docket,
            action: "refuse", resource: Resource(type: "quota", id: breach.refusal.limit.rawValue), outcome: .success,
            attributes: #"{"limit": \#(breach.refusal.value)}"#)
        event.reason = "batches are refused until the tenant is within its quota"
        event.source = "docket"
        let logger = self.logger
        self.ownEvents.submit(event, tenantID: breach.tenantID, snapshot) { result in
            guard case .failure(let error) = result else { return }
            logger.error("a breach of a quota can't be written to the tenant's log", metadata: ["error": "\(error)"])
        }
    }
}
