internal import DocketCodec
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
        var sequence: Int64 = 0
    }

    private static let interval = Duration.seconds(1)
    private static let secondsPerDay: Int64 = 86_400

    private let book: QuotaBook
    private let source: any RegistrySource
    private let store: any EventStore
    private let batchIDs: BatchIDSource
    private let producerID: ProducerID
    private let logger: Logger
    private let state = Mutex(State())

    package init(
        book: QuotaBook, source: any RegistrySource, store: any EventStore, batchIDs: BatchIDSource, logger: Logger
    ) {
        var generator = SystemRandomNumberGenerator()
        self.book = book
        self.source = source
        self.store = store
        self.batchIDs = batchIDs
        self.producerID = .random(using: &generator)
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
        guard let typeID = snapshot.reservedTypes[EventTypeName.quotaBreached],
            let batchID = self.batchIDs.next(now: .now)
        else {
            return
        }
        let sequence = self.state.withLock { state in
            state.sequence += 1
            return state.sequence
        }
        var event = Event(
            eventID: .new(), type: EventTypeName.quotaBreached, occurredAt: breach.at, actor: .docket,
            action: "refuse", resource: Resource(type: "quota", id: breach.refusal.limit.rawValue), outcome: .success,
            attributes: #"{"limit": \#(breach.refusal.value)}"#)
        event.reason = "batches are refused until the tenant is within its quota"
        event.source = "docket"
        do throws(CodecError) {
            let batch = try EncodedBatch.own(
                event, key: BatchKey(tenantID: breach.tenantID, producerID: self.producerID, sequence: sequence),
                batchID: batchID, typeID: typeID)
            let logger = self.logger
            self.store.submit(batch, by: nil) { result in
                guard case .failure(let error) = result else { return }
                logger.error(
                    "a breach of a quota can't be written to the tenant's log", metadata: ["error": "\(error)"])
            }
        } catch {
            self.logger.error("an event of Docket's own can't be encoded", metadata: ["error": "\(error)"])
        }
    }
}
