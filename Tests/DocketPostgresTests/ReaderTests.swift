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
