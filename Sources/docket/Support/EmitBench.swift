import DevCluster
import DocketClient
import DocketModel
import DocketRegistry
import Foundation
import Histogram
import Logging
import NIOCore
import NIOPosix
import SyntheticLoad

/// Emits at a rate, to a collector and to one that never says anything, in turn.
struct EmitBench {
    /// Events a second; 0 for as many as one thread can emit.
    let rate: Int
    let seconds: Int
    let queueBytes: Int
    let silentOnly: Bool

    /// One in so many calls is timed, so that the clock doesn't weigh on the figures.
    private static let timedInterval = 16
    /// How many different events there are.
    private static let eventCount = 1024

    func run(rounds: Int) async throws -> EmitBenchReport {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("docket-bench-\(getpid())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var generator = SyntheticEvents(seed: 1, sizeBytes: nil)
        let events = (0..<Self.eventCount).map { _ in generator.next() }
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false).bind(host: "127.0.0.1", port: 0).get()
        let silentAddress = "127.0.0.1:\(silent.localAddress?.port ?? 0)"
        var report = EmitBenchReport(rate: self.rate, seconds: self.seconds, queueMebibytes: self.queueBytes >> 20)
        let answering = self.silentOnly ? nil : try await AnsweringCollector(folder: folder)
        defer { answering?.collector.stop() }
        for _ in 0..<rounds {
            if let answering {
                report.answering.append(try await self.emit(events, to: answering.address, token: answering.token))
            }
            report.silent.append(try await self.emit(events, to: silentAddress, token: ""))
            if self.rate > 0 { report.nothing.append(try await self.emitNothing(events)) }
        }
        try await silent.close()
        return report
    }

    /// One run.
    private func emit(_ events: [Event], to address: String, token: String) async throws -> EmitBenchReport.Run {
        var configuration = AuditClient.Configuration(target: address, token: token)
        configuration.tenant = "bench-emit"
        configuration.maxQueueBytes = self.queueBytes
        configuration.logger = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }
        let client = try EmitCommand.client(configuration)
        let before = ProcessCPU.seconds(of: getpid()) ?? 0
        let began = ContinuousClock.now
        // A thread of its own: the loop doesn't give way while it works.
        let calls = try await NIOThreadPool.singleton.runIfActive { self.pace(events) { client.emit($0) } }
        let elapsed = Double((ContinuousClock.now - began).microseconds) / 1e6
        let cpu = (ProcessCPU.seconds(of: getpid()) ?? 0) - before
        let resident = Self.residentMebibytes
        let statistics = client.statistics
        await client.shutdown(timeout: token.isEmpty ? .zero : .seconds(30))
        return EmitBenchReport.Run(
            calls, coreShare: cpu / elapsed, eventsPerSecond: Double(statistics.enqueuedCount) / elapsed,
            droppedShare: Double(statistics.droppedCount) / Double(max(1, statistics.enqueuedCount)),
            residentMebibytes: resident)
    }

    /// The same, without a client: what the measuring itself costs.
    private func emitNothing(_ events: [Event]) async throws -> EmitBenchReport.Run {
        let before = ProcessCPU.seconds(of: getpid()) ?? 0
        let calls = try await NIOThreadPool.singleton.runIfActive { self.pace(events) { _ in } }
        let cpu = (ProcessCPU.seconds(of: getpid()) ?? 0) - before
        return EmitBenchReport.Run(
            calls, coreShare: cpu / Double(self.seconds), eventsPerSecond: Double(self.rate), droppedShare: 0,
            residentMebibytes: Self.residentMebibytes)
    }

    /// Gives events away at the rate.
    ///
    /// - Returns: how long single calls took, in nanoseconds.
    private func pace(_ events: [Event], _ emit: (Event) -> Void) -> Histogram<UInt64> {
        var calls = Histogram<UInt64>(highestTrackableValue: 10_000_000_000)
        let clock = ContinuousClock()
        let (began, deadline) = (clock.now, clock.now + .seconds(self.seconds))
        var count = 0
        while true {
            let now = clock.now
            if now >= deadline { return calls }
            // What is due by now, or a handful.
            let elapsed = Double((now - began).microseconds) / 1e6
            let due = self.rate == 0 ? count + 1024 : Int(elapsed * Double(self.rate))
            while count < due {
                let event = events[count % Self.eventCount]
                if count % Self.timedInterval == 0 {
                    let start = clock.now
                    emit(event)
                    calls.record(UInt64(max(1, (clock.now - start).nanoseconds)))
                } else {
                    emit(event)
                }
                count += 1
            }
            // A thread of its own that paces by the clock: the sleep is the measured service's idleness, and waits for nothing.
            if self.rate > 0 { usleep(1000) }
        }
    }

    /// The memory of this process, in MiB.
    private static var residentMebibytes: Double {
        let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
        return (pages?.dropFirst().first.flatMap { Double($0) } ?? 0) * Double(sysconf(Int32(_SC_PAGESIZE))) / 1_048_576
    }
}

extension Duration {
    fileprivate var nanoseconds: Int64 {
        let (seconds, attoseconds) = self.components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}

/// A collector with a private PostgreSQL.
private struct AnsweringCollector {
    let collector: BenchCollector
    let address: String
    let token: String

    init(folder: String) async throws {
        let environment: DevEnvironment
        do throws(DevClusterError) {
            environment = DevEnvironment(
                cluster: try EphemeralCluster.shared("bench-emit", settings: DevCluster.Settings()))
        } catch {
            throw CommandError(error)
        }
        try await environment.prepare()
        var generator = SystemRandomNumberGenerator()
        let token = AccessToken(using: &generator)
        self.token = token.secret
        try environment.execute(
            """
            INSERT INTO docket.tenants (slug) VALUES ('bench-emit');
            UPDATE docket.tenants SET event_type_mode = 'open' WHERE slug = 'bench-emit';
            INSERT INTO docket.credentials (token_hash, scopes, covers_all_tenants)
            VALUES ('\\x\(hexadecimal(token.hash))', \(CredentialScopes.publish.rawValue), true)
            """)
        self.collector = try BenchCollector(environment: environment, folder: folder, writers: 2)
        self.address = try await self.collector.waitUntilReady().address
    }
}
