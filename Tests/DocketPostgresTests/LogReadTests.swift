import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

/// A ``TwoTenantLog`` whose batches have their places in the log.
private struct OrderedLog {
    let log: TwoTenantLog
    let database: TestDatabase
    /// Of each tenant, its events in the log's order, with their places.
    let events: [Int32: [StoredEvent]]

    init(seed: UInt64) async throws {
        self.log = try await TwoTenantLog(seed: seed, moments: 40)
        self.database = self.log.database
        let leader = try self.database.leader()
        var appender = Appender()
        try appender.takeOver(leader)
        _ = try appender.turn(leader, segment: 1)
        let rows = try self.database.connect().query("SELECT batch_id, log_index FROM docket.log_entries")
        var places: [Int64: Int64] = [:]
        for row in 0..<rows.count { places[try rows.integer(row, 0)] = try rows.integer(row, 1) }
        self.events = self.log.events.mapValues { events in
            events.map { event in
                var event = event
                event.logIndex = places[event.batchID]
                return event
            }.sorted { ($0.logIndex ?? -1, $0.position) < ($1.logIndex ?? -1, $1.position) }
        }
    }

    /// Moves rows to sealed segments, and says so in the log.
    func seal(_ ids: ClosedRange<Int32>, by segment: String) throws {
        try self.database.seal(ids, by: segment)
        let superuser = try self.database.connect()
        try superuser.execute("UPDATE docket.log_entries SET segment_id = \(segment)")
        // Every other one was sealed by a version that knew no such index.
        let index = try #require(SealedIndex.all.first { $0.suffix == "batch_id" })
        for id in ids where id % 2 == 0 { try superuser.execute(index.create(on: TestDatabase.segmentTable(id))) }
    }

    /// What a part of a tenant's log should hold.
    func expected(_ query: LogQuery) -> [StoredEvent] {
        let matching = self.log.expected(EventQuery(tenantIDs: [query.tenantID], filter: query.filter))
        let ids = Set(matching.map { [$0.batchID, Int64($0.position)] })
        return (self.events[query.tenantID] ?? []).filter { event in
            let place = LogPosition(logIndex: event.logIndex ?? -1, position: event.position)
            return ids.contains([event.batchID, Int64(event.position)]) && place >= query.from
                && place.logIndex < query.end
        }
    }

    /// Reads page by page to the end.
    func read(_ query: LogQuery) async throws -> [StoredEvent] {
        var (query, events, pages) = (query, [StoredEvent](), 0)
        let end = LogPosition(logIndex: query.end, position: 0)
        while query.from < end, pages < 1000 {
            let page = try await self.log.reader.readLog(query)
            #expect(page.next > query.from)
            events += page.events
            (query.from, query.heapPlace, pages) = (page.next, page.heapPlace, pages + 1)
        }
        return events
    }
}

@Suite("Reading the log in its own order")
struct LogReadTests {
    @Test(
        "gives each event once and in order, wherever the events lie",
        arguments: [
            // All in the hot one; by batch in sealed ones; some of each; an entry of unknown segment among them.
            (nil, nil, 0), ("2 + batch_id % 5", nil, 5), ("1 + batch_id % 3", nil, 2),
            ("1 + batch_id % 3", "batch_id % 4 = 0", 2),
        ] as [(String?, String?, Int32)])
    func layouts(segment: String?, unknown: String?, count: Int32) async throws {
        let seed = testSeed()
        let ordered = try await OrderedLog(seed: seed)
        if let segment { try ordered.seal(2...(1 + count), by: segment) }
        if let unknown {
            try ordered.database.connect().execute(
                "UPDATE docket.log_entries SET segment_id = NULL WHERE \(unknown)")
        }
        var generator = SeededGenerator(seed: seed ^ 1)
        for tenant in [1, ordered.log.other] {
            let end = try await ordered.log.reader.logEnd(tenantID: tenant)
            #expect(end == Int64(Set(ordered.events[tenant, default: []].map(\.batchID)).count))
            let whole = LogQuery(tenantID: tenant, end: end)
            #expect(try await ordered.read(whole) == ordered.expected(whole))
            for _ in 0..<12 {
                let query = LogQuery(
                    tenantID: tenant, filter: ordered.log.filter(using: &generator),
                    from: LogPosition(
                        logIndex: Int64.random(in: 0...end, using: &generator),
                        position: Int32.random(in: 0...5, using: &generator)),
                    end: Int64.random(in: 0...end, using: &generator),
                    heapPlace: HeapPlace(segmentID: 1, block: Int64.random(in: 0...4, using: &generator)))
                #expect(try await ordered.read(query) == ordered.expected(query), "\(query)")
            }
        }
    }

    @Test("of several filters at once, says which ones each event meets: those that PostgreSQL says it meets")
    func alternatives() async throws {
        let seed = testSeed()
        let ordered = try await OrderedLog(seed: seed)
        var generator = SeededGenerator(seed: seed ^ 2)
        for tenant in [1, ordered.log.other] {
            let end = try await ordered.log.reader.logEnd(tenantID: tenant)
            let filters = TwoTenantLog.singleFilters + (0..<30).map { _ in ordered.log.filter(using: &generator) }
            var query = LogQuery(tenantID: tenant, end: end)
            query.alternatives = filters.map { RowFilter($0) }
            let page = try await ordered.log.reader.readLog(query)
            #expect(page.next == LogPosition(logIndex: end, position: 0) && page.events.count == page.matches.count)
            for (index, filter) in filters.enumerated() {
                let met = zip(page.events, page.matches).filter { $0.1.contains(index) }.map(\.0)
                #expect(met == ordered.expected(LogQuery(tenantID: tenant, filter: filter, end: end)), "\(filter)")
            }
        }
    }

    @Test("new batches are those from the index on, of each tenant its own, and of no other tenant")
    func newBatches() async throws {
        let ordered = try await OrderedLog(seed: 6)
        let reader = ordered.log.reader
        let (one, other) = (
            try await reader.logEnd(tenantID: 1), try await reader.logEnd(tenantID: ordered.log.other)
        )
        let found = try await reader.newBatches([1: one - 3, ordered.log.other: 0, 99: 0])
        #expect(found.filter { $0.tenantID == 1 }.map(\.logIndex) == [one - 3, one - 2, one - 1])
        #expect(found.filter { $0.tenantID == ordered.log.other }.map(\.logIndex) == Array(0..<other))
        #expect(found.count == 3 + Int(other) && found.allSatisfy { $0.acceptedCount == 5 })
        for batch in found {
            #expect(ordered.events[batch.tenantID]?.contains { $0.batchID == batch.batchID } == true)
        }
        #expect(try await reader.newBatches([1: one]) == [])
        #expect(try await reader.newBatches([:]) == [])
    }

    @Test("events of a segment that is gone are passed over, and so are those that retention has removed")
    func gone() async throws {
        let ordered = try await OrderedLog(seed: 3)
        try ordered.seal(2...3, by: "2 + batch_id % 2")
        try ordered.database.connect().execute(
            """
            UPDATE docket.segments SET state = 'dropped' WHERE segment_id = 2;
            UPDATE docket.log_entries SET removed_at = now() WHERE log_index = 1
            """)
        let query = LogQuery(tenantID: 1, end: try await ordered.log.reader.logEnd(tenantID: 1))
        let expected = ordered.expected(query).filter { $0.batchID % 2 == 1 && $0.logIndex != 1 }
        #expect(try await ordered.read(query) == expected)
    }

    @Test("another tenant's log is not seen, whatever is asked for")
    func isolated() async throws {
        let ordered = try await OrderedLog(seed: 4)
        let query = LogQuery(tenantID: 99, end: 1000)
        #expect(try await ordered.read(query) == [])
        #expect(try await ordered.log.reader.logEnd(tenantID: 99) == 0)
    }

    @Test("a page ends before it is too large, in the midst of a batch")
    func large() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store()
        let maker = BatchMaker()
        let events = (0..<60).map { number in
            var event = maker.event(UInt64(number))
            event.attributes = #"{"a":"\#(String(repeating: "x", count: 60_000))"}"#
            return event
        }
        #expect(await store.store(try maker.batch(1, events)).committed != nil)
        let leader = try database.leader()
        var appender = Appender()
        try appender.takeOver(leader)
        let reader = try database.reader()
        var query = LogQuery(tenantID: 1, end: 1)
        var sizes: [Int] = []
        var found: [Event] = []
        while query.from.logIndex < 1 {
            let page = try await reader.readLog(query)
            sizes.append(page.events.count)
            found += page.events.map(\.event)
            query.from = page.next
        }
        #expect(found.map(\.eventID) == events.map(\.eventID) && found.map(\.attributes) == events.map(\.attributes))
        #expect(sizes.count == 4 && sizes.allSatisfy { $0 <= 18 }, "\(sizes)")
    }

    @Test("a page has no more events than a client takes, however small they are")
    func small() async throws {
        let database = try await TestDatabase.migrated()
        let store = try await database.store()
        let maker = BatchMaker()
        let events = (0..<9_000).map { maker.event(UInt64($0), scope: "s") }
        #expect(await store.store(try maker.batch(1, events)).committed != nil)
        let leader = try database.leader()
        var appender = Appender()
        try appender.takeOver(leader)
        let reader = try database.reader()
        var filter = EventFilter()
        filter.scope = "s"
        var query = LogQuery(tenantID: 1, filter: filter, end: 1)
        var sizes: [Int] = []
        while query.from.logIndex < 1 {
            let page = try await reader.readLog(query)
            sizes.append(page.events.count)
            query.from = page.next
        }
        #expect(sizes == [4_000, 4_000, 1_000])
    }

    @Test("a segment without indexes is searched by ranges of blocks, and never through the whole parent")
    func plan() async throws {
        let ordered = try await OrderedLog(seed: 5)
        let connection = try ordered.database.connect(Roles.reader)
        try connection.execute("BEGIN; SET LOCAL docket.tenant_ids = '1'")
        var conditions = SQLConditions()
        conditions.add(segments: [1])
        conditions.add("e.tenant_id = ?", .int4(1))
        conditions.add(blocks: 0..<1)
        let plan = try connection.query(
            "EXPLAIN SELECT count(*) FROM docket.events AS e WHERE \(conditions.sql)", conditions.values)
        let lines = try (0..<plan.count).map { try plan.text($0, 0) }
        #expect(lines.contains { $0.contains("Tid Range Scan on events_000001") }, "\(lines.joined(separator: "\n"))")
    }
}

@Suite("What one page of the log reads")
struct LogSliceTests {
    private func entry(_ index: Int64, _ segment: Int32?, count: Int32 = 10) -> LogEntry {
        LogEntry(logIndex: index, batchID: 100 + index, acceptedCount: count, segmentID: segment)
    }

    private let known: [Int32: Bool] = [1: false, 2: true, 3: true, 4: false]

    @Test("as many batches as have so many events, and one at least")
    func bounded() throws {
        let entries = (0..<5).map { self.entry($0, 2) }
        #expect(LogSlice(entries, isIndexed: self.known, maxEvents: 30)?.entries.count == 3)
        #expect(LogSlice(entries, isIndexed: self.known, maxEvents: 1)?.entries.count == 1)
        #expect(LogSlice(entries, isIndexed: self.known, maxEvents: 1000)?.eventCount == 50)
        #expect(LogSlice([], isIndexed: self.known, maxEvents: 30) == nil)
    }

    @Test("segments with indexes together, one without by itself, and what is gone not at all")
    func places() {
        func place(_ segments: Int32?...) -> (LogSlice.Place, [Int64])? {
            let entries = segments.enumerated().map { self.entry(Int64($0.offset), $0.element) }
            return LogSlice(entries, isIndexed: self.known, maxEvents: 1000).map {
                ($0.place, $0.entries.map(\.logIndex))
            }
        }
        #expect(place(3, 2, 3, 1).map { $0 == (.indexed([2, 3]), [0, 1, 2]) } == true)
        #expect(place(1, 9, 1, 4, 1).map { $0 == (.heap(1), [0, 2]) } == true)
        #expect(place(nil, nil, 2).map { $0 == (.unknown, [0, 1]) } == true)
        #expect(place(9, 9) == nil)
    }

    @Test("blocks are searched in windows that grow and leave no gap")
    func windows() throws {
        let windows = HeapSearch.windows(5..<50_000)
        #expect(windows.first == 5..<1029 && windows.last?.upperBound == 50_000)
        for (one, next) in zip(windows, windows.dropFirst()) { #expect(one.upperBound == next.lowerBound) }
        #expect(windows.map(\.count).max() == 16_384)
        #expect(HeapSearch.windows(7..<7) == [])
        #expect(try HeapSearch.block(of: "(4711,12)") == 4711)
        #expect(throws: PostgresError.self) { try HeapSearch.block(of: "()") }
    }
}
