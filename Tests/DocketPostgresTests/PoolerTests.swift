import DevCluster
import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

@Suite(
    "Behind PgBouncer in transaction mode",
    .enabled(if: PgBouncer.isPossible, "pgbouncer is not installed: scripts/bootstrap test"))
struct PoolerTests {
    private func store(_ settings: ConnectionSettings, writers: Int = 4) async throws -> PostgresStore {
        var configuration = PostgresStore.Configuration()
        configuration.writers = writers
        configuration.maxGroupBatches = 10
        configuration.unavailableAfter = .seconds(120)
        return try await PostgresStore.start(settings: settings, configuration: configuration, logger: .quiet)
    }

    @Test("more writers and readers than server connections store, isolate poison, answer replays, and read")
    func storeAndRead() async throws {
        let database = try await TestDatabase.migrated()
        let pooler = try await PgBouncer(database.cluster, poolSize: 2)
        let types = try await database.administration().ensureEventTypes(["test.event"], tenant: nil)
        let maker = BatchMaker(typeID: try #require(types["test.event"]))
        let store = try await self.store(pooler.settings(Roles.writer, database))
        let batches = try (1...200).map { try maker.batch($0, [maker.event(UInt64($0))]) }
        let poisoned = try maker.poisoned(1000, events: 5, at: [1, 3])
        let rejected = try maker.batch(1001, [maker.event(1, type: "unknown"), maker.event(2)])
        let answers = await store.submitAll(batches + [poisoned, rejected]).all()
        #expect(answers.allSatisfy { $0.committed != nil }, "\(answers.first { $0.committed == nil } as Any)")
        let again = await store.submitAll(batches.map { $0.numbered($0.batchID + 5000) }).all()
        #expect(again.allSatisfy { $0.replayed != nil })
        #expect(try database.number("SELECT count(*) FROM docket.events") == 204)
        #expect(try database.number("SELECT count(*) FROM docket.quarantine") == 3)
        #expect(
            try database.number(
                """
                SELECT count(*) FROM pg_stat_activity
                WHERE usename = 'docket_writer' AND datname = current_database()
                """) <= 2, "the pool's size")

        let reader = try PostgresReader(settings: pooler.settings(Roles.reader, database), connections: 4)
        // Queries of two tenants at once: a tenant's setting must not be there for the next user of the connection.
        let counts = try await withThrowingTaskGroup(of: (Int32, Int).self) { group in
            for round in 0..<40 {
                let tenant = Int32(round % 2 + 1)
                group.addTask {
                    let query = EventQuery(tenantIDs: [tenant], order: .oldestFirst, limit: 500)
                    return (tenant, try await reader.query(query).events.count)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for (tenant, count) in counts { #expect(count == (tenant == 1 ? 204 : 0)) }
        await store.drain()
    }

    @Test("sessions that end and a server that restarts behind it lose nothing and double nothing")
    func restart() async throws {
        let database = try TestDatabase.empty(on: "pooled")
        _ = try await Migrator(settings: database.settings(DevCluster.superuser)).migrate()
        let pooler = try await PgBouncer(database.cluster)
        let store = try await self.store(pooler.settings(Roles.writer, database))
        let maker = BatchMaker()
        let batches = try (1...1500).map { try maker.batch($0, [maker.event(UInt64($0))]) }
        var restarts = 0
        let answers = try await store.submitAll(batches).all { count in
            guard count > (restarts + 1) * 300, restarts < 3 else { return }
            restarts += 1
            if restarts == 2 {
                try database.connect().execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'docket_writer'")
            } else {
                try database.cluster.stop(.immediate)
                try database.cluster.start()
            }
        }
        #expect(restarts == 3)
        #expect(answers.allSatisfy { $0.committed != nil }, "\(answers.first { $0.committed == nil } as Any)")
        #expect(try database.number("SELECT count(*) FROM docket.events") == 1500)
        #expect(try database.number("SELECT count(DISTINCT event_id) FROM docket.events") == 1500)
        await store.drain()
    }
}
