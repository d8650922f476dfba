import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

@Suite("Reading events back")
struct ReaderTests {
    @Test("every filter, alone and with others, in both orders, page by page, finds exactly what it should")
    func filters() async throws {
        let seed = testSeed()
        let log = try await TwoTenantLog(seed: seed)
        var generator = SeededGenerator(seed: seed ^ 1)
        for filter in TwoTenantLog.singleFilters {
            #expect(
                try await log.check(EventQuery(tenantIDs: [1, log.other], filter: filter, limit: 7)) > 0, "\(filter)")
        }
        var found = 0
        for _ in 0..<50 { found += try await log.check(log.query(using: &generator)) }
        #expect(found > 0)
    }

    @Test("of fields that nobody asked for nothing is read that may be absent, and the others come with every filter")
    func fields() async throws {
        let seed = testSeed()
        let log = try await TwoTenantLog(seed: seed)
        var generator = SeededGenerator(seed: seed ^ 1)
        for _ in 0..<60 {
            var query = log.query(using: &generator)
            query.limit = 200
            query.fields = EventFields(EventField.allCases.filter { _ in generator.oneIn(3) })
            // These take no room that counts.
            var read = query.fields
            read.formUnion(EventFields([.decision, .outcome]))
            #expect(try await log.reader.query(query).events == log.expected(query).map { $0.masked(read) }, "\(query)")
        }
        let select = EventSelect(EventQuery(tenantIDs: [1], fields: EventFields([.type, .actorID])), segments: nil).sql
        #expect(select.contains("e.actor_id") && select.contains("e.occurred_at"))
        #expect(!select.contains("e.attributes") && !select.contains("e.*") && !select.contains("e.actor_kind"))
    }

    @Test("no tenants, an unknown one, and an unknown type find nothing")
    func nothing() async throws {
        let log = try await TwoTenantLog(seed: 1)
        #expect(try await log.reader.query(EventQuery(tenantIDs: [])).events.isEmpty)
        #expect(try await log.reader.query(EventQuery(tenantIDs: [4711])).events.isEmpty)
        var filter = EventFilter()
        filter.type = "no.such.type"
        #expect(try await log.reader.query(EventQuery(tenantIDs: [1], filter: filter)).events.isEmpty)
    }

    @Test(
        "a text that PostgreSQL can't hold finds nothing, whatever it is asked of",
        arguments: [
            \.scope, \.type, \.actorID, \.sessionID, \.requestID, \.agentID, \.resourceType, \.resourceID, \.action,
            \.typePrefix, \.source, \.policy, \.text,
        ]
            as [any WritableKeyPath<EventFilter, String?> & Sendable])
    func zeroCharacter(_ text: any WritableKeyPath<EventFilter, String?> & Sendable) async throws {
        let reader = try await TestDatabase.migrated().reader()
        var filter = EventFilter()
        filter[keyPath: text] = "a\0b"
        #expect(try await reader.query(EventQuery(tenantIDs: [1], filter: filter)) == EventPage(events: [], next: nil))
    }

    @Test(
        "a condition on attributes that PostgreSQL can't hold finds nothing", arguments: [("/a\0", "b"), ("/a", "b\0")])
    func zeroCharacterInAttributes(pointer: String, value: String) async throws {
        let reader = try await TestDatabase.migrated().reader()
        var filter = EventFilter()
        filter.attributes = [AttributeCondition(pointer: try #require(JSONPointer(pointer)), value: value)]
        #expect(try await reader.query(EventQuery(tenantIDs: [1], filter: filter)) == EventPage(events: [], next: nil))
    }

    @Test("counts all that match, on whatever page they are, in each way of counting")
    func count() async throws {
        let seed = testSeed()
        let log = try await TwoTenantLog(seed: seed, moments: 40)
        try log.database.seal(2...20, by: "1 + batch_id % 20")
        var generator = SeededGenerator(seed: seed ^ 1)
        for how in [EventCount.exact, .estimated] {
            for _ in 0..<20 {
                var query = log.query(using: &generator)
                query.count = how
                #expect(try await log.reader.query(query).count == Int64(log.expected(query).count), "\(query)")
            }
        }
        #expect(try await log.reader.query(EventQuery(tenantIDs: [1])).count == nil)
        #expect(try await log.reader.query(EventQuery(tenantIDs: [], count: .exact)).count == 0)
    }

    @Test("an estimate that can't be quick is made of a sample, of rows that the tenant may see")
    func sample() async throws {
        let log = try await TwoTenantLog(seed: 12)
        let lock = try log.database.connect()
        try lock.execute(
            """
            INSERT INTO docket.events_000001 (\(EventColumn.sqlList))
            SELECT \(EventColumn.sqlList) FROM docket.events_000001, generate_series(1, 200)
            """)
        let query = EventQuery(tenantIDs: [1], limit: 1, count: .estimated)
        let whole = Int64(log.events[1]?.count ?? 0) * 201
        #expect(whole > EventCounting.maxQuickCount)
        // All blocks are fewer than a sample has.
        #expect(try await log.reader.query(query).count == EventCounting.rounded(Double(whole)))
        #expect([0, 99, 100, 149, 12_499, 12_501].map(EventCounting.rounded) == [0, 99, 100, 150, 12_000, 13_000])
    }

    @Test("a sample of a few blocks says nearly how many events there are, sealed and hot, and none of another tenant")
    func partialSample() async throws {
        let log = try await TwoTenantLog(seed: 12, moments: 40)
        let owner = try log.database.connect()
        try owner.execute(
            """
            INSERT INTO docket.events_000001 (\(EventColumn.sqlList))
            SELECT \(EventColumn.sqlList) FROM docket.events_000001, generate_series(1, 400)
            """)
        try log.database.seal(2...3, by: "1 + batch_id % 3")
        let tables = try owner.query("SELECT pg_relation_size('docket.events_000003') / 8192")
        // Each segment has far more blocks than a share of the sample. Of each tenant's about 200 are in it: chance moves the
        // count by 7 %, and would have to by seven times that to halve it.
        #expect(try tables.integer(0, 0, as: Int64.self) > 500)
        let connection = try log.database.connect(Roles.reader)
        let budget = QueryBudget(milliseconds: 30_000)
        for tenant in [1, log.other] {
            let query = EventQuery(tenantIDs: [tenant], limit: 1, count: .estimated)
            let count = try PostgresReader.transaction(of: [tenant], connection, budget) { () throws(PostgresError) in
                try EventCounting(query, connection, budget, sampleBlocks: 400).count()
            }
            let whole = Double(log.events[tenant]?.count ?? 0) * 401
            #expect(whole > Double(EventCounting.maxQuickCount))
            #expect((whole / 2...whole * 2).contains(Double(count ?? 0)), "\(count ?? 0) of \(whole)")
        }
    }

    @Test("a query whose task is cancelled ends in the server too, and leaves its connection to the next one")
    func cancelled() async throws {
        let log = try await TwoTenantLog(seed: 11)
        let lock = try log.database.connect()
        try lock.execute("BEGIN; LOCK TABLE docket.events_000001 IN ACCESS EXCLUSIVE MODE")
        let observer = try log.database.connect()
        func waiting() -> Bool {
            let text = """
                SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                    AND usename = 'docket_reader' AND datname = current_database())
                """
            return (try? observer.query(text).bool(0, 0)) == true
        }
        // There is one connection: the second waits for it, and is cancelled before it begins.
        let running = Task { try await log.reader.query(EventQuery(tenantIDs: [1])) }
        await until { waiting() }
        let queued = Task { try await log.reader.query(EventQuery(tenantIDs: [1])) }
        queued.cancel()
        running.cancel()
        for task in [running, queued] {
            let error = await #expect(throws: StoreError.self) { try await task.value }
            #expect(error?.code == .unavailable)
        }
        await until { !waiting() }
        try lock.execute("ROLLBACK")
        #expect(try await log.reader.query(EventQuery(tenantIDs: [1], limit: 1000)).events.count > 0)
    }

    @Test("a text of a filter is a value, never SQL")
    func injection() async throws {
        let log = try await TwoTenantLog(seed: 2)
        for text in ["' OR true --", "$1", "\\'; SELECT 1", "?"] {
            var filter = EventFilter()
            filter.scope = text
            #expect(try await log.reader.query(EventQuery(tenantIDs: [1], filter: filter)).events.isEmpty)
            filter = EventFilter()
            filter.requestID = text
            #expect(try await log.reader.query(EventQuery(tenantIDs: [1], filter: filter)).events.isEmpty)
            filter = EventFilter()
            filter.text = text
            #expect(try await log.reader.query(EventQuery(tenantIDs: [1], filter: filter)).events.isEmpty)
            filter = EventFilter()
            filter.typePrefix = text
            #expect(try await log.reader.query(EventQuery(tenantIDs: [1], filter: filter)).events.isEmpty)
        }
    }

    @Test("a page larger than the bound, or empty, is refused", arguments: [0, -1, 10_001])
    func limits(limit: Int) async throws {
        let reader = try await TestDatabase.migrated().reader()
        let error = await #expect(throws: StoreError.self) {
            try await reader.query(EventQuery(tenantIDs: [1], limit: limit))
        }
        #expect(error?.code == .refused)
        #expect(error?.message.contains("\(limit)") == true)
    }

    @Test("a query that takes too long is broken off, and the next one is answered")
    func timeout() async throws {
        let database = try await TestDatabase.migrated()
        let reader = try PostgresReader(
            settings: database.settings(Roles.reader), connections: 1, statementTimeoutMilliseconds: 50)
        let lock = try database.connect()
        try lock.execute("BEGIN; LOCK TABLE docket.events IN ACCESS EXCLUSIVE MODE")
        let error = await #expect(throws: StoreError.self) { try await reader.query(EventQuery(tenantIDs: [1])) }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("50 ms") == true)
        try lock.execute("ROLLBACK")
        #expect(try await reader.query(EventQuery(tenantIDs: [1])).events.isEmpty)
    }

    @Test("a connection that the server ended is made anew, without the caller noticing")
    func lostConnection() async throws {
        let log = try await TwoTenantLog(seed: 3)
        let first = try await log.reader.query(EventQuery(tenantIDs: [1]))
        #expect(
            try log.database.number(
                """
                SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE usename = 'docket_reader' AND datname = current_database()
                """) == 1)
        #expect(try await log.reader.query(EventQuery(tenantIDs: [1])) == first)
    }

    @Test("more queries than may wait are refused, and the others are answered")
    func overload() async throws {
        let database = try await TestDatabase.migrated()
        let reader = try PostgresReader(settings: database.settings(Roles.reader), connections: 1, maxWaiting: 3)
        let lock = try database.connect()
        try lock.execute("BEGIN; LOCK TABLE docket.events IN ACCESS EXCLUSIVE MODE")
        let results = await withTaskGroup(of: StoreError?.self) { group in
            for _ in 0..<10 {
                group.addTask {
                    do throws(StoreError) {
                        _ = try await reader.query(EventQuery(tenantIDs: [1]))
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            var results: [StoreError?] = []
            for await result in group {
                results.append(result)
                // One runs and three wait: when six have been refused, the rest may go on.
                if results.count == 6 { try? lock.execute("ROLLBACK") }
            }
            return results
        }
        #expect(results.count { $0?.code == .overloaded } >= 6)
        #expect(results.count { $0 == nil } >= 1)
    }

    @Test("after closing, queries are refused")
    func closed() async throws {
        let reader = try await TestDatabase.migrated().reader()
        reader.close()
        let error = await #expect(throws: StoreError.self) { try await reader.query(EventQuery(tenantIDs: [1])) }
        #expect(error?.code == .shuttingDown)
    }
}
