import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Synchronization
import Testing

@testable import DocketPostgres

@Suite("Retention")
struct RetentionTests {
    /// Batches of two tenants in a segment that is sealed, received so many days ago.
    private func sealed(
        _ database: TestDatabase, daysAgo: [(tenant: Int32, days: Int64)], events: Int = 3
    ) async throws -> (leader: PostgresConnection, retention: Retention) {
        let store = try await database.store()
        for (index, batch) in daysAgo.enumerated() {
            let maker = BatchMaker(tenantID: batch.tenant)
            let time = Timestamp(
                microsecondsSinceEpoch: Timestamp.now.microsecondsSinceEpoch - batch.days * 86_400_000_000)
            let id = try #require(BatchID.make(at: time, node: 3, counter: Int64(index)))
            let events = (0..<events).map { maker.event(UInt64(index * 100 + $0)) }
            #expect(await store.store(try maker.batch(Int64(index), events, id: id)).committed != nil)
        }
        await store.drain()
        let leader = try database.leader()
        var appender = Appender()
        try appender.takeOver(leader)
        try database.rotate(leader)
        try database.finishSegments(leader)
        let counter = Mutex<Int64>(0)
        let retention = Retention(
            log: SystemLog {
                BatchID.make(
                    at: .now, node: 4,
                    counter: counter.withLock {
                        $0 += 1; return $0
                    })
            })
        return (leader, retention)
    }

    private func twoTenants() async throws -> (TestDatabase, Int32) {
        let database = try await TestDatabase.migrated()
        return (database, try await (try database.administration()).ensureTenant("other"))
    }

    @Test("a segment in which everything has expired leaves whole, and each tenant's log says so")
    func whole() async throws {
        let (database, other) = try await self.twoTenants()
        let (leader, retention) = try await self.sealed(database, daysAgo: [(1, 40), (other, 31), (1, 35)])
        #expect(try retention.step(leader) == nil, "without a retention everything stays")
        try leader.execute("UPDATE docket.store_policy SET retention_days = 32")
        #expect(try Retention.expired(leader).map(\.isWhole) == [false])
        try leader.execute("UPDATE docket.store_policy SET retention_days = 30")
        #expect(try retention.step(leader) == 9)
        try database.finishSegments(leader)
        #expect(try database.number("SELECT count(*) FROM pg_class WHERE relname = 'events_000001'") == 0)
        #expect(try database.number("SELECT count(*) FROM docket.segments WHERE state = 'dropped'") == 1)
        #expect(
            try database.number("SELECT count(*) FROM docket.log_entries") == 3, "log entries stay, with their roots")
        let rows = try leader.query(
            """
            SELECT tenant, type, attributes->>'events', actor_id FROM docket.audit_log ORDER BY tenant
            """)
        #expect(rows.count == 2)
        for (row, expected) in [("default", "6"), ("other", "3")].enumerated() {
            #expect(try rows.text(row, 0) == expected.0)
            #expect(try rows.text(row, 1) == "docket.retention.removed")
            #expect(try rows.text(row, 2) == expected.1)
            #expect(try rows.text(row, 3) == "docket")
        }
        #expect(try retention.step(leader) == nil)
    }

    @Test(
        "where others' rows have to stay, the expired tenant's batches are deleted, whole, and the segment is settled again"
    )
    func shared() async throws {
        let (database, other) = try await self.twoTenants()
        let (leader, retention) = try await self.sealed(database, daysAgo: [(1, 20), (other, 20), (1, 15), (other, 1)])
        try leader.execute("UPDATE docket.tenants SET retention_days = 10 WHERE tenant_id = 1")
        #expect(try retention.step(leader) == 6)
        #expect(try retention.step(leader) == nil)
        #expect(try database.number("SELECT count(*) FROM docket.events WHERE segment_id = 1 AND tenant_id = 1") == 0)
        #expect(try database.number("SELECT count(*) FROM docket.events WHERE segment_id = 1") == 6)
        #expect(try database.number("SELECT row_count FROM docket.segments WHERE segment_id = 1") == 6)
        #expect(try database.number("SELECT count(*) FROM docket.log_entries WHERE removed_at IS NOT NULL") == 2)
        #expect(
            try database.number(
                "SELECT count(*) FROM docket.log_entries WHERE tenant_id = \(other) AND removed_at IS NULL") == 2)
        #expect(
            try database.number("SELECT count(*) FROM docket.segments WHERE segment_id = 1 AND frozen_at IS NULL") == 1)
        try database.finishSegments(leader)
        #expect(try database.areAllSealed())
    }

    @Test("a tenant under legal hold keeps everything, and so does a segment that it shares")
    func legalHold() async throws {
        let (database, other) = try await self.twoTenants()
        let (leader, retention) = try await self.sealed(database, daysAgo: [(1, 40), (other, 40)])
        try leader.execute(
            "UPDATE docket.store_policy SET retention_days = 30; UPDATE docket.tenants SET legal_hold = true WHERE tenant_id = 1"
        )
        #expect(try retention.step(leader) == 3)
        #expect(try retention.step(leader) == nil)
        #expect(try database.number("SELECT count(*) FROM docket.events WHERE segment_id = 1 AND tenant_id = 1") == 3)
        try leader.execute("UPDATE docket.tenants SET legal_hold = false")
        #expect(try retention.step(leader) == 3)
        #expect(try database.number("SELECT count(*) FROM docket.segments WHERE state = 'retiring'") == 1)
    }

    @Test("a tenant's own retention wins over the policy's, longer or shorter")
    func ownRetention() async throws {
        let (database, other) = try await self.twoTenants()
        let (leader, _) = try await self.sealed(database, daysAgo: [(1, 40), (other, 40)])
        try leader.execute(
            """
            UPDATE docket.store_policy SET retention_days = 50;
            UPDATE docket.tenants SET retention_days = 30 WHERE tenant_id = 1
            """)
        #expect(try Retention.expired(leader).map(\.tenants) == [[1]])
        try leader.execute(
            """
            UPDATE docket.store_policy SET retention_days = 30;
            UPDATE docket.tenants SET retention_days = 50 WHERE tenant_id = 1
            """)
        #expect(try Retention.expired(leader).map(\.tenants) == [[other]])
    }

    @Test("a large tenant is removed in steps of whole batches")
    func steps() async throws {
        let (database, other) = try await self.twoTenants()
        var days: [(tenant: Int32, days: Int64)] = (0..<13).map { (1, Int64(40 - $0)) }
        days.append((other, 1))
        let (leader, retention) = try await self.sealed(database, daysAgo: days, events: 9000)
        try leader.execute("UPDATE docket.store_policy SET retention_days = 20")
        var removed: [Int64] = []
        while let count = try retention.step(leader) { removed.append(count) }
        #expect(removed.reduce(0, +) == 13 * 9000)
        #expect(
            removed.count == 3 && removed.allSatisfy { $0 <= Int64(Retention.stepRows) && $0 % 9000 == 0 }, "\(removed)"
        )
        #expect(try database.number("SELECT count(*) FROM docket.log_entries WHERE removed_at IS NOT NULL") == 13)
        #expect(try database.number("SELECT count(*) FROM docket.segment_tenants") == 1)
    }
}
