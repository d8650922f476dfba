import DevCluster
import DocketCodec
import DocketModel
import DocketStore
import Testing

@testable import DocketPostgres

@Suite("When PostgreSQL refuses or is away")
struct FailureTests {
    @Test("a full queue refuses what comes on top, and stores all that it took in")
    func overload() async throws {
        let database = try await TestDatabase.migrated()
        let maker = BatchMaker()
        let batches = try (0..<20).map { try maker.batch(Int64($0), [maker.event(UInt64($0))]) }
        // A quarter is for tenants with little.
        let room = batches[0..<8].reduce(0) { $0 + $1.sizeBytes } / 3 * 4 + 4
        let store = try await database.store { $0.maxQueueBytes = room }
        let lock = try database.lockBatches()
        let answers = store.submitAll(batches)
        try lock.execute("ROLLBACK")
        let results = await answers.all()
        #expect(results[0..<8].allSatisfy { $0.committed != nil })
        #expect(results[8...].allSatisfy { $0.failure?.code == .overloaded })
        let error = try #require(results[19].failure)
        #expect(error.message.contains("\(room)") && error.retryAfterMilliseconds != nil)
        #expect(await store.store(batches[19]).committed != nil, "there is room again")
    }

    @Test("draining answers all that was taken in, and refuses what comes after")
    func drain() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store()
        let maker = BatchMaker()
        let lock = try database.lockBatches()
        let answers = store.submitAll(try (0..<10).map { try maker.batch($0, [maker.event(1)]) })
        async let drained: Void = store.drain()
        // The drain has begun when a submission is refused for it.
        var refusal: StoreError?
        var sequence: Int64 = 100
        while refusal == nil {
            refusal = store.submitAll([try maker.batch(sequence, [maker.event(1)])]).failureIfAnswered
            sequence += 1
            await Task.yield()
        }
        #expect(refusal?.code == .shuttingDown)
        try lock.execute("ROLLBACK")
        await drained
        #expect(await answers.all().allSatisfy { $0.committed != nil })
        #expect(
            try database.number(
                "SELECT count(*) FROM pg_stat_activity WHERE usename = 'docket_writer' "
                    + "AND datname = current_database() AND state = 'active'") == 0)
        await store.drain()
    }

    @Test("in an outage batches are answered as unavailable, and are stored when they are sent again after it")
    func outage() async throws {
        let database = try TestDatabase.empty(on: "outage")
        _ = try await Migrator(settings: database.settings(DevCluster.superuser)).migrate()
        let store = try await database.store { $0.unavailableAfter = .zero }
        let patient = try await database.store { $0.unavailableAfter = .seconds(120) }
        let maker = BatchMaker()
        #expect(await store.store(try maker.batch(1, [maker.event(1)])).committed != nil)
        try database.cluster.stop(.immediate)
        let batch = try maker.batch(2, [maker.event(2)])
        let error = try #require(await store.store(batch).failure)
        #expect(error.code == .unavailable)
        #expect(error.retryAfterMilliseconds != nil)
        let waiting = patient.submitAll([try maker.batch(3, [maker.event(3)])])
        try database.cluster.start()
        #expect(await waiting.all()[0].committed != nil)
        let again = await store.store(batch)
        #expect(again.committed != nil, "\(again)")
        #expect(try database.number("SELECT count(*) FROM docket.events") == 3)
    }

    @Test("draining in an outage ends")
    func drainInOutage() async throws {
        let database = try TestDatabase.empty(on: "drain")
        _ = try await Migrator(settings: database.settings(DevCluster.superuser)).migrate()
        let store = try await database.store { $0.unavailableAfter = .seconds(3600) }
        try database.cluster.stop(.immediate)
        let answers = store.submitAll([try BatchMaker().batch(1, [BatchMaker().event(1)])])
        await store.drain()
        #expect(await answers.all()[0].failure?.code == .unavailable)
    }

    @Test("a cancelled statement is sent again")
    func cancelled() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store { $0.writers = 1 }
        let maker = BatchMaker()
        let lock = try database.lockBatches()
        let answers = store.submitAll([try maker.batch(1, [maker.event(1)])])
        // Waits until the writer stands before the lock, then breaks it off there.
        let control = try database.connect()
        while try control.query(
            """
            SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity
            WHERE usename = 'docket_writer' AND datname = current_database() AND wait_event_type = 'Lock'
            """
        ).integer(0, 0, as: Int64.self) == 0 {}
        try lock.execute("ROLLBACK")
        #expect(await answers.all()[0].committed != nil)
        #expect(try database.number("SELECT count(*) FROM docket.events") == 1)
    }

    @Test("a missing privilege makes batches unavailable, names the GRANT, and is over once it is given")
    func missingPrivilege() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store { $0.unavailableAfter = .zero }
        let owner = try database.connect(Roles.maintainer)
        try owner.execute("REVOKE INSERT ON docket.events_000001 FROM docket_writer")
        let batch = try BatchMaker().batch(1, [BatchMaker().event(1)])
        let error = try #require(await store.store(batch).failure)
        #expect(error.code == .unavailable)
        #expect(error.message.contains("GRANT INSERT ON docket.events_000001 TO docket_writer"), "\(error)")
        try owner.execute("GRANT INSERT ON docket.events_000001 TO docket_writer")
        #expect(await store.store(batch).committed != nil)
    }

    @Test("when another segment becomes hot, the writer finds it and goes on")
    func otherSegment() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store()
        let maker = BatchMaker()
        #expect(await store.store(try maker.batch(1, [maker.event(1)])).committed != nil)
        try database.connect(Roles.maintainer).execute(
            """
            CREATE TABLE docket.events_000002 (LIKE docket.events);
            ALTER TABLE docket.events_000002 ALTER COLUMN segment_id SET DEFAULT 2;
            ALTER TABLE docket.events ATTACH PARTITION docket.events_000002 FOR VALUES IN (2);
            GRANT INSERT ON docket.events_000002 TO docket_writer;
            REVOKE INSERT ON docket.events_000001 FROM docket_writer;
            UPDATE docket.segments SET state = 'sealing' WHERE segment_id = 1;
            INSERT INTO docket.segments VALUES (2, 'events_000002', 'hot')
            """)
        #expect(await store.store(try maker.batch(2, [maker.event(2)])).committed != nil)
        #expect(try database.number("SELECT count(*) FROM docket.events WHERE segment_id = 2") == 1)
    }
}

extension Answers {
    /// The failure of the only batch, if it has been answered with one by now.
    var failureIfAnswered: StoreError? { self.current.first??.failure }
}

@Suite("What each error means for a commit group")
struct FailureTreatmentTests {
    @Test(
        "treatment by code",
        arguments: [
            ("23505", "batches_key", FailureTreatment.lookUpKeys), ("23505", "other", .installation),
            ("40P01", nil, .retry), ("40001", nil, .retry), ("55P03", nil, .retry), ("57014", nil, .retry),
            ("22021", nil, .isolate), ("22P02", nil, .isolate), ("23502", nil, .installation),
            ("22P04", nil, .installation), ("DK001", nil, .belowFloor), ("54000", nil, .isolate),
            ("54001", nil, .unavailable), ("53100", nil, .unavailable), ("53200", nil, .unavailable),
            ("53300", nil, .unavailable), ("58030", nil, .unavailable), ("XX001", nil, .unavailable),
            ("57P01", nil, .reconnect), ("57P03", nil, .reconnect), ("25006", nil, .reconnect),
            ("08006", nil, .reconnect),
            ("42501", nil, .installation), ("42P01", nil, .installation), ("0A000", nil, .installation),
            ("ZZZZZ", nil, .unavailable),
        ] as [(String, String?, FailureTreatment)])
    func treatment(code: String, constraint: String?, expected: FailureTreatment) {
        #expect(FailureTreatment.of(SQLState(code), constraint: constraint) == expected)
    }
}
