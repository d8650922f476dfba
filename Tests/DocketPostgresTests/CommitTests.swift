import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

@Suite("Storing batches")
struct CommitTests {
    @Test("what was accepted reads back equal, however hostile its text and extreme its numbers")
    func roundTrip() async throws {
        let database = try await TestDatabase.migrated()
        let administration = try database.administration()
        let typeID = try #require(try await administration.ensureEventTypes(["test.event"], tenant: nil)["test.event"])
        let store = try await database.store()
        var random = RandomEvents(seed: testSeed())
        let maker = BatchMaker(typeID: typeID)
        var expected: [EventID: Event] = [:]
        var batches: [EncodedBatch] = []
        for sequence in 0..<10 as Range<Int64> {
            let events = (0..<60).map { _ in random.event(type: "test.event") }
            for event in events { expected[event.eventID] = event }
            batches.append(try maker.batch(sequence, events))
        }
        let answers = await store.submitAll(batches).all()
        #expect(answers.compactMap(\.committed) == batches.map { $0.verdict(durability: .committed) })

        let reader = try database.reader()
        var after: PageCursor?
        var seen = 0
        repeat {
            let page = try await reader.query(EventQuery(tenantIDs: [1], order: .oldestFirst, limit: 97, after: after))
            for stored in page.events {
                #expect(stored.event == expected[stored.event.eventID])
                #expect(stored.tenant == "default")
                let batch = try #require(batches.first { $0.batchID == stored.batchID })
                #expect(stored.receivedAt == batch.receivedAt)
                seen += 1
            }
            after = page.next
        } while after != nil
        #expect(seen == 600)
    }

    @Test("a batch's row keeps its key, counts, root, content hash and time, and the time in its id agrees")
    func batchRow() async throws {
        let database = try await TestDatabase.migrated()
        let maker = BatchMaker()
        let batch = try maker.batch(.max, [maker.event(1), maker.event(2, type: "unknown")])
        _ = await (try database.store()).store(batch)
        let rows = try database.connect().query(
            """
            SELECT batch_id, sequence, received_at, producer_id, tenant_id, event_count, accepted_count, root,
                content_hash, received_at = docket.received_at(batch_id) FROM docket.batches
            """)
        #expect(rows.count == 1)
        #expect(try rows.integer(0, 0) == batch.batchID)
        #expect(try rows.integer(0, 1) == Int64.max)
        #expect(try rows.timestamp(0, 2) == batch.receivedAt)
        #expect(try rows.bytes(0, 3) == batch.key.producerID.bytes)
        #expect(try rows.integer(0, 4) == Int32(1))
        #expect(try rows.integer(0, 5) == Int32(2))
        #expect(try rows.integer(0, 6) == Int32(1))
        #expect(try rows.bytes(0, 7) == batch.root)
        #expect(try rows.bytes(0, 8) == batch.contentHash)
        #expect(try rows.bool(0, 9))
    }

    @Test(
        "a rejected event lies in quarantine exactly as it came, and its neighbours are stored at their own positions")
    func quarantine() async throws {
        let database = try await TestDatabase.migrated()
        let maker = BatchMaker()
        let bad = maker.event(2, type: "unknown", scope: #"it's a \ "scope""#)
        let batch = try maker.batch(1, [maker.event(1), bad, maker.event(3)])
        let answer = await (try database.store()).store(batch)
        #expect(answer.committed?.acceptedCount == 2)
        #expect(answer.committed?.rejections.map(\.index) == [1])
        let rows = try database.connect().query(
            "SELECT batch_id, tenant_id, position, field, code, reason, event, received_at FROM docket.quarantine")
        #expect(rows.count == 1)
        #expect(try rows.integer(0, 0) == batch.batchID)
        #expect(try rows.integer(0, 1) == Int32(1))
        #expect(try rows.integer(0, 2) == Int32(1))
        #expect(try rows.text(0, 3) == "type")
        #expect(try rows.text(0, 4) == "unknown_event_type")
        #expect(try rows.text(0, 5) == #"no type 'un\known' — register it"#)
        #expect(try decodeEvent(rows.bytes(0, 6)) == bad)
        #expect(try rows.timestamp(0, 7) == batch.receivedAt)
        let positions = try database.connect().query("SELECT position FROM docket.events ORDER BY position")
        #expect(try (0..<positions.count).map { try positions.integer($0, 0, as: Int32.self) } == [0, 2])
    }

    @Test("a batch without any accepted event is stored and answered, and is a replay the next time")
    func nothingAccepted() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store()
        let maker = BatchMaker()
        let events = [maker.event(1, type: "unknown")]
        #expect(await store.store(try maker.batch(1, events)).committed?.acceptedCount == 0)
        #expect(await store.store(try maker.batch(1, events)).replayed?.acceptedCount == 0)
        #expect(try database.number("SELECT count(*) FROM docket.quarantine") == 1)
    }

    @Test("rows go into the hot segment, and the segment's own default names it")
    func segment() async throws {
        let database = try await TestDatabase.migrated()
        let maker = BatchMaker()
        _ = await (try database.store()).store(try maker.batch(1, [maker.event(1)]))
        #expect(try database.number("SELECT segment_id FROM ONLY docket.events_000001") == 1)
    }

    @Test("rows of several batches in one group lie in the order of the batches' submission")
    func manyInOneGroup() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store { $0.writers = 1 }
        let maker = BatchMaker()
        let lock = try database.lockBatches()
        let batches = try (0..<50).map { try maker.batch(49 - $0, [maker.event(UInt64($0))]) }
        let answers = store.submitAll(batches)
        try lock.execute("ROLLBACK")
        #expect(await answers.all().compactMap(\.committed).count == 50)
        // The first batch went alone, while the others gathered behind it.
        #expect(try database.number("SELECT count(DISTINCT xmin::text) FROM docket.batches") <= 3)
    }
}

extension TestDatabase {
    /// Keeps every writer from committing until the connection's transaction ends.
    func lockBatches() throws -> PostgresConnection {
        let connection = try self.connect()
        try connection.execute("BEGIN; LOCK TABLE docket.batches IN ACCESS EXCLUSIVE MODE")
        return connection
    }
}
