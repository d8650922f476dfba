import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import DocketThreads
import Synchronization
import Testing

@testable import DocketPostgres

@Suite("Exactly once")
struct ExactlyOnceTests {
    @Test("a batch sent again lands once and gets the verdict that it got the first time")
    func replay() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store()
        let maker = BatchMaker()
        let events = [maker.event(1), maker.event(2, type: "unknown"), maker.event(3)]
        let first = try maker.batch(5, events)
        let verdict = try #require(await store.store(first).committed)
        // The same content, received again: a new id and a new time.
        var replayed = try #require(await store.store(try maker.batch(5, events)).replayed)
        #expect(replayed.replayed)
        replayed.replayed = false
        #expect(replayed == verdict)
        #expect(replayed.receipt.batchID == first.batchID)
        #expect(try database.number("SELECT count(*) FROM docket.events") == 2)
        #expect(try database.number("SELECT count(*) FROM docket.quarantine") == 1)
    }

    @Test("a replay that would be judged differently today gets its stored verdict")
    func replayJudgedDifferently() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store()
        let maker = BatchMaker()
        let original = try maker.batch(5, [maker.event(1), maker.event(2)])
        _ = await store.store(original)
        let today = EncodedBatch(
            key: original.key, batchID: original.batchID + 1, receivedAt: original.receivedAt, tuples: [],
            eventCount: 2,
            acceptedCount: 0, rejections: [], quarantined: [], root: original.root, contentHash: original.contentHash)
        #expect(await store.store(today).replayed?.acceptedCount == 2)
    }

    @Test("other content under a known key is refused with the stored content hash, and stores nothing")
    func conflict() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store()
        let maker = BatchMaker()
        let first = try maker.batch(5, [maker.event(1)])
        _ = await store.store(first)
        let other = try maker.batch(5, [maker.event(2)])
        #expect(await store.store(other).conflict == first.contentHash)
        #expect(try database.number("SELECT count(*) FROM docket.events") == 1)
    }

    @Test("a batch whose first answer was lost is found by its id and answered as committed, not as a replay")
    func answerLost() async throws {
        let database = try await TestDatabase.migrated()
        let batch = try BatchMaker().batch(5, [BatchMaker().event(1)])
        #expect(await (try database.store()).store(batch).committed != nil)
        // What a writer does whose connection died between commit and answer: it sends the very same batch.
        let verdict = await (try database.store()).store(batch).committed
        #expect(verdict == batch.verdict(durability: .committed))
        #expect(verdict?.replayed == false)
        #expect(try database.number("SELECT count(*) FROM docket.events") == 1)
    }

    @Test("known batches in a group are answered, and the others of the group are stored")
    func mixedGroup() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store { $0.writers = 1 }
        let maker = BatchMaker()
        for sequence in [2, 4] as [Int64] {
            _ = await store.store(try maker.batch(sequence, [maker.event(UInt64(sequence))]))
        }
        let lock = try database.lockBatches()
        let batches = try (0...5).map { sequence in
            // Sequence 4 comes with other content.
            try maker.batch(Int64(sequence), [maker.event(sequence == 4 ? 99 : UInt64(sequence))])
        }
        let answers = store.submitAll(batches)
        try lock.execute("ROLLBACK")
        let results = await answers.all()
        #expect(results.indices.filter { results[$0].committed != nil } == [0, 1, 3, 5])
        #expect(results[2].replayed != nil)
        #expect(results[4].conflict != nil)
        #expect(try database.number("SELECT count(DISTINCT event_id) FROM docket.events") == 6)
        #expect(try database.number("SELECT count(*) FROM docket.events") == 6)
    }

    @Test(
        "one key several times in the queue: the first is stored, the same again is a replay, other content a conflict")
    func sameKeyInQueue() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store()
        let maker = BatchMaker()
        let lock = try database.lockBatches()
        let answers = store.submitAll([
            try maker.batch(0, [maker.event(0)]),
            try maker.batch(1, [maker.event(1)]),
            try maker.batch(1, [maker.event(1)]),
            try maker.batch(1, [maker.event(2)]),
        ])
        try lock.execute("ROLLBACK")
        let results = await answers.all()
        #expect(results[1].committed != nil)
        #expect(results[2].replayed != nil)
        #expect(results[3].conflict != nil)
    }

    @Test("the same batches on two collectors at the same time, in opposite order, land once each")
    func twoCollectors() async throws {
        let database = try await TestDatabase.migrated()
        let maker = BatchMaker()
        let stores = [
            try await database.store { $0.maxGroupBatches = 7 }, try await database.store { $0.maxGroupBatches = 5 },
        ]
        let forward = try (0..<300).map { try maker.batch(Int64($0), [maker.event(UInt64($0))]) }
        let backward = try (0..<300).reversed().map { try maker.batch(Int64($0), [maker.event(UInt64($0))]) }
        let answers = [stores[0].submitAll(forward), stores[1].submitAll(backward)]
        let results = [await answers[0].all(), Array(await answers[1].all().reversed())]
        for index in 0..<300 {
            let pair = [results[0][index], results[1][index]]
            #expect(pair.count { $0.committed != nil } == 1, "\(index): \(pair)")
            #expect(pair.count { $0.replayed != nil } == 1, "\(index): \(pair)")
        }
        #expect(try database.number("SELECT count(*) FROM docket.events") == 300)
    }

    @Test("thousands of batches from many threads while connections are killed land once each, whole")
    func killedConnections() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store { $0.maxGroupBatches = 20 }
        var generator = SeededGenerator(seed: testSeed())
        var batches: [EncodedBatch] = []
        for sequence in 0..<3000 as Range<Int64> {
            let maker = BatchMaker(producer: ProducerID(high: 0, low: UInt64(sequence % 7)))
            let first = UInt64(sequence) * 10
            let events = (0..<Int.random(in: 1...9, using: &generator)).map { maker.event(first + UInt64($0)) }
            batches.append(try maker.batch(sequence, events))
        }
        let answers = Answers(count: batches.count)
        let threads = 8
        for thread in 0..<threads {
            let part = stride(from: thread, to: batches.count, by: threads).map { ($0, batches[$0]) }
            try OwnedThread.start(name: "submit") {
                for (index, batch) in part { store.submit(batch) { answers.set(index, $0) } }
            }
        }
        let killer = try database.connect()
        var killed: Int64 = 0
        var next = 1
        let results = try await answers.all { count in
            guard count >= next else { return }
            next += Int.random(in: 20...150, using: &generator)
            killed += try killer.query(
                """
                SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE usename = 'docket_writer' AND datname = current_database()
                """
            ).integer(0, 0)
        }
        #expect(killed > 10)
        #expect(
            results.compactMap(\.committed).count == batches.count, "\(results.first { $0.committed == nil } as Any)")
        let accepted = Int64(batches.reduce(0) { $0 + $1.acceptedCount })
        #expect(try database.number("SELECT count(*) FROM docket.events") == accepted)
        #expect(try database.number("SELECT count(DISTINCT (batch_id, position)) FROM docket.events") == accepted)
        #expect(try database.number("SELECT count(*) FROM docket.batches") == 3000)
        #expect(
            try database.number(
                """
                SELECT count(*) FROM docket.batches AS b
                WHERE accepted_count <> (SELECT count(*) FROM docket.events AS e WHERE e.batch_id = b.batch_id)
                """) == 0)
    }
}
