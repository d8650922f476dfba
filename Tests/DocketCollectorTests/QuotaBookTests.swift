import DocketModel
import DocketRegistry
import Testing

@testable import DocketCollector

@Suite("What tenants have sent, against their quotas")
struct QuotaBookTests {
    private static let second: Int64 = 1_000_000_000
    private static let day: Int64 = 20_000
    private let noon = Timestamp(microsecondsSinceEpoch: (Self.day * 86_400 + 43_200) * 1_000_000)
    private let book = QuotaBook()

    private func tenant(_ id: Int32 = 1, _ change: (inout TenantQuota) -> Void) -> RegistryContents.Tenant {
        var quota = TenantQuota()
        change(&quota)
        return RegistryContents.Tenant(id: id, slug: "t\(id)", quota: quota)
    }

    private func admit(
        _ tenant: RegistryContents.Tenant, bytes: Int = 1, seconds: Int64 = 0
    ) -> TenantQuota.Limit? {
        self.book.admit(tenant, events: 1, bytes: bytes, at: self.noon, clock: seconds * Self.second)?.limit
    }

    @Test("a breach is told of once an episode, and tenants don't count for each other")
    func breaches() {
        let one = self.tenant { $0.batchesInFlight = 1 }
        let other = self.tenant(2) { $0.batchesInFlight = 1 }
        #expect(self.admit(one) == nil && self.admit(other) == nil)
        for seconds in [0, 1, 59, 100] as [Int64] { #expect(self.admit(one, seconds: seconds) == .batchesInFlight) }
        let breaches = self.book.takeBreaches()
        #expect(breaches.map(\.slug) == ["t1"] && breaches.first?.refusal.limit == .batchesInFlight)
        #expect(self.admit(one, seconds: 160) == .batchesInFlight)
        #expect(self.book.takeBreaches().isEmpty, "it was refused a minute ago")
        #expect(self.admit(one, seconds: 221) == .batchesInFlight)
        #expect(self.book.takeBreaches().count == 1)
        self.book.answered(tenantID: 1)
        #expect(self.admit(one, seconds: 222) == nil)
    }

    @Test("collectors share what counts at a time; what is sent in a day is added up, whoever has taken it")
    func sharing() {
        let tenant = self.tenant {
            $0.batchesInFlight = 4
            $0.bytesPerDay = 1_000
        }
        self.book.learn(bytesOfDay: [:], day: Self.day, collectorCount: 2)
        #expect(self.admit(tenant, bytes: 100) == nil && self.admit(tenant, bytes: 100) == nil)
        #expect(self.admit(tenant) == .batchesInFlight)
        for _ in 0..<2 { self.book.answered(tenantID: 1) }
        #expect(self.book.takeUsage() == [1: 200])
        #expect(self.admit(tenant, bytes: 50) == nil)
        self.book.learn(bytesOfDay: [1: 900], day: Self.day, collectorCount: 1)
        #expect(self.admit(tenant, bytes: 49) == nil, "50 of it are not in what is known elsewhere")
        #expect(self.admit(tenant, bytes: 1) == nil && self.admit(tenant) == .bytesPerDay)
        self.book.learn(bytesOfDay: [1: 0], day: Self.day - 1, collectorCount: 1)
        #expect(self.admit(tenant) == .bytesPerDay, "yesterday's sum is nothing to it")
    }

    @Test("what couldn't be told is told later")
    func restoring() {
        let tenant = self.tenant { $0.bytesPerDay = 1_000 }
        #expect(self.admit(tenant, bytes: 10) == nil)
        let usage = self.book.takeUsage()
        #expect(self.admit(tenant, bytes: 5) == nil)
        self.book.restore(usage)
        #expect(self.book.takeUsage() == [1: 15] && self.book.takeUsage() == [1: 0])
    }
}
