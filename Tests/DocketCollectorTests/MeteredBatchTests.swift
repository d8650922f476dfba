import DocketModel
import DocketRegistry
import Testing

@testable import DocketCollector

@Suite("A batch that counts against its tenant's quota")
struct MeteredBatchTests {
    private let tenant: RegistryContents.Tenant
    private let book = QuotaBook()

    init() {
        var quota = TenantQuota()
        quota.batchesInFlight = 1
        self.tenant = RegistryContents.Tenant(id: 7, slug: "acme", quota: quota)
    }

    private var isRoom: Bool { self.book.admit(self.tenant, events: 1, bytes: 1, at: .now) == nil }

    private func taken() throws -> MeteredBatch {
        try #require(self.isRoom)
        return MeteredBatch(self.book, tenantID: 7)
    }

    @Test("makes room when it is answered, once")
    func answered() throws {
        let batch = try self.taken()
        #expect(!self.isRoom)
        batch.end()
        let next = try self.taken()
        batch.end()
        #expect(!self.isRoom, "the next one is still under way")
        next.end()
        #expect(self.isRoom)
    }

    @Test("makes room when whoever waits with it goes away, as a call does that is cancelled meanwhile")
    func forgotten() throws {
        var waiting: [MeteredBatch] = [try self.taken()]
        #expect(!self.isRoom)
        waiting.removeAll()
        #expect(self.isRoom)
    }
}
