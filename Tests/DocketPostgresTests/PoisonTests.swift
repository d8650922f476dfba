import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

@Suite("Events that PostgreSQL refuses")
struct PoisonTests {
    @Test("the event goes into quarantine as it came, its batch and its neighbours are stored")
    func poison() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store { $0.writers = 1 }
        let maker = BatchMaker()
        let lock = try database.lockBatches()
        let poisoned = try maker.poisoned(2, events: 5, at: [3])
        let answers = store.submitAll([
            try maker.batch(0, [maker.event(0)]), try maker.batch(1, [maker.event(1)]), poisoned,
            try maker.batch(3, [maker.event(3)]),
        ])
        try lock.execute("ROLLBACK")
        let results = await answers.all()
        #expect(results.allSatisfy { $0.committed != nil }, "\(results)")
        let verdict = try #require(results[2].committed)
        #expect(verdict.acceptedCount == 4)
        #expect(verdict.rejections.map(\.index) == [3] && verdict.rejections.map(\.code) == [.refusedByStore])
        #expect(verdict.rejections[0].reason.contains("22021"))
        #expect(!verdict.rejections[0].reason.contains("OISON"), "an event's content stays out of messages")
        #expect(try database.number("SELECT count(*) FROM docket.events") == 7)
        let rows = try database.connect().query(
            "SELECT position, code, event, batch_id, producer_id, sequence FROM docket.quarantine")
        #expect(rows.count == 1)
        #expect(try rows.integer(0, 0) == Int32(3))
        #expect(try rows.text(0, 1) == "refused_by_store")
        #expect(try rows.bytes(0, 2) == Array(try #require(poisoned.request).eventBytes(at: 3)))
        #expect(try rows.integer(0, 3) == poisoned.batchID)
        #expect(try rows.bytes(0, 4) == maker.producer.bytes)
        #expect(try rows.integer(0, 5) == Int64(2))
    }

    @Test("the root is that of the events that are stored, and the content hash that of all, as in an honest batch")
    func root() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store()
        let maker = BatchMaker()
        let poisoned = try maker.poisoned(1, events: 4, at: [0, 2])
        let verdict = try #require(await store.store(poisoned).committed)
        var honest = maker
        honest.producer = ProducerID(high: 3, low: 4)
        let kept = try honest.batch(1, [maker.event(2), maker.event(4)])
        #expect(verdict.receipt.root == kept.root)
        #expect(verdict.receipt.contentHash == poisoned.contentHash)
        let replayed = try #require(await store.store(poisoned.numbered(poisoned.batchID + 1)).replayed)
        #expect(replayed.rejections == verdict.rejections)
        #expect(try database.number("SELECT count(*) FROM docket.quarantine") == 2)
    }

    @Test("any set of refused events is found, whatever else was rejected, and nothing else")
    func anySet() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store()
        var maker = BatchMaker()
        var generator = SeededGenerator.ofRun()
        for round in 0..<20 {
            maker.producer = ProducerID(high: 9, low: UInt64(round))
            let count = Int.random(in: 1...70, using: &generator)
            let share: Double = [0.02, 0.5, 1.0].randomElement(using: &generator) ?? 1
            var positions = Set((0..<count).filter { _ in Double.random(in: 0...1, using: &generator) < share })
            if positions.isEmpty { positions = [count - 1] }
            let batch = try maker.poisoned(1, events: count, at: positions)
            let verdict: Verdict = try #require(await store.store(batch).committed)
            #expect(verdict.rejections.map(\.index) == positions.sorted())
            #expect(verdict.acceptedCount == count - positions.count)
            let stored = try database.number("SELECT count(*) FROM docket.events WHERE batch_id = \(batch.batchID)")
            #expect(stored == Int64(count - positions.count))
        }
    }

    @Test("when the answer of its commit was lost, the batch is answered with the rejections that were found")
    func answerLost() async throws {
        let database = try await TestDatabase.migrated()
        let batch = try BatchMaker().poisoned(1, events: 4, at: [2])
        let first = try #require(await (try database.store()).store(batch).committed)
        // What a writer does whose connection died between commit and answer: it sends the very same batch.
        let second = try #require(await (try database.store()).store(batch).committed)
        #expect(second == first && second.rejections.map(\.index) == [2] && !second.replayed)
    }

    @Test("a batch that is known by its key by the time its poison was found is a replay, and leaves nothing behind")
    func poisonedReplay() async throws {
        let database = try await TestDatabase.migrated()
        let maker = BatchMaker()
        let batch = try maker.poisoned(1, events: 3)
        let stores = (try await database.store(), try await database.store())
        async let first = stores.0.store(batch)
        async let second = stores.1.store(batch.numbered(batch.batchID + 1))
        let answers = await [first, second]
        #expect(answers.count { $0.committed != nil } == 1 && answers.count { $0.replayed != nil } == 1, "\(answers)")
        #expect(try database.number("SELECT count(*) FROM docket.events") == 2)
        #expect(try database.number("SELECT count(*) FROM docket.quarantine") == 1)
    }
}

extension EncodedBatch {
    /// The same batch, received again under another number.
    func numbered(_ id: Int64) -> EncodedBatch {
        EncodedBatch(
            key: self.key, batchID: id, receivedAt: self.receivedAt, tuples: self.tuples, eventCount: self.eventCount,
            acceptedCount: self.acceptedCount, rejections: self.rejections, quarantined: self.quarantined,
            root: self.root, contentHash: self.contentHash, request: self.request)
    }
}
