import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

@Suite("The log")
struct AppenderTests {
    /// What the log says: each tenant's batch ids, in the order of their indexes, which have no gap.
    private func log(
        _ database: TestDatabase, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [Int32: [Int64]] {
        let rows = try database.connect().query(
            "SELECT tenant_id, log_index, batch_id FROM docket.log_entries ORDER BY tenant_id, log_index")
        var log: [Int32: [Int64]] = [:]
        for row in 0..<rows.count {
            let tenant: Int32 = try rows.integer(row, 0)
            let index: Int64 = try rows.integer(row, 1)
            #expect(index == Int64(log[tenant, default: []].count), "no gap", sourceLocation: sourceLocation)
            log[tenant, default: []].append(try rows.integer(row, 2))
        }
        return log
    }

    /// A batch that a transaction of its own holds, not committed yet.
    private func open(_ id: Int64, tenant: Int32 = 1, _ database: TestDatabase) throws -> PostgresConnection {
        let maker = BatchMaker(tenantID: tenant)
        let connection = try database.connect()
        try connection.execute("BEGIN; \(try maker.batch(id, [maker.event(1)], id: id).occupation)")
        return connection
    }

    @Test(
        "batches get their index as they commit, whatever the order of their ids and of their transactions' beginnings")
    func outOfOrder() async throws {
        let database = try await TestDatabase.migrated()
        let leader = try database.leader()
        var appender = Appender()
        try appender.takeOver(leader)
        let transactions = try (1...5).map { try self.open($0, database) }
        #expect(try appender.turn(leader, segment: 1) == Appender.Report())
        for number in [3, 1, 5] {
            try transactions[number - 1].execute("COMMIT")
            #expect(try appender.turn(leader, segment: 1).batches == 1, "of transaction \(number)")
        }
        // One begins later, and ends before those that are still open.
        try self.open(6, database).execute("COMMIT")
        #expect(try appender.turn(leader, segment: 1).batches == 1)
        try transactions[3].execute("ROLLBACK")
        #expect(try appender.turn(leader, segment: 1).batches == 0)
        try transactions[1].execute("COMMIT")
        #expect(try appender.turn(leader, segment: 1).batches == 1)
        #expect(try self.log(database) == [1: [3, 1, 5, 6, 2]])
        #expect(try appender.turn(leader, segment: 1).batches == 0, "nothing twice")
    }

    @Test("whoever listens hears that the log has grown, once for a turn, and not of a turn without anything new")
    func told() async throws {
        let database = try await TestDatabase.migrated()
        let leader = try database.leader()
        var appender = Appender()
        try appender.takeOver(leader)
        let listener = try database.connect(Roles.reader)
        try listener.execute("LISTEN \(PostgresLogWatch.channel)")
        _ = try appender.turn(leader, segment: 1)
        try listener.execute("SELECT 1")
        #expect(try !listener.waitForNotification(milliseconds: 0))
        try self.open(1, database).execute("COMMIT")
        #expect(try appender.turn(leader, segment: 1).batches == 1)
        #expect(try listener.waitForNotification(milliseconds: 10_000))
        let watch = try PostgresLogWatch(settings: database.settings(Roles.reader))
        defer { watch.close() }
        // What is said while nobody waits is heard at the next wait.
        try await watch.growth()
        try self.open(2, database).execute("COMMIT")
        _ = try appender.turn(leader, segment: 1)
        try await watch.growth()
        await watch.rest()
        let channels = try database.connect().query(
            "SELECT count(*) FROM pg_stat_activity WHERE query = 'UNLISTEN *' AND datname = current_database()")
        #expect(try channels.integer(0, 0) == Int64(1))
    }

    @Test("any mixture of open, committed and aborted transactions of several tenants: no gap, nothing renumbered")
    func anyOrder() async throws {
        let database = try await TestDatabase.migrated()
        var leader = try database.leader()
        var appender = Appender()
        try appender.takeOver(leader)
        var generator = SeededGenerator.ofRun()
        var open: [(id: Int64, tenant: Int32, PostgresConnection)] = []
        var committed: [Int32: Set<Int64>] = [:]
        var before: [Int32: [Int64]] = [:]
        for id in 1...150 as ClosedRange<Int64> {
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<5:
                let tenant = Int32.random(in: 1...3, using: &generator)
                open.append((id, tenant, try self.open(id, tenant: tenant, database)))
            case 5..<8 where !open.isEmpty:
                let (id, tenant, transaction) = open.remove(at: Int.random(in: 0..<open.count, using: &generator))
                let isAborted = Int.random(in: 0..<6, using: &generator) == 0
                try transaction.execute(isAborted ? "ROLLBACK" : "COMMIT")
                if !isAborted { committed[tenant, default: []].insert(id) }
            case 8:
                // Another collector leads from now on.
                leader = try database.leader()
                appender = Appender()
                try appender.takeOver(leader)
            default:
                _ = try appender.turn(leader, segment: 1)
                let now = try self.log(database)
                for (tenant, ids) in before { #expect(now[tenant]?.starts(with: ids) == true, "renumbered") }
                #expect(now.mapValues { Set($0) } == committed)
                #expect(now.allSatisfy { $0.value.count == committed[$0.key]?.count })
                before = now
            }
        }
        for (id, tenant, transaction) in open {
            try transaction.execute("COMMIT")
            committed[tenant, default: []].insert(id)
        }
        _ = try appender.turn(leader, segment: 1)
        #expect(try self.log(database).mapValues { Set($0) } == committed)
    }

    @Test("a transaction that was under way when the leader fell is appended by its successor")
    func takeOver() async throws {
        let database = try await TestDatabase.migrated()
        do {
            let first = try database.leader()
            var appender = Appender()
            try appender.takeOver(first)
            try self.open(1, database).execute("COMMIT")
            #expect(try appender.turn(first, segment: 1).batches == 1)
        }
        let underWay = try self.open(2, database)
        let second = try database.leader()
        var appender = Appender()
        try appender.takeOver(second)
        try self.open(3, database).execute("COMMIT")
        #expect(try appender.turn(second, segment: 1).batches == 1)
        try underWay.execute("COMMIT")
        let third = try database.leader()
        var successor = Appender()
        try successor.takeOver(third)
        #expect(try successor.turn(third, segment: 1).batches == 1)
        #expect(try self.log(database) == [1: [1, 3, 2]])
    }

    @Test(
        "after a restore into a cluster with younger transaction numbers, and from an earlier schema, the log goes on")
    func restored() async throws {
        let database = try await TestDatabase.migrated()
        var leader = try database.leader()
        var appender = Appender()
        try appender.takeOver(leader)
        for id in 1...3 as ClosedRange<Int64> { try self.open(id, database).execute("COMMIT") }
        #expect(try appender.turn(leader, segment: 1).batches == 3)
        // In the dump: numbers of the old cluster, far ahead; one batch that was not in the log yet; one of before the
        // column existed.
        for id in 4...5 as ClosedRange<Int64> { try self.open(id, database).execute("COMMIT") }
        try database.connect().execute(
            """
            UPDATE docket.batches SET commit_xid = '9000000000' WHERE batch_id < 5;
            UPDATE docket.batches SET commit_xid = NULL WHERE batch_id = 5;
            UPDATE docket.appender SET snapshot = '9000000005:9000000009:9000000005,9000000007'
            """)
        leader = try database.leader()
        appender = Appender()
        try appender.takeOver(leader)
        #expect(try self.log(database) == [1: [1, 2, 3, 4, 5]])
        #expect(try appender.turn(leader, segment: 1).batches == 0, "nothing twice")
        try self.open(6, database).execute("COMMIT")
        #expect(try appender.turn(leader, segment: 1).batches == 1)
        #expect(try self.log(database) == [1: [1, 2, 3, 4, 5, 6]])
        #expect(
            try database.number(
                """
                SELECT count(*) FROM docket.batches
                WHERE commit_xid IS NULL OR commit_xid >= pg_snapshot_xmax(pg_current_snapshot())
                """) == 0, "all of them can be forgotten one day")
        while try ReplayWindow.prune(leader) > 0 {}
        #expect(try database.number("SELECT count(*) FROM docket.batches") == 0)
    }

    @Test("batches of a collector of the earlier schema, which knows nothing of transactions, get their index")
    func earlierSchema() async throws {
        let database = try await TestDatabase.migrated()
        for id in 1...4 as ClosedRange<Int64> { try self.open(id, database).execute("COMMIT") }
        try database.connect().execute("UPDATE docket.batches SET commit_xid = NULL, segment_id = NULL")
        let leader = try database.leader()
        var appender = Appender()
        try appender.takeOver(leader)
        #expect(try self.log(database) == [1: [1, 2, 3, 4]])
        #expect(try appender.turn(leader, segment: 1).batches == 0)
    }

    @Test("an idle log writes nothing")
    func idle() async throws {
        let database = try await TestDatabase.migrated()
        let leader = try database.leader()
        var appender = Appender()
        try appender.takeOver(leader)
        try self.open(1, database).execute("COMMIT")
        #expect(try appender.turn(leader, segment: 1).batches == 1)
        let row = "SELECT xmin::text || ctid::text FROM docket.appender"
        let before = try leader.query(row).text(0, 0)
        for _ in 0..<20 {
            try leader.execute("BEGIN")
            #expect(try appender.turn(leader, segment: 1) == Appender.Report())
            // Only what writes has a transaction number.
            #expect(try leader.query("SELECT pg_current_xact_id_if_assigned() IS NULL").bool(0, 0))
            try leader.execute("COMMIT")
        }
        #expect(try leader.query(row).text(0, 0) == before)
    }
}
