import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

@Suite("Counting events")
struct StatisticsTests {
    /// What a query should find, by the plainest means.
    private static func expected(_ query: StatisticsQuery, in log: TwoTenantLog) -> EventStatistics {
        let events = log.expected(EventQuery(tenantIDs: query.tenantIDs, filter: query.filter))
        func counts(_ events: [StoredEvent]) -> [Int64] {
            query.bucketStarts.indices.map { index in
                let next = index + 1 < query.bucketStarts.count ? query.bucketStarts[index + 1] : nil
                return Int64(
                    events.count { stored in
                        let time = stored.event.occurredAt
                        return time >= query.bucketStarts[index] && (next.map { time < $0 } ?? true)
                    })
            }
        }
        func group(_ value: String?, _ events: [StoredEvent]) -> EventStatistics.Group {
            EventStatistics.Group(value: value, count: Int64(events.count), bucketCounts: counts(events))
        }
        // Of as many events, those without a value first; the others by the bytes of their names, or of their numbers.
        let sorted = Dictionary(grouping: events) { Self.value($0, query.grouping) }.sorted { left, right in
            left.value.count != right.value.count
                ? left.value.count > right.value.count : Self.place(left.key) < Self.place(right.key)
        }
        let others = sorted.dropFirst(query.maxGroups)
        return EventStatistics(
            groups: sorted.prefix(query.maxGroups).map { group($0.key, $0.value) },
            other: others.isEmpty ? nil : group(nil, others.flatMap(\.value)), otherGroupCount: Int64(others.count),
            count: Int64(events.count))
    }

    private static func place(_ value: String?) -> String {
        guard let value else { return "" }
        if let decision = Decision(name: value) { return "=\(decision.rawValue)" }
        if let outcome = Outcome(name: value) { return "=\(outcome.rawValue)" }
        return "=\(value)"
    }

    private static func value(_ stored: StoredEvent, _ grouping: EventGrouping) -> String? {
        let event = stored.event
        return switch grouping {
        case .type: event.type
        case .decision: event.decision?.name
        case .outcome: event.outcome?.name
        case .actor: event.actor?.id
        case .tenant: stored.tenant
        case .action: event.action
        case .scope: event.scope
        case .source: event.source
        case .policy: event.policy
        case .resourceType: event.resource?.type
        }
    }

    @Test(
        "by everything there is, with any filter, over any time, finds exactly what it should, in one segment and in many"
    )
    func all() async throws {
        let seed = testSeed()
        let log = try await TwoTenantLog(seed: seed)
        var generator = SeededGenerator(seed: seed ^ 1)
        for round in 0..<2 {
            var found: Int64 = 0
            for grouping in EventGrouping.allCases {
                for _ in 0..<12 {
                    let query = Self.query(grouping, log, using: &generator)
                    let answer = try await log.reader.statistics(query)
                    #expect(answer == Self.expected(query, in: log), "\(query)")
                    found += answer.count
                }
            }
            #expect(found > 0)
            if round == 0 { try log.database.seal(2...20, by: "1 + batch_id % 20") }
        }
    }

    private static func query(
        _ grouping: EventGrouping, _ log: TwoTenantLog, using generator: inout SeededGenerator
    ) -> StatisticsQuery {
        let events = log.query(using: &generator)
        var query = StatisticsQuery(
            tenantIDs: events.tenantIDs, filter: events.filter, grouping: grouping,
            maxGroups: Int.random(in: 1...4, using: &generator))
        guard Bool.random(using: &generator) else { return query }
        let first = Int64.random(in: -2...4, using: &generator)
        query.filter.occurredFrom = TwoTenantLog.time(first)
        let width = Int64.random(in: 1...5, using: &generator)
        query.bucketStarts = (0..<Int64.random(in: 1...9, using: &generator)).map {
            TwoTenantLog.time(first + $0 * width)
        }
        return query
    }

    @Test("of no tenant, of an unknown one, of an unknown type, and of a text that can't be stored finds nothing")
    func nothing() async throws {
        let log = try await TwoTenantLog(seed: 3)
        let none = EventStatistics(groups: [], count: 0)
        #expect(try await log.reader.statistics(StatisticsQuery(tenantIDs: [], grouping: .type)) == none)
        #expect(try await log.reader.statistics(StatisticsQuery(tenantIDs: [4711], grouping: .actor)) == none)
        var query = StatisticsQuery(tenantIDs: [1], grouping: .type)
        query.filter.type = "no.such.type"
        #expect(try await log.reader.statistics(query) == none)
        query.filter.type = nil
        query.filter.scope = "a\0"
        #expect(try await log.reader.statistics(query) == none)
    }

    @Test("types of one name are one group, whosever they are")
    func types() async throws {
        let log = try await TwoTenantLog(seed: 4)
        let administration = try log.database.administration()
        let store = try await log.database.store()
        for tenant in [1, log.other] {
            let types = try await administration.ensureEventTypes(["own.type"], tenant: tenant)
            let type = try #require(types["own.type"])
            let batch = try BatchMaker(typeID: type, tenantID: tenant).batch(
                100, [Event(eventID: .new(), type: "own.type", occurredAt: .now)])
            #expect(await store.store(batch).committed != nil)
        }
        var query = StatisticsQuery(tenantIDs: [1, log.other], grouping: .type)
        query.filter.type = "own.type"
        let answer = try await log.reader.statistics(query)
        #expect(answer.groups == [EventStatistics.Group(value: "own.type", count: 2, bucketCounts: [])])
    }

    @Test(
        "in more groups, buckets or counts than there may be is refused",
        arguments: [(0, 0), (1_001, 0), (1, 1_001), (1_000, 101)])
    func limits(_ groups: Int, _ buckets: Int) async throws {
        let reader = try await TestDatabase.migrated().reader()
        let starts = (0..<buckets).map { Timestamp(microsecondsSinceEpoch: Int64($0)) }
        let query = StatisticsQuery(tenantIDs: [1], grouping: .type, maxGroups: groups, bucketStarts: starts)
        let error = await #expect(throws: StoreError.self) { try await reader.statistics(query) }
        #expect(error?.code == .refused)
        #expect(error?.message.contains("\(groups) groups of \(buckets)") == true)
    }

    @Test("that takes too long is broken off, and says what to do")
    func timeout() async throws {
        let log = try await TwoTenantLog(seed: 5)
        let lock = try log.database.connect()
        try lock.execute("BEGIN; LOCK TABLE docket.events_000001 IN ACCESS EXCLUSIVE MODE")
        let reader = try PostgresReader(
            settings: log.database.settings(Roles.reader), connections: 1, statementTimeoutMilliseconds: 200)
        let error = await #expect(throws: StoreError.self) {
            try await reader.statistics(StatisticsQuery(tenantIDs: [1], grouping: .type))
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("ask for a shorter time range") == true)
        try lock.execute("ROLLBACK")
    }
}
