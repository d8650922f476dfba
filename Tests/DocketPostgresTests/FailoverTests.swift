import DevCluster
import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Foundation
import Testing

@testable import DocketPostgres

@Suite("A failover")
struct FailoverTests {
    private let maker = BatchMaker()

    private func database(_ cluster: String) async throws -> TestDatabase {
        let database = try TestDatabase.empty(on: cluster)
        _ = try await Migrator(settings: database.settings(DevCluster.superuser)).migrate()
        return database
    }

    private func batches(_ sequences: ClosedRange<Int64>) throws -> [EncodedBatch] {
        try sequences.map {
            try self.maker.batch($0, [self.maker.event(UInt64($0)), self.maker.event(UInt64($0) << 20)])
        }
    }

    private func expectOnce(
        _ count: Int64, in database: TestDatabase, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for (sql, expected) in [
            ("SELECT count(*) FROM docket.batches", count), ("SELECT count(*) FROM docket.events", 2 * count),
            ("SELECT count(DISTINCT event_id) FROM docket.events", 2 * count),
            ("SELECT count(*) FROM docket.quarantine", 0),
        ] {
            let found = try database.number(sql)
            #expect(found == expected, "\(sql)", sourceLocation: sourceLocation)
        }
    }

    @Test("restarts of every sort and times without writing, under load, lose nothing and double nothing")
    func restarts() async throws {
        let database = try await self.database("restarts")
        let cluster = database.cluster
        let failures = FailureLog()
        let store = try await database.store(logger: failures.logger) {
            $0.maxGroupBatches = 10
            $0.unavailableAfter = .seconds(120)
        }
        func setReadOnly(_ isOn: Bool) throws {
            try cluster.execute("ALTER SYSTEM SET default_transaction_read_only = \(isOn)")
            try cluster.execute("SELECT pg_reload_conf()")
        }
        let faults: [() async throws -> Void] = [
            {
                try cluster.stop(.immediate)
                try cluster.start()
            },
            {
                try setReadOnly(true)
                // What was submitted before may all be stored by now.
                let answers = store.submitAll(try self.batches(2001...2010))
                await until { failures.codes.contains("25006") }
                try setReadOnly(false)
                #expect(await answers.all().allSatisfy { $0.committed != nil })
            },
            {
                try cluster.stop(.fast)
                try cluster.start()
            },
            {
                // Both in one: the server comes back read-only, as one does that is about to be promoted.
                try cluster.execute("ALTER SYSTEM SET default_transaction_read_only = on")
                try cluster.stop(.immediate)
                try cluster.start()
                try setReadOnly(false)
            },
        ]
        for (number, fault) in faults.enumerated() {
            let first = Int64(number) * 500 + 1
            let answers = store.submitAll(try self.batches(first...first + 499))
            await until { answers.current.contains { $0 != nil } }
            try await fault()
            let results = await answers.all()
            #expect(results.allSatisfy { $0.committed != nil }, "\(results.first { $0.committed == nil } as Any)")
        }
        try self.expectOnce(2010, in: database)
    }

    @Test("the writers and readers follow to the second host, and don't return to the first, which is read-only then")
    func otherHost() async throws {
        let first = try await self.database("first")
        let promoted = try EphemeralCluster.shared("promoted")
        func settings(_ role: String) -> ConnectionSettings {
            ConnectionSettings(
                conninfo: "host=\(first.cluster.socketFolder),\(promoted.socketFolder) port=5432,5432 user=\(role) "
                    + "dbname=\(first.name)")
        }
        var configuration = PostgresStore.Configuration()
        configuration.unavailableAfter = .seconds(120)
        let store = try await PostgresStore.start(
            settings: settings(Roles.writer), configuration: configuration, logger: .quiet)
        let reader = try PostgresReader(settings: settings(Roles.reader), connections: 1)
        let batches = try self.batches(1...30)
        #expect(await store.submitAll(Array(batches[0..<10])).all().allSatisfy { $0.committed != nil })
        let query = EventQuery(tenantIDs: [1], order: .oldestFirst, limit: 100)
        #expect(try await reader.query(query).events.count == 20)

        // The last words of the first server, copied, are the second server.
        try promoted.stop()
        try first.cluster.stop(.immediate)
        let answers = store.submitAll(Array(batches[10..<20]))
        try FileManager.default.removeItem(atPath: promoted.dataFolder)
        let copy = try Process.run(
            URL(filePath: "/bin/cp"), arguments: ["-a", first.cluster.dataFolder, promoted.dataFolder])
        copy.waitUntilExit()
        try #require(copy.terminationStatus == 0)
        try promoted.start()
        #expect(await answers.all().allSatisfy { $0.committed != nil })
        #expect(try await reader.query(query).events.count == 40)

        // The first one comes back, and may not be written to.
        try first.cluster.start()
        try first.cluster.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        try first.cluster.execute("SELECT pg_reload_conf()")
        try await until { try first.cluster.execute("SHOW default_transaction_read_only") == "on" }
        try promoted.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'docket_writer'")
        #expect(
            await store.submitAll(batches.map { $0.numbered($0.batchID + 100) }).all().allSatisfy {
                $0.committed != nil || $0.replayed != nil
            })
        try self.expectOnce(10, in: first)
        let count = "SELECT count(*) || ' ' || count(DISTINCT event_id) FROM docket.events"
        #expect(try promoted.execute(count, database: first.name) == "60 60")
    }
}
