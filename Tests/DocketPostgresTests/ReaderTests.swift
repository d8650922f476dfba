import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

@Suite("Reading events back")
struct ReaderTests {
    /// A database with 200 random events of two tenants, many of them at the same moment.
    private struct Log {
        let database: TestDatabase
        let reader: PostgresReader
        let other: Int32
        /// Per tenant, in stored order.
        var events: [Int32: [StoredEvent]] = [:]

        init(seed: UInt64) async throws {
            self.database = try await TestDatabase.migrated()
            self.reader = try self.database.reader()
            let administration = try self.database.administration()
            self.other = try await administration.ensureTenant("other")
            let types = try await administration.ensureEventTypes(["type.a", "type.b"], tenant: nil)
            let store = try await self.database.store()
            var generator = SeededGenerator(seed: seed)
            for sequence in 0..<40 as Range<Int64> {
                let tenant = Bool.random(using: &generator) ? 1 : self.other
                let type = Bool.random(using: &generator) ? "type.a" : "type.b"
                let maker = BatchMaker(typeID: try #require(types[type]), tenantID: tenant)
                let events = (0..<5).map { _ in Self.event(type: type, using: &generator) }
                let batch = try maker.batch(sequence, events)
                #expect(await store.store(batch).committed != nil)
                self.events[tenant, default: []] += events.enumerated().map { index, event in
                    StoredEvent(
                        event: event, tenant: tenant == 1 ? "default" : "other", receivedAt: batch.receivedAt,
                        batchID: batch.batchID, position: Int32(index))
                }
            }
        }

        private static func event(type: String, using generator: inout SeededGenerator) -> Event {
            func pick(_ values: [String?]) -> String? { values.randomElement(using: &generator) ?? nil }
            var event = Event(
                eventID: EventID(high: generator.next(), low: generator.next()), type: type,
                occurredAt: Timestamp(microsecondsSinceEpoch: 1_700_000_000_000_000 + Int64(generator.next() % 12)))
            event.scope = pick([nil, "", "blue", "red"])
            event.actor = pick([nil, "alice", "bob"]).map { Actor(id: $0) }
            event.sessionID = pick([nil, "s1", "s2"])
            event.resource = pick([nil, "doc", "file"]).map { Resource(type: $0, id: "r1") }
            event.action = pick([nil, "get", "put"])
            event.decision = [nil, .allow, .deny].randomElement(using: &generator) ?? nil
            return event
        }

        /// What a query should find, by the plainest means.
        func expected(_ query: EventQuery) -> [StoredEvent] {
            let filter = query.filter
            func holds<Value: Equatable>(_ wanted: Value?, _ value: Value?) -> Bool { wanted == nil || wanted == value }
            let found = query.tenantIDs.flatMap { self.events[$0] ?? [] }.filter { stored in
                let event = stored.event
                return holds(filter.scope, event.scope) && holds(filter.type, event.type)
                    && holds(filter.actorID, event.actor?.id) && holds(filter.sessionID, event.sessionID)
                    && holds(filter.resourceType, event.resource?.type) && holds(filter.resourceID, event.resource?.id)
                    && holds(filter.action, event.action) && holds(filter.decision, event.decision)
                    && holds(filter.eventID, event.eventID)
                    && (filter.occurredFrom.map { event.occurredAt >= $0 } ?? true)
                    && (filter.occurredTo.map { event.occurredAt <= $0 } ?? true)
            }
            let sorted = found.sorted {
                ($0.event.occurredAt.microsecondsSinceEpoch, $0.batchID, $0.position)
                    < ($1.event.occurredAt.microsecondsSinceEpoch, $1.batchID, $1.position)
            }
            return query.order == .oldestFirst ? sorted : sorted.reversed()
        }
    }

    @Test("every filter, alone and with others, in both orders, page by page, finds exactly what it should")
    func filters() async throws {
        let seed = testSeed()
        let log = try await Log(seed: seed)
        var generator = SeededGenerator(seed: seed ^ 1)
        var found = 0
        for _ in 0..<60 {
            var query = EventQuery(
                tenantIDs: [[1], [log.other], [1, log.other]].randomElement(using: &generator) ?? [])
            query.filter = Self.filter(log, using: &generator)
            query.order = Bool.random(using: &generator) ? .newestFirst : .oldestFirst
            query.limit = Int.random(in: 1...30, using: &generator)
            let expected = log.expected(query)
            var events: [StoredEvent] = []
            var pages = 0
            repeat {
                let page = try await log.reader.query(query)
                #expect(page.events.count <= query.limit)
                events += page.events
                query.after = page.next
                pages += 1
            } while query.after != nil && pages < 500
            #expect(events == expected, "\(query)")
            #expect(pages == max(1, (expected.count + query.limit - 1) / query.limit))
            found += events.count
        }
        #expect(found > 0)
    }

    private static func filter(_ log: Log, using generator: inout SeededGenerator) -> EventFilter {
        var filter = EventFilter()
        func sometimes(_ set: () -> Void) { if generator.next().isMultiple(of: 5) { set() } }
        let start: Int64 = 1_700_000_000_000_000
        sometimes { filter.scope = "blue" }
        sometimes { filter.scope = "" }
        sometimes { filter.type = "type.b" }
        sometimes { filter.actorID = "alice" }
        sometimes { filter.sessionID = "s1" }
        sometimes { filter.resourceType = "doc" }
        sometimes { filter.resourceID = "r1" }
        sometimes { filter.action = "put" }
        sometimes { filter.decision = .deny }
        sometimes { filter.occurredFrom = Timestamp(microsecondsSinceEpoch: start + 3) }
        sometimes { filter.occurredTo = Timestamp(microsecondsSinceEpoch: start + 8) }
        if generator.next().isMultiple(of: 12) {
            filter.eventID = log.events.values.joined().randomElement(using: &generator)?.event.eventID
        }
        return filter
    }

    @Test("no tenants, an unknown one, an unknown type, and a text that PostgreSQL can't hold find nothing")
    func nothing() async throws {
        let log = try await Log(seed: 1)
        #expect(try await log.reader.query(EventQuery(tenantIDs: [])).events.isEmpty)
        #expect(try await log.reader.query(EventQuery(tenantIDs: [4711])).events.isEmpty)
        var filter = EventFilter()
        filter.type = "no.such.type"
        #expect(try await log.reader.query(EventQuery(tenantIDs: [1], filter: filter)).events.isEmpty)
        filter = EventFilter()
        filter.scope = "a\0b"
        #expect(
            try await log.reader.query(EventQuery(tenantIDs: [1], filter: filter)) == EventPage(events: [], next: nil))
    }

    @Test("a text of a filter is a value, never SQL")
    func injection() async throws {
        let log = try await Log(seed: 2)
        for text in ["' OR true --", "$1", "\\'; SELECT 1", "?"] {
            var filter = EventFilter()
            filter.scope = text
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
        let log = try await Log(seed: 3)
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
