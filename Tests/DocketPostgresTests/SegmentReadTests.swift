import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

@Suite("Reading across segments")
struct SegmentReadTests {
    /// The microsecond of an event of ``TwoTenantLog``, in SQL.
    private static let moment = "extract(microseconds FROM occurred_at)::int8 % 1000000"

    @Test(
        "what pages hold doesn't depend on the segments that the events lie in",
        arguments: [
            // By batch, so that the times of all overlap.
            ("2 + batch_id % 5", 5), ("2 + batch_id % 40", 40),
            // By time, each overlapping with the next ones; now and then a row stays in the hot one.
            ("CASE WHEN batch_id % 9 = 0 THEN 1 ELSE 2 + \(moment) + batch_id % 3 END", 42),
            // The latest in the segments with the smallest ids.
            ("41 - (\(moment))", 40),
        ] as [(String, Int32)])
    func layouts(segment: String, count: Int32) async throws {
        let seed = testSeed()
        let log = try await TwoTenantLog(seed: seed, moments: 40)
        // The last one stays empty.
        try log.database.seal(2...(count + 2), by: segment)
        var generator = SeededGenerator(seed: seed ^ 1)
        for order in [EventOrder.newestFirst, .oldestFirst] {
            for limit in [1, 3, 40, 200] {
                let query = EventQuery(tenantIDs: [1, log.other], order: order, limit: limit)
                #expect(try await log.check(query) == 200)
            }
        }
        for _ in 0..<30 { _ = try await log.check(log.query(using: &generator)) }
    }

    @Test("a segment whose rows aren't counted yet is read, whatever its times")
    func uncounted() async throws {
        let log = try await TwoTenantLog(seed: 5)
        try log.database.seal(2...2, by: "2")
        try log.database.connect(Roles.maintainer).execute(
            """
            UPDATE docket.segments SET state = 'sealing', row_count = NULL, min_occurred_at = NULL, max_occurred_at = NULL
            WHERE segment_id = 2
            """)
        var filter = EventFilter()
        filter.occurredFrom = TwoTenantLog.time(5)
        #expect(try await log.check(EventQuery(tenantIDs: [1, log.other], filter: filter)) > 0)
    }

    @Test("all statements of a query see the log as it was when it began")
    func oneState() async throws {
        let log = try await TwoTenantLog(seed: 6, moments: 40)
        try log.database.seal(2...41, by: "2 + \(Self.moment)")
        let blocked = try log.database.connect()
        // Oldest first, the query waits in the statement with the second sixteen sealed ones; the last is not yet read.
        try blocked.execute("BEGIN; LOCK TABLE docket.events_000020 IN ACCESS EXCLUSIVE MODE")
        async let page = log.reader.query(
            EventQuery(tenantIDs: [1, log.other], order: .oldestFirst, limit: 1000))
        let observer = try log.database.connect()
        await until {
            (try? observer.query(
                """
                SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                    AND usename = 'docket_reader' AND datname = current_database())
                """
            ).bool(0, 0)) == true
        }
        // The last segment loses its rows, and is known to have.
        try observer.execute(
            """
            DELETE FROM docket.events_000041;
            UPDATE docket.segments SET row_count = 0, min_occurred_at = NULL, max_occurred_at = NULL
            WHERE segment_id = 41;
            """)
        try blocked.execute("ROLLBACK")
        #expect(try await page.events.count == 200)
    }

    // MARK: What is touched

    @Test("a segment that a page doesn't need isn't touched, and one that it may need is")
    func untouched() async throws {
        let log = try await TwoTenantLog(seed: 7, moments: 40)
        try log.database.seal(2...41, by: "2 + \(Self.moment)")
        let reader = log.reader
        let impatient = try PostgresReader(
            settings: log.database.settings(Roles.reader), connections: 1, statementTimeoutMilliseconds: 200)
        let lock = try log.database.connect()
        try lock.execute("BEGIN; LOCK TABLE docket.events_000002, docket.events_000041 IN ACCESS EXCLUSIVE MODE")
        let tenants = [1, log.other]
        var filter = EventFilter()
        filter.occurredFrom = TwoTenantLog.time(1)
        filter.occurredTo = TwoTenantLog.time(38)
        let page = try await reader.query(EventQuery(tenantIDs: tenants, filter: filter, limit: 1000))
        #expect(page.events == log.expected(EventQuery(tenantIDs: tenants, filter: filter)))
        // Behind a cursor, and before it gets to the segment.
        for (order, moment) in [(EventOrder.newestFirst, 38), (.oldestFirst, 1)] as [(EventOrder, Int64)] {
            let after = PageCursor(
                occurredAt: TwoTenantLog.time(moment), batchID: order == .newestFirst ? .max : 0, position: 0)
            let query = EventQuery(tenantIDs: tenants, order: order, limit: 20, after: after)
            #expect(try await reader.query(query).events.count == 20)
        }
        for order in [EventOrder.newestFirst, .oldestFirst] {
            let error = await #expect(throws: StoreError.self) {
                try await impatient.query(EventQuery(tenantIDs: tenants, order: order, limit: 1000))
            }
            #expect(error?.code == .unavailable)
        }
        try lock.execute("ROLLBACK")
        #expect(try await reader.query(EventQuery(tenantIDs: tenants, limit: 1000)).events.count == 200)
    }

    @Test(
        "each statement is planned over the segments that the walk names and no others, whatever the planner knows",
        arguments: [EventOrder.newestFirst, .oldestFirst])
    func plan(order: EventOrder) async throws {
        let log = try await TwoTenantLog(seed: 8, moments: 40)
        try log.database.seal(2...41, by: "2 + \(Self.moment)")
        let connection = try log.database.connect(Roles.reader)
        try connection.execute(
            "BEGIN; SET LOCAL docket.tenant_ids = '1'; SET LOCAL plan_cache_mode = force_generic_plan")
        var filter = EventFilter()
        filter.occurredTo = TwoTenantLog.time(30)
        let query = EventQuery(tenantIDs: [1], filter: filter, order: order)
        var walk = SegmentWalk(try PostgresReader.segments(connection), for: query)
        var seen: [Int32] = []
        while let segments = walk.next(upTo: nil)?.ids {
            seen += segments
            let named = Set(segments.map(TestDatabase.segmentTable))
            let select = EventSelect(query, segments: segments)
            #expect(try Self.tables(connection.query("EXPLAIN \(select.sql)", select.values)) == named)
            // The same without knowing a single parameter.
            try connection.execute("PREPARE page AS \(select.sql)")
            let generic = try connection.query("EXPLAIN EXECUTE page (1, now())")
            #expect(try Self.tables(generic) == named)
            try connection.execute("DEALLOCATE page")
        }
        let moments = Set(log.events.values.joined().map(\.event.occurredAt)).filter { $0 <= TwoTenantLog.time(30) }
        // The hot one, and one for each moment.
        #expect(seen.count == Set(seen).count)
        #expect(seen.count == 1 + moments.count)
    }

    /// The segments in a plan. One that the executor leaves out when it begins is there as a number only, and counts as
    /// a failure.
    private static func tables(_ plan: PostgresRows) throws -> Set<String> {
        let lines = try (0..<plan.count).map { try plan.text($0, 0) }
        #expect(!lines.contains { $0.contains("Subplans Removed") })
        return Set(
            lines.flatMap { $0.split { !($0.isLetter || $0.isNumber || $0 == "_") } }.map(String.init)
                .filter { $0.hasPrefix("events_0") })
    }

    @Test("nothing is asked of each row about its segment where there is only one")
    func oneSegment() async throws {
        let log = try await TwoTenantLog(seed: 9)
        #expect(try await Self.firstStatement(log).contains("segment_id") == false)
        try log.database.seal(2...2, by: "CASE WHEN batch_id % 2 = 0 THEN 2 END")
        #expect(try await Self.firstStatement(log).contains("e.segment_id = ANY ('{1}'::int4[])"))
    }

    /// The text of the first statement that reads events for a query, caught while it waits for the names of the tenants.
    private static func firstStatement(_ log: TwoTenantLog) async throws -> String {
        let observer = try log.database.connect()
        try observer.execute("BEGIN; LOCK TABLE docket.tenants IN ACCESS EXCLUSIVE MODE")
        async let page = log.reader.query(EventQuery(tenantIDs: [1]))
        let text = """
            SELECT query FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND usename = 'docket_reader' AND datname = current_database()
            """
        // Another connection looks, since a transaction keeps what it once saw of the activity.
        let monitor = try log.database.connect()
        await until { (try? monitor.query(text).count) == 1 }
        let statement = try monitor.query(text).text(0, 0)
        try observer.execute("ROLLBACK")
        _ = try await page
        return statement
    }

    @Test("the first rows of a tenant come from the index on its times, and no more than these are read")
    func order() async throws {
        let log = try await TwoTenantLog(seed: 10, moments: 40)
        let maintainer = try log.database.connect(Roles.maintainer)
        try log.database.seal(2...5, by: "2 + batch_id % 4")
        for id in 2...5 as ClosedRange<Int32> {
            try maintainer.execute(
                """
                INSERT INTO docket.\(TestDatabase.segmentTable(id)) (\(EventColumn.sqlList))
                SELECT \(EventColumn.sqlList.replacing("occurred_at", with: "occurred_at - n * interval '1 hour'"))
                FROM docket.\(TestDatabase.segmentTable(id)), generate_series(1, 500) AS n;
                CREATE INDEX ON docket.\(TestDatabase.segmentTable(id)) (tenant_id, occurred_at);
                ANALYZE docket.\(TestDatabase.segmentTable(id))
                """)
        }
        let connection = try log.database.connect(Roles.reader)
        try connection.execute("BEGIN; SET LOCAL docket.tenant_ids = '1'")
        let select = EventSelect(EventQuery(tenantIDs: [1]), segments: [2, 3, 4, 5])
        let plan = try connection.query("EXPLAIN \(select.sql)", select.values)
        let lines = try (0..<plan.count).map { try plan.text($0, 0) }
        #expect(lines.contains { $0.contains("Merge Append") }, "\(lines.joined(separator: "\n"))")
        #expect(lines.count { $0.contains("Index Scan Backward using events_0") } == 4)
    }

    @Test("a query that is cancelled between two statements doesn't begin the second")
    func cancelledBetween() throws {
        let cancellation = WorkCancellation()
        let budget = QueryBudget(milliseconds: 100_000, cancellation: cancellation)
        #expect(try budget.leftMilliseconds() > 0)
        cancellation.perform()
        #expect(throws: PostgresError.self) { try budget.leftMilliseconds() }
    }

    @Test("a query's time is bounded as a whole, not statement by statement")
    func budget() throws {
        let start = ContinuousClock.now
        let budget = QueryBudget(milliseconds: 100, start: start)
        #expect(try budget.leftMilliseconds(at: start) == 100)
        #expect(try budget.leftMilliseconds(at: start + .milliseconds(40)) == 60)
        // PostgreSQL takes 0 for no limit at all.
        #expect(try budget.leftMilliseconds(at: start + .microseconds(99_999)) == 1)
        let error = #expect(throws: PostgresError.self) {
            try budget.leftMilliseconds(at: start + .milliseconds(100))
        }
        #expect(error?.sqlstate == .queryCanceled)
    }
}
