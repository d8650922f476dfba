import DevCluster
import DocketCodec
import DocketModel
import DocketRegistry
import DocketStore
import Foundation
import Logging
import Synchronization
import Testing

@testable import DocketPostgres

/// A database of its own in the cluster that all tests share.
struct TestDatabase: Sendable {
    let cluster: DevCluster
    let name: String

    private static let count = Mutex(0)
    /// A migrated database that the others are copied from.
    private static let template = Task {
        let database = try TestDatabase(cluster: Self.sharedCluster(), name: "docket_template", template: "template0")
        _ = try await Migrator(settings: database.settings(DevCluster.superuser)).migrate()
        return database
    }

    /// The cluster that all tests of this process share.
    static func sharedCluster(_ name: String = "main") throws -> DevCluster {
        var settings = DevCluster.Settings()
        settings.isDurable = false
        settings.maxConnections = 400
        // The snapshot of an automatic ANALYZE puts off what a test does once, such as freezing a segment.
        settings.parameters["autovacuum_naptime"] = "1d"
        return try EphemeralCluster.shared(name, settings: settings)
    }

    private init(cluster: DevCluster, name: String, template: String, encoding: String = "UTF8") throws {
        self.cluster = cluster
        self.name = name
        try cluster.createDatabase(name, encoding: encoding, template: template)
    }

    /// A new database with Docket's schema.
    static func migrated() async throws -> TestDatabase {
        let template = try await self.template.value
        return try TestDatabase(cluster: template.cluster, name: self.nextName(), template: template.name)
    }

    /// A new empty database.
    static func empty(on cluster: String = "main", encoding: String = "UTF8") throws -> TestDatabase {
        try TestDatabase(
            cluster: self.sharedCluster(cluster), name: self.nextName(), template: "template0", encoding: encoding)
    }

    private static func nextName() -> String {
        "test_\(self.count.withLock { $0 += 1; return $0 })"
    }

    func settings(_ role: String) -> ConnectionSettings {
        ConnectionSettings(
            conninfo: self.cluster.conninfo(role: role, database: self.name), applicationName: "docket-test")
    }

    func connect(_ role: String = DevCluster.superuser) throws -> PostgresConnection {
        try PostgresConnection(self.settings(role))
    }

    /// The one number that a statement answers the superuser.
    func number(_ sql: String) throws -> Int64 {
        try self.connect().query("SELECT (\(sql))::int8").integer(0, 0)
    }

    func store(
        logger: Logger = .quiet, _ configure: (inout PostgresStore.Configuration) -> Void = { _ in }
    ) async throws -> PostgresStore {
        var configuration = PostgresStore.Configuration()
        configure(&configuration)
        return try await PostgresStore.start(
            settings: self.settings(Roles.writer), configuration: configuration, logger: logger)
    }

    func reader() throws -> PostgresReader { try PostgresReader(settings: self.settings(Roles.reader), connections: 1) }

    func administration() throws -> Administration { try Administration(settings: self.settings(Roles.maintainer)) }
}

extension Logger {
    static var quiet: Logger { Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }) }
}

/// Makes batches as the collector does: from a request's bytes, with a registry that knows every type as ``typeID``.
struct BatchMaker {
    var typeID: Int32 = 1
    var tenantID: Int32 = 1
    var producer = ProducerID(high: 0x1122_3344_5566_7788, low: 0x99AA_BBCC_DDEE_FF00)
    /// Ids of batches rise, from a time in 2027.
    private static let lastID = Mutex(
        BatchID.make(at: Timestamp(microsecondsSinceEpoch: 1_800_000_000_000_000), node: 1, counter: 0) ?? 0)

    /// An event whose type is `unknown` is rejected.
    func batch(
        _ sequence: Int64, _ events: [Event], id: Int64? = nil, limits: Limits = Limits()
    ) throws -> EncodedBatch {
        var request = EventEncoder.publishRequestPrefix(tenant: "", producerID: self.producer, sequence: sequence)
        for event in events { EventEncoder.append(event, to: &request) }
        let id =
            id
            ?? Self.lastID.withLock { last in
                last += 1
                return last
            }
        let decoder = BatchDecoder(limits: limits)
        return try decoder.encode(
            decoder.decode(request),
            key: BatchKey(tenantID: self.tenantID, producerID: self.producer, sequence: sequence), batchID: id,
            receivedAt: BatchID.receivedAt(of: id)
        ) { event in
            guard event.typeName != "unknown" else {
                return .reject(
                    EventRefusal(
                        field: "type", code: .unknownEventType, reason: #"no type 'un\known' — register it"#))
            }
            return .accept(typeID: self.typeID)
        }
    }

    func event(_ number: UInt64, type: String = "test.event", scope: String? = nil) -> Event {
        var event = Event(
            eventID: EventID(high: 7, low: number), type: type,
            occurredAt: Timestamp(microsecondsSinceEpoch: 1_700_000_000_000_000 + Int64(number)))
        event.scope = scope
        return event
    }

    /// A batch of which PostgreSQL refuses the events at those positions: their scope's bytes are no UTF-8.
    func poisoned(_ sequence: Int64, events count: Int = 2, at positions: Set<Int> = [1]) throws -> EncodedBatch {
        let events = (0..<count).map { self.event(UInt64($0 + 1), scope: positions.contains($0) ? "POISON" : nil) }
        let batch = try self.batch(sequence, events)
        var tuples = batch.tuples
        let poison = Array("POISON".utf8)
        for start in 0..<max(0, tuples.count - 6) where tuples[start..<start + 6].elementsEqual(poison) {
            tuples[start] = 0xFF
        }
        return EncodedBatch(
            key: batch.key, batchID: batch.batchID, receivedAt: batch.receivedAt, tuples: tuples,
            eventCount: batch.eventCount, acceptedCount: batch.acceptedCount, rejections: batch.rejections,
            quarantined: batch.quarantined, root: batch.root, contentHash: batch.contentHash,
            request: batch.request)
    }
}

extension EventStore {
    /// Submits a batch and waits for the answer.
    func store(_ batch: EncodedBatch) async -> Result<StoreOutcome, StoreError> {
        await withCheckedContinuation { continuation in
            self.submit(batch) { continuation.resume(returning: $0) }
        }
    }

    /// Submits batches in order, without waiting in between, and gives their answers in the same order.
    func submitAll(_ batches: [EncodedBatch]) -> Answers {
        let answers = Answers(count: batches.count)
        for (index, batch) in batches.enumerated() { self.submit(batch) { answers.set(index, $0) } }
        return answers
    }
}

/// Answers that come in any order.
final class Answers: Sendable {
    private let results: Mutex<[Result<StoreOutcome, StoreError>?]>
    private let arrivals: AsyncStream<Int>
    private let arrived: AsyncStream<Int>.Continuation

    init(count: Int) {
        self.results = Mutex(Array(repeating: nil, count: count))
        (self.arrivals, self.arrived) = AsyncStream.makeStream()
        if count == 0 { self.arrived.finish() }
    }

    /// The answers that are there by now.
    var current: [Result<StoreOutcome, StoreError>?] { self.results.withLock { $0 } }

    func set(_ index: Int, _ result: Result<StoreOutcome, StoreError>) {
        let (isFirst, count) = self.results.withLock { results in
            defer { results[index] = result }
            return (results[index] == nil, results.count { $0 != nil } + 1)
        }
        #expect(isFirst, "batch \(index) was answered twice")
        self.arrived.yield(count)
        if count == self.results.withLock({ $0.count }) { self.arrived.finish() }
    }

    /// All answers, once they are there. `eachTime` is told how many there are, whenever one has come.
    func all(_ eachTime: (Int) throws -> Void) async rethrows -> [Result<StoreOutcome, StoreError>] {
        for await count in self.arrivals { try eachTime(count) }
        return self.results.withLock { $0.compactMap { $0 } }
    }

    /// All answers, once they are there.
    func all() async -> [Result<StoreOutcome, StoreError>] { await self.all { _ in } }
}

extension Result<StoreOutcome, StoreError> {
    var committed: Verdict? {
        if case .success(.committed(let verdict)) = self { return verdict }
        return nil
    }
    var replayed: Verdict? {
        if case .success(.replayed(let verdict)) = self { return verdict }
        return nil
    }
    var conflict: [UInt8]? {
        if case .success(.conflict(let hash)) = self { return hash }
        return nil
    }
    var failure: StoreError? {
        if case .failure(let error) = self { return error }
        return nil
    }
}
