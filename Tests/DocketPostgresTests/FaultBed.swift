import DevCluster
import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Logging
import Synchronization
import Testing

@testable import DocketPostgres

/// Keeps the code of each failure that a writer met, which it tells its logger.
final class FailureLog: Sendable {
    /// Of a connection that couldn't be made.
    static let away = "away"

    private let met = Mutex<[String]>([])

    var codes: [String] { self.met.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: FailureLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { self.metadata[key] }
            set { self.metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            guard let code = self.code(of: event) else { return }
            self.log.met.withLock { $0.append(code) }
        }

        private func code(of event: LogEvent) -> String? {
            switch event.message {
            case "a commit group failed": event.metadata?["code"].map { "\($0)" }
            case "PostgreSQL can't be written to": FailureLog.away
            default: nil
            }
        }
    }
}

/// A database with a store of one writer, which has stored one batch of one event, and whose failures are noted.
final class FaultBed {
    let database: TestDatabase
    let store: PostgresStore
    let failures = FailureLog()
    let maker = BatchMaker()
    private var sequence: Int64 = 0

    /// - Parameter setUp: What the superuser runs before the writer connects.
    init(_ database: TestDatabase, setUp: String = "", unavailableAfter: Duration = .zero) async throws {
        self.database = database
        if !setUp.isEmpty { try database.connect().execute(setUp) }
        self.store = try await database.store(logger: self.failures.logger) {
            $0.writers = 1
            $0.unavailableAfter = unavailableAfter
        }
        #expect(await self.store.store(try self.batch()).committed != nil)
    }

    /// The next batch, of so many events.
    func batch(events count: UInt64 = 1) throws -> EncodedBatch {
        self.sequence += 1
        let first = UInt64(self.sequence) * 1000
        return try self.maker.batch(self.sequence, (0..<count).map { self.maker.event(first + $0) })
    }

    /// What is stored: so many batches, each once and whole, so many events, and nothing in quarantine but what is said.
    func expectStored(
        batches: Int64, events: Int64, quarantined: Int64 = 0, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let rows = try self.database.connect().query(
            """
            SELECT (SELECT count(*) FROM docket.batches), (SELECT count(*) FROM docket.events),
                (SELECT count(DISTINCT (batch_id, position)) FROM docket.events),
                (SELECT count(*) FROM docket.quarantine),
                (SELECT count(*) FROM docket.batches AS b
                WHERE accepted_count <> (SELECT count(*) FROM docket.events AS e WHERE e.batch_id = b.batch_id))
            """)
        let found = try (0..<5).map { try rows.integer(0, $0, as: Int64.self) }
        #expect(found == [batches, events, events, quarantined, 0], sourceLocation: sourceLocation)
    }

    /// The promise for a fault that stands: the batch is answered as unavailable and nothing of it is stored; once the
    /// fault is gone, the same batch is stored, once.
    ///
    /// - Parameters:
    ///   - count: How many events the batch has.
    ///   - change: What is sent while the fault stands, when that is not what is sent afterwards.
    /// - Returns: What the sender was told.
    @discardableResult
    func expectUnavailable(
        events count: UInt64 = 2, while begin: () async throws -> Void, until end: () async throws -> Void,
        sending change: (EncodedBatch) -> EncodedBatch = { $0 }
    ) async throws -> String {
        let batch = try self.batch(events: count)
        try await begin()
        let error = try #require(await self.store.store(change(batch)).failure)
        #expect(error.code == .unavailable && error.retryAfterMilliseconds != nil, "\(error)")
        try await end()
        try self.expectStored(batches: 1, events: 1)
        let answer = await self.store.store(batch)
        #expect(answer.committed?.acceptedCount == Int(count), "\(answer)")
        try self.expectStored(batches: 2, events: 1 + Int64(count))
        return error.message
    }

    /// The promise for a fault that passes: the batch is stored, once, and its sender notices nothing.
    ///
    /// - Parameter fault: What happens while the batch waits for its answer.
    func expectUnnoticed(_ fault: () async throws -> Void) async throws {
        let answers = self.store.submitAll([try self.batch(events: 2)])
        try await fault()
        let answer = await answers.all()[0]
        #expect(answer.committed?.acceptedCount == 2, "\(answer)")
        try self.expectStored(batches: 2, events: 3)
    }

    /// The promise for a fault of a row: that event alone goes into quarantine, its neighbours are stored.
    ///
    /// - Parameter bad: A batch of three events, of which PostgreSQL refuses the second.
    func expectQuarantined(_ bad: EncodedBatch, code: String) async throws {
        let lock = try self.database.lockBatches()
        let answers = self.store.submitAll([try self.batch(), bad, try self.batch()])
        try lock.execute("ROLLBACK")
        let results = await answers.all()
        #expect(results.allSatisfy { $0.committed != nil }, "\(results)")
        let verdict = try #require(results[1].committed)
        #expect(verdict.acceptedCount == 2)
        #expect(verdict.rejections.map(\.index) == [1] && verdict.rejections.map(\.code) == [.refusedByStore])
        #expect(verdict.rejections.first?.reason.contains(code) == true)
        try self.expectStored(batches: 4, events: 5, quarantined: 1)
    }

    /// Waits until the failure has been met.
    func meet(_ code: String) async { await until { self.failures.codes.contains(code) } }

    /// Waits until the writer stands before a lock.
    func waitUntilBlocked() async throws { try await self.waitUntilWriter("wait_event_type = 'Lock'") }

    /// Waits until a condition holds for the writer's session, by the columns of `pg_stat_activity`.
    func waitUntilWriter(_ condition: String) async throws {
        let admin = try self.database.connect()
        try await until { try admin.query(Self.writers(condition)).integer(0, 0) == Int64(1) }
    }

    /// Ends the writer's session, and waits for that; it may have a new one by then.
    func endSession() async throws {
        let admin = try self.database.connect()
        let ended = try admin.query(
            """
            SELECT coalesce(string_agg(pid::text, ',') FILTER (WHERE pg_terminate_backend(pid)), '0')
            FROM pg_stat_activity WHERE usename = 'docket_writer' AND datname = current_database()
            """
        ).text(0, 0)
        try await until { try admin.query(Self.writers("pid IN (\(ended))")).integer(0, 0) == Int64(0) }
    }

    private static func writers(_ condition: String) -> String {
        """
        SELECT count(*) FROM pg_stat_activity
        WHERE usename = 'docket_writer' AND datname = current_database() AND \(condition)
        """
    }
}

extension TestDatabase {
    /// A setting of the writer in this database alone: roles belong to the whole server.
    static func writerSetting(_ setting: String) -> String {
        """
        DO $$ BEGIN
            EXECUTE format('ALTER ROLE docket_writer IN DATABASE %I SET \(setting.replacing("'", with: "''"))',
                current_database());
        END $$
        """
    }
}

extension EncodedBatch {
    /// The statement that takes the batch's key, as another collector would.
    var occupation: String {
        """
        INSERT INTO docket.batches (batch_id, sequence, received_at, producer_id, tenant_id, event_count,
            accepted_count, root, content_hash, verdict)
        VALUES (\(self.batchID), \(self.key.sequence), now(), '\(self.key.producerID.uuidText)', \(self.key.tenantID), 0, 0,
            '', '', '')
        """
    }

    /// The batch with other tuples.
    func with(tuples: [UInt8]) -> EncodedBatch {
        EncodedBatch(
            key: self.key, batchID: self.batchID, receivedAt: self.receivedAt, tuples: tuples,
            eventCount: self.eventCount, acceptedCount: self.acceptedCount, rejections: self.rejections,
            quarantined: self.quarantined, root: self.root, contentHash: self.contentHash, request: self.request)
    }
}

extension ProducerID {
    /// Its 32 hexadecimal digits, which PostgreSQL reads as a uuid.
    var uuidText: String {
        self.bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}
