import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

@Suite("Reading segments without indexes")
struct HeapReadTests {
    /// A log of 200 events as a reader sees it that takes few blocks at a time.
    private static func log(
        seed: UInt64, moments: UInt64 = 40, windowBlocks: Int64 = 1
    ) async throws -> TwoTenantLog {
        var log = try await TwoTenantLog(seed: seed, moments: moments)
        log.reader = try PostgresReader(
            settings: log.database.settings(Roles.reader), connections: 1, heapWindowBlocks: windowBlocks)
        return log
    }

    /// Lays the rows of the hot segment anew, a few in each block, in an order that is given in SQL. What fills the blocks up
    /// belongs to a tenant that nobody asks for.
    private static func lay(_ log: TwoTenantLog, by order: String) throws {
        let columns = EventColumn.sqlList
        let filler = EventColumn.allCases.map { column in
            switch column {
            case .tenantID: "4711"
            case .reason: "repeat(md5(n::text), 50)"
            default: column.sqlName
            }
        }
        try log.database.connect().execute(
            """
            CREATE TEMP TABLE laid AS
            SELECT \(columns), row_number() OVER (ORDER BY \(order)) AS n FROM docket.events_000001;
            TRUNCATE docket.events_000001;
            INSERT INTO docket.events_000001 (\(columns))
            SELECT \(columns) FROM (
                SELECT n, \(columns) FROM laid
                UNION ALL SELECT n, \(filler.joined(separator: ", ")) FROM laid
            ) AS mixed ORDER BY n
            """)
    }

    private static let orders = [
        "occurred_at, batch_id, position", "occurred_at DESC", "batch_id", "md5(batch_id::text || position)",
        // A few late ones at the end, and some of the future in the midst.
        "batch_id % 9 = 0, occurred_at", "position = 3 AND batch_id % 5 = 0, occurred_at DESC",
    ]

    @Test(
        "pages are the same in whatever order rows lie, and whatever is summarised of them", arguments: orders
    )
    func layouts(order: String) async throws {
        let seed = testSeed()
        let log = try await Self.log(seed: seed)
        try Self.lay(log, by: order)
        #expect(try log.database.connect(Roles.reader).heapBlocks(ofSegment: 1) > 16)
        var generator = SeededGenerator(seed: seed ^ 1)
        for isSummarised in [false, true] {
            if isSummarised {
                try log.database.connect().execute(
                    """
                    ALTER INDEX docket.events_000001_blocks SET (pages_per_range = 2);
                    REINDEX INDEX docket.events_000001_blocks
                    """)
            }
            for order in [EventOrder.newestFirst, .oldestFirst] {
                for limit in [1, 2, 7, 40, 199, 200] {
                    let query = EventQuery(tenantIDs: [1, log.other], order: order, limit: limit)
                    #expect(try await log.check(query) == 200)
                }
            }
            for _ in 0..<40 { _ = try await log.check(log.query(using: &generator)) }
        }
    }

    @Test("pages go over hot, sealing and sealed segments, whichever of them the first rows are in")
    func segments() async throws {
        let seed = testSeed()
        let log = try await Self.log(seed: seed)
        try log.database.seal(2...6, by: "1 + batch_id % 6")
        // Two are not yet sealed, and of one not even the times are known.
        try log.database.connect(Roles.maintainer).execute(
            """
            UPDATE docket.segments SET state = 'sealing' WHERE segment_id IN (5, 6);
            UPDATE docket.segments SET row_count = NULL, min_occurred_at = NULL, max_occurred_at = NULL
            WHERE segment_id = 6
            """)
        var generator = SeededGenerator(seed: seed ^ 1)
        for order in [EventOrder.newestFirst, .oldestFirst] {
            for limit in [1, 3, 40, 200] {
                #expect(try await log.check(EventQuery(tenantIDs: [1, log.other], order: order, limit: limit)) == 200)
            }
        }
        for _ in 0..<40 { _ = try await log.check(log.query(using: &generator)) }
    }

    @Test(
        "what was there when paging began comes exactly once, however much is added meanwhile",
        arguments: [EventOrder.newestFirst, .oldestFirst])
    func growing(order: EventOrder) async throws {
        let seed = testSeed()
        let log = try await Self.log(seed: seed)
        try Self.lay(log, by: "md5(batch_id::text || position)")
        let expected = log.expected(EventQuery(tenantIDs: [1, log.other], order: order))
        let last = try #require(expected.map(\.batchID).max())
        let writer = try log.database.connect()
        var query = EventQuery(tenantIDs: [1, log.other], order: order, limit: 9)
        var found: [StoredEvent] = []
        var pages = 0
        repeat {
            let page = try await log.reader.query(query)
            found += page.events
            query.after = page.next
            pages += 1
            // Others of the same moments: before the page, in it, and behind it.
            try writer.execute(
                """
                INSERT INTO docket.events_000001 (\(EventColumn.sqlList))
                SELECT \(EventColumn.sqlList.replacing("batch_id", with: "batch_id + (\(pages)::int8 << 32)"))
                FROM docket.events_000001
                WHERE batch_id <= \(last) AND tenant_id <> 4711 AND hashtext(event_id::text || '\(pages)') % 10 = 0
                """)
        } while query.after != nil && pages < 500
        #expect(found.count > expected.count)
        #expect(found.filter { $0.batchID <= last } == expected)
        let places = found.map { [$0.batchID, Int64($0.position)] }
        #expect(Set(places).count == places.count)
    }

    @Test(
        "what was there when paging began comes exactly once, though segments are closed and sealed between the pages",
        arguments: [EventOrder.newestFirst, .oldestFirst])
    func rotating(order: EventOrder) async throws {
        let log = try await Self.log(seed: testSeed())
        let leader = try log.database.connect(Roles.maintainer)
        let expected = log.expected(EventQuery(tenantIDs: [1, log.other], order: order))
        let last = try #require(expected.map(\.batchID).max())
        let writer = try log.database.connect()
        var query = EventQuery(tenantIDs: [1, log.other], order: order, limit: 9)
        var found: [StoredEvent] = []
        var pages: Int32 = 0
        repeat {
            let page = try await log.reader.query(query)
            found += page.events
            query.after = page.next
            pages += 1
            switch pages % 4 {
            case 1: try log.database.rotate(leader)
            case 2:
                // Others of the same moments, in the segment that is hot by now.
                let hot = try log.database.number("SELECT segment_id FROM docket.segments WHERE state = 'hot'")
                try writer.execute(
                    """
                    INSERT INTO docket.\(Rotation.tableName(Int32(hot))) (\(EventColumn.sqlList))
                    SELECT \(EventColumn.sqlList.replacing("batch_id", with: "batch_id + (\(pages)::int8 << 32)"))
                    FROM docket.events_000001 WHERE batch_id <= \(last) AND hashtext(event_id::text) % 10 = 0
                    """)
            case 3: try log.database.finishSegments(leader)
            default: break
            }
        } while query.after != nil && pages < 100
        #expect(pages > 20 && query.after == nil)
        #expect(found.filter { $0.batchID <= last } == expected)
        let places = found.map { [$0.batchID, Int64($0.position)] }
        #expect(Set(places).count == places.count)
    }

    @Test("windows are read by their blocks, and the rest by the index, though nothing is known of the table")
    func plans() async throws {
        let log = try await Self.log(seed: 4)
        try Self.lay(log, by: "occurred_at")
        let connection = try log.database.connect(Roles.reader)
        try connection.execute("BEGIN; SET LOCAL docket.tenant_ids = '1'")
        let query = EventQuery(tenantIDs: [1], limit: 5)
        let end = PageCursor(occurredAt: TwoTenantLog.time(38), batchID: 0, position: 0)
        #expect(try Self.plan(query, .window(3..<9), before: nil, connection).contains("Tid Range Scan"))
        #expect(
            try Self.plan(query, .rest(without: 3..<9), before: end, connection)
                .contains("Bitmap Index Scan on events_000001_blocks"))
        var filter = EventFilter()
        filter.action = "get"
        // The tenant is looked at first, and a row only taken apart further where that fits.
        let filtered = try Self.plan(
            EventQuery(tenantIDs: [1], filter: filter), .rest(without: 0..<0), before: nil, connection)
        #expect(filtered.contains("Subquery Scan"), "\(filtered)")
    }

    @Test(
        "blocks without a value that is asked for are ruled out by the index: of every column that it has a filter for")
    func filters() async throws {
        let log = try await Self.log(seed: 4)
        try Self.lay(log, by: "occurred_at")
        let owner = try log.database.connect()
        try owner.execute(
            """
            ALTER INDEX docket.events_000001_blocks SET (pages_per_range = 2);
            REINDEX INDEX docket.events_000001_blocks
            """)
        let connection = try log.database.connect(Roles.reader)
        try connection.execute("BEGIN; SET LOCAL docket.tenant_ids = '1,77'")
        var filters = Array(repeating: EventFilter(), count: 8)
        filters[0].eventID = EventID(high: 1, low: 1)
        filters[1].scope = "absent"
        filters[2].actorID = "absent"
        filters[3].resourceID = "absent"
        filters[4].sessionID = "absent"
        filters[5].requestID = "absent"
        filters[6].agentID = "absent"
        filters[7].traceID = TraceID(high: 1, low: 1)
        var queries = filters.map { (query: EventQuery(tenantIDs: [1], filter: $0), types: [Int32]?.none) }
        queries.append((EventQuery(tenantIDs: [77]), nil))
        queries.append((EventQuery(tenantIDs: [1]), [4_711]))
        let indexed = try log.database.number(
            "SELECT indnatts FROM pg_index WHERE indexrelid = 'docket.events_000001_blocks'::regclass")
        // And the time.
        #expect(queries.count + 1 == Int(indexed))
        let size = try connection.heapBlocks(ofSegment: 1)
        for (query, types) in queries {
            let plan = try Self.plan(
                query, .rest(without: 0..<0), types: types, before: nil, connection, explain: "EXPLAIN ANALYZE")
            let read =
                plan.split(separator: "lossy=").dropFirst().first.flatMap { Int64($0.prefix { $0.isNumber }) } ?? 0
            #expect(plan.contains("Bitmap Index Scan on events_000001_blocks"), "\(plan)")
            #expect(read <= size / 8, "\(size) blocks: \(plan)")
        }
    }

    @Test(
        "of several tenants and types the index is not asked, since it would be read once for each of their combinations"
    )
    func several() async throws {
        let log = try await Self.log(seed: 4)
        try Self.lay(log, by: "occurred_at")
        let connection = try log.database.connect(Roles.reader)
        try connection.execute("BEGIN; SET LOCAL docket.tenant_ids = '1,2,77'")
        var filter = EventFilter()
        filter.action = "get"
        for sessionID in [nil, "s1"] {
            filter.sessionID = sessionID
            let plan = try Self.plan(
                EventQuery(tenantIDs: [1, 2, 77], filter: filter), .rest(without: 0..<0), types: [4, 5, 6], before: nil,
                connection)
            #expect(plan.contains("Bitmap Index Scan") == (sessionID != nil), "\(plan)")
            let conditions = plan.split(separator: "\n").filter { $0.contains("Index Cond") && !$0.contains("e.t") }
            #expect(!conditions.contains { $0.contains("ANY") }, "\(plan)")
        }
    }

    private static func plan(
        _ query: EventQuery, _ step: HeapPlan.Step, types: [Int32]? = nil, before: PageCursor?,
        _ connection: PostgresConnection, explain: String = "EXPLAIN"
    ) throws -> String {
        try connection.execute(step.settings(isLittle: true))
        let select = EventSelect(query, segments: nil, typeIDs: types, before: before, heap: step)
        let plan = try connection.query("\(explain) \(select.sql)", select.values)
        return try (0..<plan.count).map { try plan.text($0, 0) }.joined(separator: "\n")
    }
}
