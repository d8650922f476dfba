import ArgumentParser
import DocketClient
import DocketModel
import DocketTerminal
import Foundation
import Histogram

struct LoadBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load",
        abstract: "Loads a running collector, Docket or another with its protocol, and prints what came of it.",
        discussion: """
            Examples:
              docket bench load --address 127.0.0.1:7480 --token-file token --events 500000
              docket bench load --batch 1 --in-flight 64 --rate 20000 --seconds 10 --json

            The events are synthetic and the same for the same --seed. Acknowledgement latency is the time from handing a \
            batch to the client library to its verdict; with --rate from the moment the batch was due, so that a stalled \
            collector isn't spared the batches that would have come meanwhile. The collector's own processor time is for \
            the caller to measure.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var verbose: VerboseOption
    @OptionGroup var load: LoadOptions

    @Option(
        help: ArgumentHelp(
            "Spread the batches over the tenants bench-0, bench-1, …; 0 for the connection's own tenant.",
            valueName: "number"))
    var tenants = 0

    @Flag(help: "Compress the batches with gzip.")
    var gzip = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard (0...100_000).contains(self.tenants) else {
            throw ValidationError("--tenants is \(self.tenants); it must be from 0 to 100000")
        }
    }

    func run() async throws {
        var configuration = try self.connection.resolve().clientConfiguration()
        configuration.maxInFlightBatches = self.load.inFlight
        configuration.compression = self.gzip ? .gzip : .none
        let run = LoadRun(
            clients: Array(repeating: configuration, count: self.load.connections), batches: self.load.makeBatches(),
            inFlightPerConnection: self.load.inFlight, batchesPerSecond: self.load.batchesPerSecond,
            tenantCount: self.tenants)
        let before = ProcessCPU.seconds(of: getpid()) ?? 0
        let result = try await run.run()
        let report = LoadReport(result, cpuSeconds: (ProcessCPU.seconds(of: getpid()) ?? 0) - before)
        try Console.write(self.json ? report.json() + "\n" : report.text())
    }
}

/// What came of a load, for a person or a script.
private struct LoadReport: PrintedReport {
    var events: Int
    var seconds: Double
    var eventsPerSecond: Double
    var emitterMicroseconds: Double
    var p50Milliseconds: Double
    var p99Milliseconds: Double
    var p999Milliseconds: Double
    var maxMilliseconds: Double

    init(_ result: LoadRun.Result, cpuSeconds: Double) {
        func milliseconds(_ percentile: Double) -> Double {
            Double(result.latency.valueAtPercentile(percentile)) / 1000
        }
        self.events = result.eventCount
        self.seconds = result.seconds
        self.eventsPerSecond = Double(result.eventCount) / result.seconds
        self.emitterMicroseconds = cpuSeconds / Double(result.eventCount) * 1e6
        self.p50Milliseconds = milliseconds(50)
        self.p99Milliseconds = milliseconds(99)
        self.p999Milliseconds = milliseconds(99.9)
        self.maxMilliseconds = Double(result.latency.max) / 1000
    }

    func text() -> String {
        """
        \(grouped(self.events)) events acknowledged in \(BenchReport.number(self.seconds, 2)) s: \
        \(BenchReport.number(self.eventsPerSecond, 0)) events/s
        emitter CPU \(BenchReport.number(self.emitterMicroseconds, 2)) µs/event
        acknowledgement p50 \(BenchReport.number(self.p50Milliseconds, 2)) ms, \
        p99 \(BenchReport.number(self.p99Milliseconds, 2)) ms, \
        p99.9 \(BenchReport.number(self.p999Milliseconds, 2)) ms, max \(BenchReport.number(self.maxMilliseconds, 2)) ms

        """
    }
}
