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
                    ALTER INDEX docket.events_000001_occurred_at SET (pages_per_range = 2);
                    REINDEX INDEX docket.events_000001_occurred_at
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

    @Test("windows are read by their blocks, and the rest by the index on times, though nothing is known of the table")
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
                .contains("Bitmap Index Scan on events_000001_occurred_at"))
        #expect(
            try Self.plan(query, .rest(without: 0..<0), before: nil, connection).contains("Seq Scan on events_000001"))
        var filter = EventFilter()
        filter.actorID = "alice"
        // The tenant is looked at first, and a row only taken apart further where that fits.
        let filtered = try Self.plan(
            EventQuery(tenantIDs: [1], filter: filter), .rest(without: 0..<0), before: nil, connection)
        #expect(filtered.contains("Subquery Scan"), "\(filtered)")
    }

    private static func plan(
        _ query: EventQuery, _ step: HeapPlan.Step, before: PageCursor?, _ connection: PostgresConnection
    ) throws -> String {
        try connection.execute(step.settings)
        let select = EventSelect(query, segments: nil, before: before, heap: step)
        let plan = try connection.query("EXPLAIN \(select.sql)", select.values)
        return try (0..<plan.count).map { try plan.text($0, 0) }.joined(separator: "\n")
    }

    @Test("the leader keeps the index on times near the end of the hot segment, and leaves what is being filled alone")
    func summary() async throws {
        let log = try await Self.log(seed: 5)
        let maintainer = try log.database.connect(Roles.maintainer)
        let segment = HotSegment(id: 1, table: "events_000001")
        var summary = HeapSummary()
        #expect(try summary.turn(segment, maintainer) == false)
        try log.database.connect().execute(
            """
            INSERT INTO docket.events_000001 (\(EventColumn.sqlList))
            SELECT \(EventColumn.sqlList) FROM docket.events_000001, generate_series(1, 1000)
            """)
        let size = try maintainer.heapBlocks(ofSegment: 1)
        #expect(size > 20 * 128)
        var turns = 1
        while try summary.turn(segment, maintainer) { turns += 1 }
        #expect(turns > 1)
        // Ranges that are still to be done: the open ones, and that at the end.
        let left = try log.database.number("SELECT brin_summarize_new_values('docket.events_000001_occurred_at')")
        #expect((2...3).contains(left), "of \(size) blocks")
    }

    @Test("a lock that somebody holds puts the summary off, and does no harm")
    func locked() async throws {
        let log = try await Self.log(seed: 6)
        try log.database.connect().execute(
            """
            INSERT INTO docket.events_000001 (\(EventColumn.sqlList))
            SELECT \(EventColumn.sqlList) FROM docket.events_000001, generate_series(1, 300)
            """)
        let (lock, maintainer) = (try log.database.connect(), try log.database.connect(Roles.maintainer))
        let segment = HotSegment(id: 1, table: "events_000001")
        var summary = HeapSummary()
        try lock.execute("BEGIN; LOCK TABLE docket.events_000001 IN SHARE UPDATE EXCLUSIVE MODE")
        let now = ContinuousClock.now
        #expect(try summary.turn(segment, maintainer, at: now) == false)
        try lock.execute("ROLLBACK")
        // Whoever holds the lock isn't asked again at once.
        #expect(try summary.turn(segment, maintainer, at: now + .milliseconds(900)) == false)
        _ = try summary.turn(segment, maintainer, at: now + .seconds(1))
        let left = try log.database.number("SELECT brin_summarize_new_values('docket.events_000001_occurred_at')")
        #expect((2...3).contains(left))
    }
}
