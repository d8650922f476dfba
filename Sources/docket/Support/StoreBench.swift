import DevCluster
import DocketCodec
import DocketModel
import DocketPostgres
import DocketStore
import Foundation
import Logging
import SyntheticLoad

/// Writes the same batches in several ways, each time into a new database of one private cluster.
struct StoreBench {
    /// A way to keep the same rows.
    enum Way: String, Encodable, CaseIterable {
        /// A table without any index, and nothing beside it.
        case unindexed
        /// A hot segment as it is, until the last acknowledgement.
        case burst
        /// Segments, until the last one is sealed.
        case sustained
        /// One table with a sealed segment's indexes from the beginning.
        case indexed
    }

    /// Enough to keep the writers' next groups full.
    private static let inFlightBatches = 64

    let events: Int
    let eventsPerBatch: Int
    let rotations: Int
    let writers: Int

    func run(rounds: Int) async throws -> StoreBenchReport {
        let cluster: DevCluster
        do throws(DevClusterError) {
            cluster = try EphemeralCluster.shared("bench", settings: DevCluster.Settings())
        } catch {
            throw CommandError(error)
        }
        let batches = try self.makeBatches()
        var report = StoreBenchReport(events: self.events, eventsPerBatch: self.eventsPerBatch, writers: self.writers)
        for round in 0..<rounds {
            for way in Way.allCases {
                do {
                    let database = "bench_\(round)_\(way.rawValue)"
                    report.runs[way, default: []].append(try await self.run(way, batches, cluster, database))
                    try cluster.execute("DROP DATABASE \(database)")
                } catch let error as PostgresError {
                    throw CommandError(error)
                }
            }
        }
        return report
    }

    private func run(
        _ way: Way, _ batches: [EncodedBatch], _ cluster: DevCluster, _ database: String
    ) async throws -> StoreBenchReport.Run {
        try cluster.createDatabase(database)
        func settings(_ role: String) -> ConnectionSettings {
            ConnectionSettings(
                conninfo: cluster.conninfo(role: role, database: database), applicationName: "docket-bench")
        }
        _ = try await Migrator(settings: settings(DevCluster.superuser)).migrate()
        try self.prepare(way, cluster, database)
        try cluster.execute("CHECKPOINT")
        var configuration = PostgresStore.Configuration()
        configuration.writers = self.writers
        configuration.maxQueueBytes = 1 << 30
        let logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
        let store = try await PostgresStore.start(
            settings: settings(Roles.writer), configuration: configuration, logger: logger)
        let maintenance =
            way == .sustained
            ? try Maintenance(settings: settings(Roles.maintainer), nextBatchID: { nil }, logger: logger) : nil
        let postgres = cluster.serverProcessID ?? 0
        let (cpu, began) = (ProcessCPU.secondsOfTree(postgres) ?? 0, ContinuousClock.now)
        try await self.submit(batches, to: store)
        let acknowledged = ContinuousClock.now - began
        if way == .sustained { try await self.waitUntilSealed(cluster, database) }
        let (ended, used) = (ContinuousClock.now - began, (ProcessCPU.secondsOfTree(postgres) ?? 0) - cpu)
        await store.drain()
        await maintenance?.stop()
        let stored = try cluster.execute("SELECT count(*) FROM docket.events", database: database)
        guard stored == "\(self.events)" else {
            throw CommandError(.software, "\(stored) events are stored; \(self.events) were acknowledged")
        }
        let segments = try cluster.execute(
            "SELECT count(*) FROM docket.segments WHERE state = 'sealed'", database: database)
        return StoreBenchReport.Run(
            eventsPerSecond: Double(self.events) / (Double(ended.microseconds) / 1e6),
            acknowledgedPerSecond: Double(self.events) / (Double(acknowledged.microseconds) / 1e6),
            postgresMicroseconds: used / Double(self.events) * 1e6, sealedSegments: Int(segments) ?? 0)
    }

    private func prepare(_ way: Way, _ cluster: DevCluster, _ database: String) throws {
        switch way {
        case .unindexed:
            try cluster.execute("DROP INDEX docket.events_000001_blocks", database: database)
        case .burst: break
        case .sustained:
            try cluster.execute(
                "UPDATE docket.store_policy SET segment_rows = \(self.events / self.rotations)", database: database)
        case .indexed:
            try cluster.execute("DROP INDEX docket.events_000001_blocks", database: database)
            for index in SealedIndex.all {
                try cluster.execute(index.create(on: "events_000001"), database: database)
            }
        }
    }

    /// Keeps a bounded number of batches under way.
    private func submit(_ batches: [EncodedBatch], to store: PostgresStore) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<Self.inFlightBatches {
                group.addTask {
                    for index in stride(from: worker, to: batches.count, by: Self.inFlightBatches) {
                        let answer = await withCheckedContinuation { continuation in
                            store.submit(batches[index]) { continuation.resume(returning: $0) }
                        }
                        guard case .success(.committed) = answer else {
                            throw CommandError(.software, "a batch was not committed: \(answer)")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// The last rows are fewer than a segment, so the rest of the hot one is rotated by hand.
    private func waitUntilSealed(_ cluster: DevCluster, _ database: String) async throws {
        let open =
            "SELECT count(*) FROM docket.segments WHERE state IN ('sealing') OR state = 'sealed' AND frozen_at IS NULL"
        try cluster.execute("UPDATE docket.store_policy SET segment_rows = 1000", database: database)
        let hotRows =
            "SELECT count(*) FROM (SELECT 1 FROM docket.events WHERE segment_id = ("
            + "SELECT segment_id FROM docket.segments WHERE state = 'hot') LIMIT 1000) AS e"
        while try cluster.execute(hotRows, database: database) == "1000"
            || cluster.execute(open, database: database) != "0"
        {
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Encoded once for all runs: what is measured is the store.
    private func makeBatches() throws -> [EncodedBatch] {
        var synthetic = SyntheticEvents(seed: 1)
        let decoder = BatchDecoder(limits: Limits())
        let producer = ProducerID(high: 1, low: 1)
        var ids = BatchIDGenerator(node: 0)
        return try stride(from: 0, to: self.events, by: self.eventsPerBatch).map { start in
            let sequence = Int64(start / self.eventsPerBatch)
            var request = EventEncoder.publishRequestPrefix(tenant: "", producerID: producer, sequence: sequence)
            for _ in 0..<min(self.eventsPerBatch, self.events - start) {
                EventEncoder.append(synthetic.next(), to: &request)
            }
            let id = ids.next(now: .now)
            return try decoder.encode(
                decoder.decode(request), key: BatchKey(tenantID: 1, producerID: producer, sequence: sequence),
                batchID: id, receivedAt: BatchID.receivedAt(of: id)
            ) { _ in .accept(typeID: 1) }
        }
    }
}
