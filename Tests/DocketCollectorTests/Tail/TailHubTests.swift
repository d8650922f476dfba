import DocketCodec
import DocketMessages
import DocketModel
import DocketRegistry
import DocketStore
import DocketTestSupport
import Logging
import Synchronization
import Testing

@testable import DocketCollector

/// Logs in memory that a ``TailHub`` follows, and that fail now and then.
private final class Logs: EventReader, LogWatch {
    private struct State {
        var batches: [Int32: [EncodedBatch]] = [:]
        var generator: SeededGenerator
        /// Of so many readings one fails, on average; 0 for none.
        var failsOneIn = 0
        var readCount = 0
        /// Whose log can't be read back.
        var broken: Int32?
    }

    private let state: Mutex<State>
    private let growthSignals: AsyncStream<Void>
    private let growthSignal: AsyncStream<Void>.Continuation
    let restCount = Atomic<Int>(0)

    init(seed: UInt64, failsOneIn: Int = 0) {
        self.state = Mutex(State(generator: SeededGenerator(seed: seed), failsOneIn: failsOneIn))
        (self.growthSignals, self.growthSignal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    static let typeID: Int32 = 42

    func breakLog(of tenantID: Int32) { self.state.withLock { $0.broken = tenantID } }

    /// How often the log was read back.
    var readCount: Int { self.state.withLock { $0.readCount } }

    /// Appends a batch of events with these scopes to a tenant's log.
    func append(_ scopes: [String], to tenantID: Int32, id: Int64, feed: CommitFeed? = nil) throws {
        var message = EventEncoder.publishRequestPrefix(
            tenant: "", producerID: ProducerID(high: 1, low: 2), sequence: id)
        for (index, scope) in scopes.enumerated() {
            var event = Event(
                eventID: EventID(high: UInt64(id), low: UInt64(index)), type: "type.a",
                occurredAt: Timestamp(microsecondsSinceEpoch: 1))
            event.scope = scope
            EventEncoder.append(event, to: &message)
        }
        let decoder = BatchDecoder(limits: Limits())
        let request = try decoder.decode(message)
        let batch = try decoder.encode(
            request, key: BatchKey(tenantID: tenantID, producerID: request.producerID, sequence: id), batchID: id,
            receivedAt: BatchID.receivedAt(of: id)
        ) { _ in .accept(typeID: Self.typeID) }
        feed?.committed(batch, acceptedCount: batch.acceptedCount)
        self.state.withLock { $0.batches[tenantID, default: []].append(batch) }
        self.growthSignal.yield()
    }

    func logEnd(tenantID: Int32) async throws(StoreError) -> Int64 {
        self.state.withLock { Int64($0.batches[tenantID]?.count ?? 0) }
    }

    func newBatches(_ ends: [Int32: Int64]) async throws(StoreError) -> [LogBatch] {
        try self.fail()
        return self.state.withLock { state in
            ends.keys.sorted().flatMap { tenant in
                (state.batches[tenant] ?? []).enumerated().dropFirst(Int(ends[tenant] ?? 0)).prefix(7).map {
                    index, batch in
                    LogBatch(
                        tenantID: tenant, logIndex: Int64(index), batchID: batch.batchID,
                        acceptedCount: Int32(batch.acceptedCount))
                }
            }
        }
    }

    /// Two events at most, so that pages end in the midst of batches.
    func readLog(_ query: LogQuery) async throws(StoreError) -> LogPage {
        try self.fail()
        if self.state.withLock({ $0.broken }) == query.tenantID {
            self.growthSignal.yield()
            throw StoreError(code: .internal, message: "a stored event can't be read")
        }
        await Task.yield()
        let batches = self.state.withLock { state in
            state.readCount += 1
            return state.batches[query.tenantID] ?? []
        }
        var page = LogPage(events: [], next: LogPosition(logIndex: query.end, position: 0))
        for (index, batch) in batches.enumerated() where Int64(index) < query.end {
            var reader = TupleReader(tuples: batch.tuples) { _ in "type.a" }
            do throws(CodecError) {
                while try reader.advance() {
                    let row = try reader.row()
                    let place = LogPosition(logIndex: Int64(index), position: row.position)
                    guard place >= query.from else { continue }
                    guard page.events.count < 2 else {
                        page.next = place
                        return page
                    }
                    var met: [Int] = []
                    for (index, filter) in query.alternatives.enumerated() where try reader.matches(filter) {
                        met.append(index)
                    }
                    guard !met.isEmpty else { continue }
                    page.matches.append(met)
                    page.events.append(
                        StoredEvent(
                            event: row.event, tenant: "t\(query.tenantID)", receivedAt: batch.receivedAt,
                            batchID: batch.batchID, position: row.position, logIndex: Int64(index)))
                }
            } catch {
                throw StoreError(code: .internal, message: "\(error)")
            }
        }
        return page
    }

    func query(_ query: EventQuery) async throws(StoreError) -> EventPage { EventPage(events: [], next: nil) }

    func statistics(_ query: StatisticsQuery) async throws(StoreError) -> EventStatistics {
        EventStatistics(groups: [], count: 0)
    }

    func growth() async throws(StoreError) {
        for await _ in self.growthSignals { return }
    }

    func rest() async { self.restCount.add(1, ordering: .relaxed) }

    private func fail() throws(StoreError) {
        let fails = self.state.withLock { state in state.failsOneIn > 0 && state.generator.oneIn(state.failsOneIn) }
        guard fails else { return }
        // It is looked at again without anything new.
        self.growthSignal.yield()
        throw StoreError(code: .unavailable, message: "away")
    }

    /// The places of all events of a scope from a place on.
    func places(of tenantID: Int32, scope: String?, from: LogPosition) -> [LogPosition] {
        let batches = self.state.withLock { $0.batches[tenantID] ?? [] }
        return batches.enumerated().flatMap { index, batch -> [LogPosition] in
            var reader = TupleReader(tuples: batch.tuples) { _ in "type.a" }
            let rows = (try? reader.rows()) ?? []
            return rows.filter { scope == nil || $0.event.scope == scope }.map {
                LogPosition(logIndex: Int64(index), position: $0.position)
            }
        }.filter { $0 >= from }
    }
}

/// A follower that takes what it is given.
private struct Reading {
    let tenantID: Int32
    let scope: String?
    let subscription: TailSubscription
    var found: [LogPosition] = []
    var missed: Int64 = 0

    /// Takes messages until the log has been followed up to there.
    mutating func read(to end: LogPosition) async {
        while let part = await self.subscription.next() {
            self.missed += part.missedCount
            self.found += part.events.map { LogPosition(logIndex: $0.logIndex ?? -1, position: Int32($0.position)) }
            if part.next >= end { return }
            self.subscription.beat()
        }
    }
}

@Suite("Following logs", .timeLimit(.minutes(3)))
struct TailHubTests {
    private static let tenants: [Int32] = [1, 2, 3]

    private func registry() -> RegistryHolder {
        let holder = RegistryHolder()
        let contents = RegistryContents(
            version: 1, tenants: Self.tenants.map { .init(id: $0, slug: "t\($0)") }, credentials: [],
            eventTypes: [.init(id: Logs.typeID, tenantID: nil, name: "type.a")])
        holder.restore(contents, confirmedAt: .now, fault: "")
        return holder
    }

    private func subscribe(_ hub: TailHub, _ tenantID: Int32, scope: String?) async throws -> Reading {
        var filter = EventFilter()
        filter.scope = scope
        let subscription = try await hub.subscribe(.init(id: tenantID, slug: "t\(tenantID)"), filter)
        return Reading(tenantID: tenantID, scope: scope, subscription: subscription)
    }

    private func follow(_ logs: Logs, _ feed: CommitFeed, _ body: (TailHub) async throws -> Void) async throws {
        let hub = TailHub(
            reader: logs, watch: logs, feed: feed, registry: self.registry(), heldBytes: { 0 },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, retryInterval: .milliseconds(1))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await hub.run() }
            try await body(hub)
            group.cancelAll()
        }
    }

    @Test(
        "whoever joins whenever gets each event behind its start once, whoever committed it, and however reading fails")
    func anyOrder() async throws {
        let seed = testSeed()
        var generator = SeededGenerator(seed: seed)
        for round in 0..<20 as Range<UInt64> {
            let logs = Logs(seed: seed ^ round, failsOneIn: Int(round % 3) * 4)
            let feed = CommitFeed()
            try await self.follow(logs, feed) { hub in
                var readings: [Reading] = []
                for id in 1...60 as ClosedRange<Int64> {
                    let tenant = Self.tenants.randomElement(using: &generator) ?? 1
                    let scopes = (0..<Int.random(in: 1...5, using: &generator)).map { _ in
                        ["red", "blue"].randomElement(using: &generator) ?? ""
                    }
                    try logs.append(scopes, to: tenant, id: id, feed: generator.oneIn(2) ? feed : nil)
                    if generator.oneIn(4) {
                        readings.append(
                            try await self.subscribe(
                                hub, tenant, scope: [nil, "red"].randomElement(using: &generator) ?? nil))
                    }
                    if generator.oneIn(12), !readings.isEmpty {
                        let left = readings.remove(at: Int.random(in: 0..<readings.count, using: &generator))
                        hub.unsubscribe(left.subscription, tenantID: left.tenantID)
                    }
                    if generator.oneIn(3) { await Task.yield() }
                }
                for var reading in readings {
                    let end = try await logs.logEnd(tenantID: reading.tenantID)
                    await reading.read(to: LogPosition(logIndex: end, position: 0))
                    let expected = logs.places(
                        of: reading.tenantID, scope: reading.scope, from: reading.subscription.start)
                    #expect(
                        reading.found == expected && reading.missed == 0,
                        """
                        round \(round): of \(reading.tenantID) \(reading.scope ?? "all") from \(reading.subscription.start): \
                        \(reading.found) instead of \(expected)
                        """)
                    hub.unsubscribe(reading.subscription, tenantID: reading.tenantID)
                }
            }
        }
    }

    @Test("what this collector has committed itself isn't read back; what others have is read once for all followers")
    func readOnce() async throws {
        let logs = Logs(seed: 1)
        let feed = CommitFeed()
        try await self.follow(logs, feed) { hub in
            var readings: [Reading] = []
            for _ in 0..<5 { readings.append(try await self.subscribe(hub, 1, scope: nil)) }
            for id in 1...20 as ClosedRange<Int64> { try logs.append(["own"], to: 1, id: id, feed: feed) }
            for index in readings.indices { await readings[index].read(to: LogPosition(logIndex: 20, position: 0)) }
            #expect(logs.readCount == 0)
            try logs.append(["other"], to: 1, id: 21)
            for index in readings.indices { await readings[index].read(to: LogPosition(logIndex: 21, position: 0)) }
            #expect(logs.readCount == 1 && readings.allSatisfy { $0.found.count == 21 })
        }
    }

    @Test("what all followers want and none has room for is counted without being looked into")
    func passedOver() async throws {
        let logs = Logs(seed: 1)
        let feed = CommitFeed()
        try await self.follow(logs, feed) { hub in
            var reading = try await self.subscribe(hub, 1, scope: nil)
            var (id, events) = (Int64(0), 0)
            func append(_ count: Int, feed: CommitFeed?) throws {
                id += 1
                events += count
                let scopes = (0..<count).map { String(repeating: "x", count: 200) + "\($0)" }
                try logs.append(scopes, to: 1, id: id, feed: feed)
            }
            func isCaughtUp() -> Bool { reading.subscription.reached >= LogPosition(logIndex: id, position: 0) }
            while !reading.subscription.isFull, id < 1_000 {
                try append(200, feed: feed)
                await until { isCaughtUp() }
            }
            #expect(reading.subscription.isFull && logs.readCount == 0)
            for number in 1...30 { try append(number, feed: number % 3 == 0 ? feed : nil) }
            await until { isCaughtUp() }
            #expect(logs.readCount == 0)
            // One who looks for something has to have it looked into.
            let other = try await self.subscribe(hub, 1, scope: "y")
            try append(5, feed: nil)
            await until { isCaughtUp() }
            #expect(logs.readCount > 0)
            hub.unsubscribe(other.subscription, tenantID: 1)
            await reading.read(to: LogPosition(logIndex: id, position: 0))
            #expect(reading.missed >= 30 * 31 / 2 && reading.found.count + Int(reading.missed) == events)
        }
    }

    @Test("a log that can't be read holds up no other")
    func broken() async throws {
        let logs = Logs(seed: 1)
        logs.breakLog(of: 2)
        let feed = CommitFeed()
        try await self.follow(logs, feed) { hub in
            var readings: [Reading] = []
            for tenant in Self.tenants { readings.append(try await self.subscribe(hub, tenant, scope: nil)) }
            for id in 1...30 as ClosedRange<Int64> { try logs.append(["x"], to: Int32(id % 3) + 1, id: id) }
            for index in [0, 2] {
                await readings[index].read(to: LogPosition(logIndex: 10, position: 0))
                #expect(readings[index].found.count == 10)
            }
        }
    }

    @Test("without followers nothing is kept or listened for, and a subscription ends with the hub")
    func idle() async throws {
        let logs = Logs(seed: 1)
        let feed = CommitFeed()
        var last: TailSubscription?
        try await self.follow(logs, feed) { hub in
            try logs.append(["before"], to: 1, id: 1, feed: feed)
            #expect(!feed.has(1))
            let reading = try await self.subscribe(hub, 1, scope: nil)
            try logs.append(["of another tenant"], to: 2, id: 2, feed: feed)
            #expect(!feed.has(2))
            hub.unsubscribe(reading.subscription, tenantID: 1)
            try logs.append(["after"], to: 1, id: 3, feed: feed)
            #expect(!feed.has(3))
            await until { logs.restCount.load(ordering: .relaxed) > 0 }
            last = try await self.subscribe(hub, 1, scope: nil).subscription
        }
        #expect(await last?.next() == nil)
    }
}

@Suite("What a collector has committed lately")
struct CommitFeedTests {
    private func batch(_ id: Int64, tenantID: Int32 = 1, bytes: Int = 1) -> EncodedBatch {
        EncodedBatch(
            key: BatchKey(tenantID: tenantID, producerID: ProducerID(high: 0, low: 0), sequence: id), batchID: id,
            receivedAt: BatchID.receivedAt(of: id), tuples: [UInt8](repeating: 0, count: bytes), eventCount: 2,
            acceptedCount: 2, rejections: [], quarantined: [], root: [], contentHash: [])
    }

    @Test("is handed out once, and only where the log is followed and all accepted events were stored")
    func kept() {
        let feed = CommitFeed()
        feed.committed(self.batch(1), acceptedCount: 2)
        feed.follow([1])
        feed.committed(self.batch(2), acceptedCount: 2)
        feed.committed(self.batch(3), acceptedCount: 1)
        feed.committed(self.batch(4, tenantID: 2), acceptedCount: 2)
        #expect([1, 2, 3, 4].map { feed.take($0)?.batchID } == [nil, 2, nil, nil])
        #expect(feed.take(2) == nil)
    }

    @Test("forgets the ids of batches that nobody takes")
    func untaken() {
        let feed = CommitFeed()
        feed.follow([1])
        feed.committed(self.batch(0), acceptedCount: 2)
        for id in 1...5_000 as ClosedRange<Int64> {
            feed.committed(self.batch(id), acceptedCount: 2)
            #expect(feed.take(id) != nil)
        }
        #expect(feed.knownCount < 200 && feed.has(0))
    }

    @Test("is bounded: the oldest goes first; and it is let go when nobody follows any more")
    func bounded() {
        let feed = CommitFeed()
        feed.follow([1, 2])
        for id in 1...20 as ClosedRange<Int64> { feed.committed(self.batch(id, bytes: 1 << 20), acceptedCount: 2) }
        #expect((1...20).filter { feed.has($0) } == Array(6...20))
        feed.committed(self.batch(21, tenantID: 2), acceptedCount: 2)
        feed.follow([2])
        #expect((1...21).filter { feed.has($0) } == [21])
    }
}
