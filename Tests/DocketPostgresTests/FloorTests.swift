import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

/// Batches that were received long ago.
private struct OldBatches {
    let database: TestDatabase
    var maker = BatchMaker()

    /// So many, one a sequence from 1 on, stored and in the log.
    func store(_ count: Int64, in store: PostgresStore) async throws -> [EncodedBatch] {
        let batches = try (1...count).map { sequence in
            let time = Timestamp(microsecondsSinceEpoch: 1_600_000_000_000_000 + sequence * 1_000_000)
            let id = try #require(BatchID.make(at: time, node: 1, counter: 0))
            return try self.maker.batch(sequence, [self.maker.event(UInt64(sequence))], id: id)
        }
        let answers = await store.submitAll(batches).all()
        #expect(answers.allSatisfy { $0.committed != nil })
        return batches
    }
}

@Suite("The replay window")
struct FloorTests {
    @Test("what is older than the window goes in steps of at most 1,000, and leaves one floor a producer")
    func steps() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store()
        _ = try await OldBatches(database: database).store(2300, in: store)
        let recent = try BatchMaker().batch(9000, [BatchMaker().event(1)])
        #expect(await store.store(recent).committed != nil)
        let leader = try database.leader()
        var appender = Appender()
        try appender.takeOver(leader)
        var steps: [Int64] = []
        repeat { steps.append(try ReplayWindow.prune(leader)) } while steps.last != 0
        #expect(steps == [1000, 1000, 300, 0])
        #expect(try database.number("SELECT max(sequence) FROM docket.batches") == 9000, "a recent one stays")
        #expect(try database.number("SELECT count(*) FROM docket.batches") == 1)
        #expect(try database.number("SELECT count(*) FROM docket.producer_floors") == 1)
        #expect(try database.number("SELECT floor FROM docket.producer_floors") == 2300)
        #expect(try database.number("SELECT count(*) FROM docket.log_entries") == 2301, "the log keeps them all")
        #expect(try database.number("SELECT count(*) FROM docket.events") == 2301)
    }

    @Test("nothing is forgotten before it is in the log")
    func notBeforeTheLog() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store()
        let leader = try database.leader()
        var appender = Appender()
        try appender.takeOver(leader)
        let batches = try await OldBatches(database: database).store(3, in: store)
        #expect(try ReplayWindow.prune(leader) == 0)
        // One of them commits only now, while the appender has been at work.
        let late = try database.connect()
        let maker = BatchMaker(producer: ProducerID(high: 1, low: 1))
        let lateBatch = try maker.batch(1, [maker.event(1)], id: batches[0].batchID + 1)
        try late.execute("BEGIN; \(lateBatch.occupation)")
        #expect(try appender.turn(leader, segment: 1).batches == 3)
        try late.execute("COMMIT")
        _ = try ReplayWindow.prune(leader)
        #expect(
            try database.number(
                "SELECT count(*) FROM docket.batches WHERE batch_id NOT IN (SELECT batch_id FROM docket.log_entries)")
                == 1, "the late one is still there")
        #expect(try appender.turn(leader, segment: 1).batches == 1)
        while try ReplayWindow.prune(leader) > 0 {}
        #expect(try database.number("SELECT count(*) FROM docket.batches") == 0)
        #expect(try database.number("SELECT count(*) FROM docket.log_entries") == 4)
    }

    @Test("a forgotten sequence and those below it are refused by name, those above it are stored, known ones replayed")
    func refused() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store { $0.writers = 1 }
        let old = OldBatches(database: database)
        let batches = try await old.store(20, in: store)
        let leader = try database.leader()
        var appender = Appender()
        try appender.takeOver(leader)
        #expect(try ReplayWindow.prune(leader) == 20)
        let known = try old.maker.batch(30, [old.maker.event(30)])
        #expect(await store.store(known).committed != nil)

        let lock = try database.lockBatches()
        var other = BatchMaker()
        other.producer = ProducerID(high: 4, low: 4)
        let answers = store.submitAll([
            try old.maker.batch(0, [old.maker.event(0)]), batches[0].numbered(known.batchID + 1),
            batches[19].numbered(known.batchID + 2), try old.maker.batch(21, [old.maker.event(21)]),
            known.numbered(known.batchID + 3), try other.batch(1, [other.event(1)]),
        ])
        try lock.execute("ROLLBACK")
        let results = await answers.all()
        for index in 0..<3 {
            let error = try #require(results[index].failure)
            #expect(error.code == .refused)
            #expect(error.message.contains("not above 20"), "\(error)")
        }
        #expect(results[3].committed != nil && results[5].committed != nil)
        #expect(results[4].replayed != nil)
        #expect(try database.number("SELECT count(*) FROM docket.events") == 23)
    }

    @Test("a batch that is sent again while it is being forgotten is never stored again", arguments: [true, false])
    func concurrently(isCommitted: Bool) async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store { $0.writers = 1 }
        let old = OldBatches(database: database)
        let batches = try await old.store(5, in: store)
        let leader = try database.leader()
        var appender = Appender()
        try appender.takeOver(leader)
        try leader.execute("BEGIN")
        #expect(try ReplayWindow.prune(leader) == 5)
        // The key's old row is gone, but not yet for good: the writer waits at the unique index.
        let answers = store.submitAll([batches[2].numbered(BatchID.make(at: .testNow, node: 1, counter: 0) ?? 0)])
        try await until {
            try database.number(
                """
                SELECT count(*) FROM pg_stat_activity WHERE usename = 'docket_writer'
                AND datname = current_database() AND wait_event_type = 'Lock'
                """) == 1
        }
        try leader.execute(isCommitted ? "COMMIT" : "ROLLBACK")
        let answer = await answers.all()[0]
        if isCommitted {
            #expect(answer.failure?.code == .refused, "\(answer)")
        } else {
            #expect(answer.replayed?.receipt.batchID == batches[2].batchID, "\(answer)")
        }
        #expect(try database.number("SELECT count(*) FROM docket.events") == 5)
        #expect(try database.number("SELECT count(*) FROM docket.batches") == (isCommitted ? 0 : 5))
    }

    @Test("replays and new batches while the window is being pruned: no event is there twice, no batch is lost")
    func underLoad() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store { $0.maxGroupBatches = 10 }
        let old = OldBatches(database: database)
        let batches = try await old.store(2500, in: store)
        let maintenance = try database.maintenance()
        var sequence: Int64 = 10_000
        var generator = SeededGenerator.ofRun()
        while try database.number("SELECT count(*) FROM docket.batches WHERE sequence <= 2500") > 0 {
            var group: [EncodedBatch] = []
            for _ in 0..<10 {
                sequence += 1
                group.append(try old.maker.batch(sequence, [old.maker.event(UInt64(sequence))]))
                let again = try #require(batches.randomElement(using: &generator))
                group.append(again.numbered(group[group.count - 1].batchID + 1000))
            }
            for (index, answer) in await store.submitAll(group).all().enumerated() {
                if index % 2 == 0 {
                    #expect(answer.committed != nil, "\(answer)")
                } else {
                    #expect(answer.replayed != nil || answer.failure?.code == .refused, "\(answer)")
                }
            }
        }
        await maintenance.stop()
        let expected = 2500 + sequence - 10_000
        #expect(try database.number("SELECT count(*) FROM docket.events") == expected)
        #expect(try database.number("SELECT count(DISTINCT event_id) FROM docket.events") == expected)
    }
}

extension Timestamp {
    /// A time at which nothing is old yet.
    fileprivate static let testNow = Timestamp(microsecondsSinceEpoch: 1_800_000_500_000_000)
}
