import DevCluster
import DocketClient
import DocketCodec
import DocketModel
import DocketPostgres
import DocketRegistry
import Foundation
import Histogram

/// Runs the load generator against a collector, and a bare loader against the same table, in turn.
struct Bench {
    let connections: Int
    let inFlight: Int
    /// Events a second; 0 for as fast as answers come.
    let rate: Int
    let writers: Int
    let batches: [[Event]]

    func run(rounds: Int) async throws -> BenchReport {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("docket-bench-\(getpid())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let environment = try await Self.environment()
        let token = try await environment.addToken().secret
        let loader = try BenchLoader(
            environment: environment, batches: self.batches, folder: folder, connections: self.writers)

        var report = BenchReport(
            connections: self.connections, eventsPerBatch: self.batches.first?.count ?? 0, inFlight: self.inFlight,
            writers: self.writers, rate: self.rate)
        for _ in 0..<rounds {
            try self.empty(environment)
            report.collector.append(try await self.runCollector(environment, token: token, folder: folder))
            try self.empty(environment)
            if let loader { report.loader.append(try loader.run()) }
        }
        return report
    }

    /// A durable cluster that goes with this process, however the benchmark ends.
    private static func environment() async throws -> DevEnvironment {
        let cluster: DevCluster
        do throws(DevClusterError) {
            cluster = try EphemeralCluster.shared("bench", settings: DevCluster.Settings())
        } catch {
            throw CommandError(error)
        }
        let environment = DevEnvironment(cluster: cluster)
        try await environment.prepare()
        return environment
    }

    /// Every run begins with an empty table and no pending checkpoint.
    private func empty(_ environment: DevEnvironment) throws {
        try environment.cluster.execute(
            "TRUNCATE docket.events, docket.batches, docket.quarantine", database: DevEnvironment.database)
        try environment.cluster.execute("CHECKPOINT")
    }

    private func runCollector(
        _ environment: DevEnvironment, token: String, folder: String
    ) async throws -> BenchReport.CollectorRun {
        let collector = try BenchCollector(environment: environment, folder: folder, writers: self.writers)
        defer { collector.stop() }
        let address = try await collector.waitUntilReady().address
        var configuration = AuditClient.Configuration(target: address, token: token)
        configuration.maxInFlightBatches = self.inFlight
        let batchesPerSecond = self.rate == 0 ? nil : Double(self.rate) / Double(max(1, self.batches.first?.count ?? 1))
        let load = LoadRun(
            clients: Array(repeating: configuration, count: self.connections), batches: self.batches,
            inFlightPerConnection: self.inFlight, batchesPerSecond: batchesPerSecond)
        let postgres = environment.cluster.serverProcessID ?? 0
        let before = (
            collector.cpuSeconds, ProcessCPU.secondsOfTree(postgres) ?? 0, ProcessCPU.seconds(of: getpid()) ?? 0
        )
        let result = try await load.run()
        let after = (
            collector.cpuSeconds, ProcessCPU.secondsOfTree(postgres) ?? 0, ProcessCPU.seconds(of: getpid()) ?? 0
        )
        let stored = try environment.cluster.execute(
            "SELECT count(*) FROM docket.events", database: DevEnvironment.database)
        guard stored == "\(result.eventCount)" else {
            throw CommandError(.software, "\(stored) events are stored; \(result.eventCount) were acknowledged")
        }
        let events = Double(result.eventCount)
        return BenchReport.CollectorRun(
            eventsPerSecond: events / result.seconds,
            collectorMicroseconds: (after.0 - before.0) / events * 1e6,
            postgresMicroseconds: (after.1 - before.1) / events * 1e6,
            emitterMicroseconds: (after.2 - before.2) / events * 1e6,
            p50Milliseconds: Double(result.latency.valueAtPercentile(50)) / 1000,
            p99Milliseconds: Double(result.latency.valueAtPercentile(99)) / 1000,
            p999Milliseconds: Double(result.latency.valueAtPercentile(99.9)) / 1000,
            collectorPeakMebibytes: collector.peakMebibytes)
    }
}
