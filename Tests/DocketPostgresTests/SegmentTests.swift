import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

extension TestDatabase {
    /// A maintainer's connection, prepared as a leader's.
    func leader() throws -> PostgresConnection {
        let connection = try self.connect(Roles.maintainer)
        try LeaderThread.prepare(connection)
        return connection
    }

    /// The work of a leading collector.
    func maintenance() throws -> Maintenance {
        try Maintenance(settings: self.settings(Roles.maintainer), nextBatchID: { nil }, logger: .quiet)
    }

    /// Rotates the hot segment, whatever is in it.
    func rotate(_ leader: PostgresConnection) throws {
        let hot = try leader.query("SELECT segment_id, table_name::text FROM docket.segments WHERE state = 'hot'")
        try Rotation.rotate(from: HotSegment(id: hot.integer(0, 0), table: hot.text(0, 1)), leader)
    }

    /// Does the steps of all segments until nothing is left but what can't be done now; gives the steps that were done.
    @discardableResult
    func finishSegments(_ leader: PostgresConnection) throws -> [SegmentStep] {
        var done: [SegmentStep] = []
        var putOff: Set<SegmentStep> = []
        while true {
            let facts = try SegmentFacts.readUnfinished(leader)
            guard let step = SegmentPlan.next(facts, putOff: putOff),
                let segment = facts.first(where: { $0.id == step.segment })
            else { return done }
            if try step.perform(on: segment.table, leader) { done.append(step) } else { putOff.insert(step) }
        }
    }

    /// Whether all segments but the hot one are sealed, frozen, checked and have their indexes, and no others.
    func areAllSealed() throws -> Bool {
        let indexes = SealedIndex.all.map { "'\($0.suffix)'" }.joined(separator: ",")
        return try self.number(
            """
            SELECT count(*) FROM docket.segments AS s WHERE state <> 'hot' AND NOT (
                state = 'sealed' AND frozen_at IS NOT NULL
                AND EXISTS (SELECT FROM pg_constraint WHERE conname = table_name || '_times' AND convalidated)
                AND (SELECT count(*) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
                    WHERE i.indrelid = ('docket.' || table_name)::regclass AND indisvalid
                    AND c.relname = ANY (SELECT table_name || '_' || x FROM unnest(ARRAY[\(indexes)]) AS x))
                    = \(SealedIndex.all.count)
                AND (SELECT count(*) FROM pg_index WHERE indrelid = ('docket.' || table_name)::regclass)
                    = \(SealedIndex.all.count))
            """) == 0
    }
}

@Suite("The life of a segment")
struct SegmentTests {
    @Test("under load segments are rotated and sealed, no batch is lost, doubled or torn, and the log has no gap")
    func underLoad() async throws {
        let database = try await TestDatabase.migrated()
        try database.connect().execute("UPDATE docket.store_policy SET segment_rows = 1000")
        let maintenance = try database.maintenance()
        let stores = [
            try await database.store { $0.maxGroupBatches = 9 }, try await database.store { $0.maxGroupBatches = 5 },
        ]
        var generator = SeededGenerator(seed: testSeed())
        var sequence: Int64 = 0
        while try database.number("SELECT max(segment_id) FROM docket.segments") < 6 {
            var batches: [[EncodedBatch]] = [[], []]
            for _ in 0..<40 {
                let index = Int.random(in: 0...1, using: &generator)
                let maker = BatchMaker(producer: ProducerID(high: 5, low: UInt64(sequence % 3)))
                let events = (0..<Int.random(in: 1...30, using: &generator)).map {
                    maker.event(UInt64(sequence) * 100 + UInt64($0))
                }
                batches[index].append(try maker.batch(sequence, events))
                sequence += 1
            }
            let answers = [stores[0].submitAll(batches[0]), stores[1].submitAll(batches[1])]
            let results = await answers[0].all() + answers[1].all()
            #expect(results.allSatisfy { $0.committed != nil }, "\(results.first { $0.committed == nil } as Any)")
        }
        try await until { try database.number("SELECT count(*) FROM docket.log_entries") == sequence }
        try await until { try database.areAllSealed() }
        await maintenance.stop()
        #expect(try database.number("SELECT count(*) FROM docket.batches") == sequence)
        #expect(
            try database.number(
                """
                SELECT count(*) FROM docket.batches AS b FULL JOIN (
                    SELECT batch_id, count(*) AS n, count(DISTINCT position) AS p, min(segment_id) AS first,
                        max(segment_id) AS last
                    FROM docket.events GROUP BY batch_id) AS e USING (batch_id)
                WHERE accepted_count IS DISTINCT FROM n OR n <> p OR first <> last OR first <> b.segment_id
                """) == 0, "a batch is whole, and in the one segment that its row names")
        #expect(
            try database.number("SELECT max(log_index) + 1 - count(DISTINCT log_index) FROM docket.log_entries") == 0)
        #expect(
            try database.number(
                """
                SELECT count(*) FROM docket.segments AS s WHERE row_count IS NOT NULL AND row_count <> (
                    SELECT count(*) FROM docket.events AS e WHERE e.segment_id = s.segment_id
                        AND occurred_at BETWEEN min_occurred_at AND max_occurred_at
                        AND batch_id BETWEEN min_batch_id AND max_batch_id)
                """) == 0, "what is noted of a segment is true")
    }

    @Test("the writer can't write into a segment that isn't hot, and a reader can't reach one")
    func privileges() async throws {
        let database = try await TestDatabase.migrated()
        try database.rotate(try database.leader())
        let writer = try database.connect(Roles.writer)
        for (table, expected) in [("events_000001", "42501"), ("events_000002", nil)] as [(String, String?)] {
            let error: PostgresError?
            do throws(PostgresError) {
                try writer.copyIn(
                    CommitStatement.copyEvents(HotSegment(id: 0, table: table)),
                    streams: [[CopyStream.header, CopyStream.trailer]])
                error = nil
            } catch let caught {
                error = caught
            }
            #expect(error?.sqlstate?.text == expected, "\(table)")
        }
        for role in [Roles.writer, Roles.reader] {
            #expect(throws: PostgresError.self) {
                try database.connect(role).query("SELECT 1 FROM docket.events_000002")
            }
        }
    }

    @Test("a batch whose COPY began before the rotation is in the old segment, and is counted there")
    func underWay() async throws {
        let database = try await TestDatabase.migrated()
        let maker = BatchMaker()
        let batch = try maker.batch(1, [maker.event(1)])
        let writer = try database.connect(Roles.writer)
        let old = HotSegment(id: 1, table: "events_000001")
        let script = CommitStatement.commit([batch], segment: old)
        try writer.execute("BEGIN")
        try writer.copyIn(script.sql, streams: script.streams)
        let leader = try database.leader()
        try leader.execute("SET lock_timeout = '50ms'")
        try database.rotate(leader)
        #expect(try database.finishSegments(leader).isEmpty, "counting waits for the COPY under way")
        try writer.execute("COMMIT")
        try database.finishSegments(leader)
        #expect(try database.number("SELECT row_count FROM docket.segments WHERE segment_id = 1") == 1)
        #expect(try database.areAllSealed())
    }

    @Test("whichever step a leader is killed before, the next one finishes the segment")
    func takeOver() async throws {
        for kill in 0..<SealedIndex.all.count + 5 {
            let database = try await TestDatabase.migrated()
            let maker = BatchMaker()
            _ = await (try database.store()).store(try maker.batch(1, [maker.event(1)]))
            var leader = try database.leader()
            try database.rotate(leader)
            for _ in 0..<kill {
                let facts = try SegmentFacts.readUnfinished(leader)
                let step = try #require(SegmentPlan.next(facts))
                #expect(try step.perform(on: "events_000001", leader), "\(step)")
            }
            leader = try database.leader()
            try database.finishSegments(leader)
            #expect(try database.areAllSealed(), "killed before step \(kill)")
        }
    }

    @Test("a reader with an open transaction delays neither rotation nor sealing nor retirement")
    func openReader() async throws {
        let database = try await TestDatabase.migrated()
        let maker = BatchMaker()
        let store = try await database.store()
        _ = await store.store(try maker.batch(1, [maker.event(1)]))
        let reader = try database.connect(Roles.reader)
        try reader.execute(
            """
            SET idle_in_transaction_session_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ;
            SET LOCAL docket.tenant_ids = '1'; SELECT count(*) FROM docket.audit_log
            """)
        let leader = try database.leader()
        try database.rotate(leader)
        try database.finishSegments(leader)
        #expect(try database.number("SELECT count(*) FROM docket.segments WHERE state = 'sealed'") == 1)
        #expect(await store.store(try maker.batch(2, [maker.event(2)])).committed != nil)
        // What needs the reader to be gone is tried, put off, and holds nothing up.
        try leader.execute("UPDATE docket.segments SET state = 'retiring' WHERE segment_id = 1")
        try database.finishSegments(leader)
        #expect(
            try database.number("SELECT count(*) FROM docket.events WHERE segment_id = 1") == 0,
            "gone for whoever comes")
        #expect(await store.store(try maker.batch(3, [maker.event(3)])).committed != nil)
        try database.rotate(leader)
        #expect(await store.store(try maker.batch(4, [maker.event(4)])).committed != nil)
        #expect(
            try reader.query("SELECT count(*) FROM docket.audit_log").integer(0, 0) == Int64(1),
            "the reader's own state")
        try reader.execute("COMMIT")
        try database.finishSegments(leader)
        #expect(try database.number("SELECT count(*) FROM pg_class WHERE relname = 'events_000001'") == 0)
        #expect(try database.number("SELECT count(*) FROM docket.segments WHERE state = 'dropped'") == 1)
        #expect(try database.areAllSealedBut(dropped: 1))
    }

    @Test("a segment full of values at their limits seals")
    func largest() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store()
        let maker = BatchMaker()
        var generator = SeededGenerator(seed: testSeed())
        let events = (0..<50).map { number in
            var event = maker.event(UInt64(number))
            // Digits at random, so that nothing compresses.
            func text(_ bytes: Int) -> String {
                String(decoding: (0..<bytes).map { _ in UInt8.random(in: 33...126, using: &generator) }, as: UTF8.self)
            }
            (event.scope, event.sessionID, event.requestID, event.agentID) = (
                text(2048), text(2048), text(2048), text(2048)
            )
            event.actor = Actor(kind: text(2048), id: text(2048), userID: text(2048))
            event.resource = Resource(type: text(2048), id: text(2048))
            event.traceID = TraceID(high: .max, low: .max)
            event.reason = text(8192)
            return event
        }
        var limits = Limits()
        limits.maxIndexedFieldBytes = 2048
        #expect(await store.store(try maker.batch(1, events, limits: limits)).committed?.acceptedCount == 50)
        let leader = try database.leader()
        try database.rotate(leader)
        try database.finishSegments(leader)
        #expect(try database.areAllSealed())
    }
}

extension TestDatabase {
    func areAllSealedBut(dropped: Int64) throws -> Bool {
        try self.number("SELECT count(*) FROM docket.segments WHERE state NOT IN ('hot', 'sealed')") == dropped
    }
}
