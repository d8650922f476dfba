package import DocketModel
package import DocketRegistry
internal import Synchronization

/// What tenants have sent of late to this collector, against their quotas. Asked once a batch, and only about tenants that have one.
package final class QuotaBook: Sendable {
    /// That a tenant has begun to be refused.
    package struct Breach: Sendable, Equatable {
        package let tenantID: Int32
        package let slug: String
        package let refusal: QuotaMeter.Refusal
        package let at: Timestamp
    }

    private struct Account {
        var meter = QuotaMeter()
        /// Bytes that other collectors don't know of yet.
        var unreportedBytes: Int64 = 0
        /// When it was last refused, on the meter's clock.
        var refusedAt: Int64?
    }

    private struct State {
        var accounts: [Int32: Account] = [:]
        /// How many collectors share the quotas.
        var collectorCount: Int64 = 1
        var breaches: [Breach] = []
    }

    /// How long a tenant has to keep within its quota for the next refusal to be another breach, in nanoseconds.
    private static let episodeNanoseconds: Int64 = 60_000_000_000
    /// How many breaches wait to be told of at most; tenants are counted, so this is far away.
    private static let maxBreaches = 10_000

    private let start = ContinuousClock.now
    private let state = Mutex(State())

    package init() {}

    /// Takes a batch, unless a limit is reached. Who gets no refusal says ``answered(tenantID:)`` once.
    package func admit(
        _ tenant: RegistryContents.Tenant, events: Int, bytes: Int, at time: Timestamp
    ) -> QuotaMeter.Refusal? {
        self.admit(tenant, events: events, bytes: bytes, at: time, clock: self.nanoseconds)
    }

    func admit(
        _ tenant: RegistryContents.Tenant, events: Int, bytes: Int, at time: Timestamp, clock now: Int64
    ) -> QuotaMeter.Refusal? {
        self.state.withLock { state in
            let quota = tenant.quota.share(ofCollectors: state.collectorCount)
            let refusal = state.accounts[tenant.id, default: Account()].meter.admit(
                events: Int64(events), bytes: Int64(bytes), quota: quota, now: now,
                sinceEpoch: time.microsecondsSinceEpoch * 1_000)
            guard let refusal else {
                state.accounts[tenant.id, default: Account()].unreportedBytes += Int64(bytes)
                return nil
            }
            let before = state.accounts[tenant.id]?.refusedAt
            state.accounts[tenant.id]?.refusedAt = now
            if before.map({ now - $0 > Self.episodeNanoseconds }) ?? true, state.breaches.count < Self.maxBreaches {
                state.breaches.append(Breach(tenantID: tenant.id, slug: tenant.slug, refusal: refusal, at: time))
            }
            return refusal
        }
    }

    /// A batch that was taken is answered.
    package func answered(tenantID: Int32) {
        self.state.withLock { $0.accounts[tenantID]?.meter.answered() }
    }

    /// The breaches that have begun since this was last asked.
    package func takeBreaches() -> [Breach] {
        self.state.withLock { state in
            defer { state.breaches = [] }
            return state.breaches
        }
    }

    /// What each tenant has sent that nobody has been told of; a tenant that has sent nothing is among them, so that it is heard
    /// what it has sent to others.
    package func takeUsage() -> [Int32: Int64] {
        self.state.withLock { state in
            let usage = state.accounts.mapValues(\.unreportedBytes)
            for id in usage.keys { state.accounts[id]?.unreportedBytes = 0 }
            return usage
        }
    }

    /// Takes usage back that couldn't be told.
    package func restore(_ usage: [Int32: Int64]) {
        self.state.withLock { state in
            for (id, bytes) in usage { state.accounts[id]?.unreportedBytes += bytes }
        }
    }

    /// Takes note of what the store knows.
    ///
    /// - Parameters:
    ///   - bytesOfDay: what tenants have sent to all collectors on that day.
    ///   - collectorCount: how many collectors there are; at least this one.
    package func learn(bytesOfDay: [Int32: Int64], day: Int64, collectorCount: Int64) {
        self.state.withLock { state in
            state.collectorCount = max(1, collectorCount)
            for (id, bytes) in bytesOfDay {
                let unreported = state.accounts[id]?.unreportedBytes ?? 0
                state.accounts[id, default: Account()].meter.learn(bytesOfDay: bytes + unreported, day: day)
            }
        }
    }

    private var nanoseconds: Int64 {
        let (seconds, attoseconds) = self.start.duration(to: .now).components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
