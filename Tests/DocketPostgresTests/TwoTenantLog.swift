import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

/// A database with 200 random events of two tenants, many of them at the same moment.
struct TwoTenantLog {
    let database: TestDatabase
    var reader: PostgresReader
    let other: Int32
    static let trace = TraceID(high: 0xFF00_5C27_0000_0001, low: 0x8000_0000_0000_0000)
    /// Per tenant, in stored order.
    var events: [Int32: [StoredEvent]] = [:]

    /// - Parameter moments: Over how many microseconds the events are spread.
    init(seed: UInt64, moments: UInt64 = 12) async throws {
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
            let events = (0..<5).map { _ in Self.event(type: type, moments, using: &generator) }
            let batch = try maker.batch(sequence, events)
            #expect(await store.store(batch).committed != nil)
            self.events[tenant, default: []] += events.enumerated().map { index, event in
                StoredEvent(
                    event: event, tenant: tenant == 1 ? "default" : "other", receivedAt: batch.receivedAt,
                    batchID: batch.batchID, position: Int32(index))
            }
        }
    }

    private static func event(
        type: String, _ moments: UInt64, using generator: inout SeededGenerator
    ) -> Event {
        func pick(_ values: [String?]) -> String? { values.randomElement(using: &generator) ?? nil }
        var event = Event(
            eventID: EventID(high: generator.next(), low: generator.next()), type: type,
            occurredAt: Self.time(Int64(generator.next() % moments)))
        event.scope = pick([nil, "", "blue", "red"])
        event.actor = pick([nil, "alice", "bob"]).map { Actor(id: $0) }
        event.sessionID = pick([nil, "s1", "s2"])
        event.requestID = pick([nil, "", "q1"])
        event.agentID = pick([nil, "g1", "g2"])
        event.traceID = [nil, Self.trace, TraceID(high: 0, low: 1)].randomElement(using: &generator) ?? nil
        event.resource = pick([nil, "doc", "file"]).map { Resource(type: $0, id: "r1") }
        event.action = pick([nil, "get", "put"])
        event.decision = [nil, .allow, .deny].randomElement(using: &generator) ?? nil
        event.outcome = [nil, .success, .error].randomElement(using: &generator) ?? nil
        event.source = pick([nil, "", "api"])
        event.policy = pick([nil, "default-deny", "100%_\\"])
        event.riskScore = [nil, 0, 0.5, 0.75, 1].randomElement(using: &generator) ?? nil
        event.reason = pick([nil, "Because of Rule 7", "100% sure", "1000 times"])
        event.attributes = pick(Self.attributes.map(\.text))
        return event
    }

    /// Attributes, and what they say at which place.
    private static let attributes: [(text: String?, values: [String: String])] = [
        (nil, [:]), ("{}", [:]),
        (
            #"{"verb":"delete","n":{"a/b":[7,true,null]},"rule":"of 8"}"#,
            ["/verb": "delete", "/n/a~1b/0": "7", "/n/a~1b/1": "true", "/rule": "of 8"]
        ),
        (#"{ "verb" : "get", "n": {"a/b": ["7"]}, "": "RULE" }"#, ["/verb": "get", "/n/a~1b/0": "7", "/": "RULE"]),
    ]

    private static func holds(_ condition: AttributeCondition, _ attributes: String?) -> Bool {
        let values = Self.attributes.first { $0.text == attributes }?.values
        return values?[condition.pointer.description] == condition.value
    }

    /// What a query should find, by the plainest means.
    func expected(_ query: EventQuery) -> [StoredEvent] {
        let filter = query.filter
        func holds<Value: Equatable>(_ wanted: Value?, _ value: Value?) -> Bool { wanted == nil || wanted == value }
        let found = query.tenantIDs.flatMap { self.events[$0] ?? [] }.filter { stored in
            let event = stored.event
            return holds(filter.scope, event.scope) && holds(filter.type, event.type)
                && holds(filter.actorID, event.actor?.id) && holds(filter.sessionID, event.sessionID)
                && holds(filter.requestID, event.requestID) && holds(filter.agentID, event.agentID)
                && holds(filter.traceID, event.traceID)
                && holds(filter.resourceType, event.resource?.type) && holds(filter.resourceID, event.resource?.id)
                && holds(filter.action, event.action) && holds(filter.decision, event.decision)
                && holds(filter.eventID, event.eventID)
                && (filter.typePrefix.map { event.type.hasPrefix($0) } ?? true)
                && holds(filter.outcome, event.outcome) && holds(filter.source, event.source)
                && holds(filter.policy, event.policy)
                && (filter.minRiskScore.map { (event.riskScore ?? -.infinity) >= $0 } ?? true)
                && filter.attributes.allSatisfy { Self.holds($0, event.attributes) }
                && (filter.text.map { text in
                    [event.reason, event.attributes].contains { $0?.lowercased().contains(text.lowercased()) == true }
                } ?? true)
                && (filter.occurredFrom.map { event.occurredAt >= $0 } ?? true)
                && (filter.occurredTo.map { event.occurredAt <= $0 } ?? true)
        }
        let sorted = found.sorted {
            ($0.event.occurredAt.microsecondsSinceEpoch, $0.batchID, $0.position)
                < ($1.event.occurredAt.microsecondsSinceEpoch, $1.batchID, $1.position)
        }
        return query.order == .oldestFirst ? sorted : sorted.reversed()
    }

    /// Every condition there is, with a value that some events meet.
    private static let conditions: [@Sendable (inout EventFilter) -> Void] = [
        { $0.scope = "blue" }, { $0.scope = "" }, { $0.type = "type.b" }, { $0.actorID = "alice" },
        { $0.sessionID = "s1" }, { $0.requestID = "q1" }, { $0.requestID = "" }, { $0.agentID = "g2" },
        { $0.traceID = Self.trace }, { $0.resourceType = "doc" }, { $0.resourceID = "r1" }, { $0.action = "put" },
        { $0.decision = .deny }, { $0.outcome = .error }, { $0.source = "api" }, { $0.policy = "100%_\\" },
        { $0.minRiskScore = 0.5 }, { $0.typePrefix = "type." }, { $0.typePrefix = "type.a" },
        { $0.text = "rule" }, { $0.text = "100%" }, { $0.text = "\"DELETE\"" },
        { $0.attributes = Self.conditions("/n/a~1b/0", "7") }, { $0.attributes = Self.conditions("/", "RULE") },
        { $0.attributes = Self.conditions("/verb", "delete") + Self.conditions("/n/a~1b/1", "true") },
        { $0.occurredFrom = Self.time(3) }, { $0.occurredTo = Self.time(8) },
    ]

    private static func conditions(_ pointer: String, _ value: String) -> [AttributeCondition] {
        JSONPointer(pointer).map { [AttributeCondition(pointer: $0, value: value)] } ?? []
    }

    /// Filters with one condition each.
    static var singleFilters: [EventFilter] {
        self.conditions.map { set in
            var filter = EventFilter()
            set(&filter)
            return filter
        }
    }

    /// A few random conditions, sometimes none.
    func filter(using generator: inout SeededGenerator) -> EventFilter {
        var filter = EventFilter()
        for set in Self.conditions where generator.oneIn(7) { set(&filter) }
        if generator.oneIn(12) {
            filter.eventID = self.events.values.joined().randomElement(using: &generator)?.event.eventID
        }
        return filter
    }

    /// A random query of one tenant or both.
    func query(using generator: inout SeededGenerator) -> EventQuery {
        EventQuery(
            tenantIDs: [[1], [self.other], [1, self.other]].randomElement(using: &generator) ?? [],
            filter: self.filter(using: &generator),
            order: Bool.random(using: &generator) ? .newestFirst : .oldestFirst,
            limit: Int.random(in: 1...30, using: &generator))
    }

    /// Reads a query page by page to its end, and expects what it should find in the pages that it should take.
    ///
    /// - Returns: How many events there were.
    func check(_ query: EventQuery) async throws -> Int {
        let expected = self.expected(query)
        var query = query
        var events: [StoredEvent] = []
        var pages = 0
        repeat {
            let page = try await self.reader.query(query)
            #expect(page.events.count <= query.limit)
            events += page.events
            query.after = page.next
            pages += 1
        } while query.after != nil && pages < 500
        #expect(events == expected, "\(query)")
        #expect(pages == max(1, (expected.count + query.limit - 1) / query.limit))
        return events.count
    }

    /// The time of an event: so many microseconds after the first one possible.
    static func time(_ microseconds: Int64) -> Timestamp {
        Timestamp(microsecondsSinceEpoch: 1_700_000_000_000_000 + microseconds)
    }
}
