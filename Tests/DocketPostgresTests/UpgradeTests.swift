import DevCluster
import DocketCodec
import DocketModel
import DocketTestSupport
import DocketThreads
import Synchronization
import Testing

@testable import DocketPostgres

/// A collector of the version before segments and the log: what it sends for each batch, over and over.
private final class EarlierCollector: Sendable {
    private struct State {
        var isStopped = false
        var isRunning = true
        var stored: [Int64] = []
        var failures: [String] = []
    }
    private let state = Monitor(State())

    /// How many batches it has stored.
    var stored: [Int64] { self.state.withLock { $0.stored } }
    var failures: [String] { self.state.withLock { $0.failures } }

    init(_ settings: ConnectionSettings, producer: UInt64) throws {
        try OwnedThread.start(name: "earlier") { self.run(settings, producer) }
    }

    /// Waits until it has stored so many more.
    func storeMore(_ count: Int) async {
        let target = self.stored.count + count
        await until { self.stored.count >= target || !self.failures.isEmpty }
    }

    func stop() async {
        self.state.withLock { $0.isStopped = true }
        await until { self.state.withLock { !$0.isRunning } }
    }

    private func run(_ settings: ConnectionSettings, _ producer: UInt64) {
        do {
            let connection = try PostgresConnection(settings)
            let maker = BatchMaker(producer: ProducerID(high: 8, low: producer))
            var sequence: Int64 = 0
            while !self.state.withLock({ $0.isStopped }) {
                sequence += 1
                let batch = try maker.batch(sequence, [maker.event(UInt64(sequence)), maker.event(0)])
                let script = Self.script(batch)
                try connection.copyIn(script.sql, streams: script.streams)
                self.state.withLock { $0.stored.append(batch.batchID) }
            }
        } catch {
            self.state.withLock { $0.failures.append("\(error)") }
        }
        self.state.withLock { $0.isRunning = false }
    }

    private static func script(_ batch: EncodedBatch) -> CopyScript {
        var sql = SQLText()
        sql.append(
            """
            INSERT INTO docket.batches (batch_id, sequence, received_at, producer_id, tenant_id, event_count,
                accepted_count, root, content_hash, verdict)
            VALUES (\(batch.batchID), \(batch.key.sequence), '\(batch.receivedAt.rfc3339)',
            """)
        sql.append(uuid: batch.key.producerID.bytes)
        sql.append(",\(batch.key.tenantID),\(batch.eventCount),\(batch.acceptedCount),")
        sql.append(self.literal(batch.root))
        sql.append(",")
        sql.append(self.literal(batch.contentHash))
        sql.append(",")
        sql.append(self.literal(encodeVerdict(batch.verdict(durability: .committed))))
        sql.append(
            """
            );
            INSERT INTO docket.quarantine (batch_id, received_at, tenant_id, position, field, code, reason, event)
            VALUES (\(batch.batchID), now(), 1, 0, 'type', 'unknown_event_type', 'as it was', '\\x00');
            """)
        sql.append(CommitStatement.copyEvents(HotSegment(id: 1, table: "events_000001")))
        return CopyScript(sql: sql.text, streams: [[CopyStream.header, batch.tuples, CopyStream.trailer]])
    }

    private static func literal(_ bytes: [UInt8]) -> String { "'\\x\(hexadecimal(bytes))'" }
}

@Suite("A collector of the previous version")
struct UpgradeTests {
    @Test(
        "stores without a failure before, during and after the migration, and all its batches get their place in the log"
    )
    func upgrade() async throws {
        let database = try TestDatabase.empty()
        let superuser = database.settings(DevCluster.superuser)
        _ = try await Migrator(settings: superuser, migrations: Array(Migration.all.prefix(3))).migrate()
        let collectors = try (0..<2).map { try EarlierCollector(database.settings(Roles.writer), producer: $0) }
        for collector in collectors { await collector.storeMore(20) }
        #expect(try await Migrator(settings: superuser).migrate().applied.count == Migration.all.count - 3)
        for collector in collectors { await collector.storeMore(20) }
        // A collector of this version beside it, which leads.
        let maintenance = try database.maintenance()
        let store = try await database.store()
        let maker = BatchMaker()
        for sequence in 1...10 as ClosedRange<Int64> {
            #expect(await store.store(try maker.batch(sequence, [maker.event(1)])).committed != nil)
        }
        for collector in collectors {
            await collector.storeMore(20)
            await collector.stop()
            #expect(collector.failures == [])
        }
        let stored = Int64(collectors[0].stored.count + collectors[1].stored.count)
        try await until { try database.number("SELECT count(*) FROM docket.log_entries") == stored + 10 }
        await maintenance.stop()
        #expect(
            try database.number(
                "SELECT count(*) FROM docket.batches WHERE batch_id NOT IN (SELECT batch_id FROM docket.log_entries)")
                == 0)
        #expect(try database.number("SELECT max(log_index) + 1 FROM docket.log_entries") == stored + 10)
        #expect(try database.number("SELECT count(*) FROM docket.events") == 2 * stored + 10)
        #expect(try database.number("SELECT count(*) FROM docket.quarantine") == stored)
    }
}
