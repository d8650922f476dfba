import ArgumentParser
import DocketTerminal
import Foundation

@main
struct MicroBenchmarks: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "micro-benchmarks",
        abstract: "Measures what single steps of an event's way cost: processor time and allocations.",
        discussion: """
            Examples:
              micro-benchmarks
              micro-benchmarks --filter codec/ --seconds 2
              micro-benchmarks --check Benchmarks/Micro/thresholds.json
              DOCKET_ALLOC_TRACE=1 micro-benchmarks --filter client/emit-batches

            Time is the processor's on one thread. Allocations are counted exactly, by a malloc of this program's own; \
            --check compares them, and never the time, with limits. Benchmarks whose names begin with 'counter/' prove \
            that counter, and run only when --filter names them.
            """)

    @Option(help: ArgumentHelp("Run only benchmarks whose names contain this.", valueName: "text"))
    var filter: String?

    @Option(help: ArgumentHelp("Processor time for each benchmark.", valueName: "number"))
    var seconds = 0.4

    @Flag(help: "Print one JSON object.")
    var json = false

    @Option(help: ArgumentHelp("Fail when a benchmark allocates more than this file allows.", valueName: "file"))
    var check: String?

    @Option(
        help: ArgumentHelp("Write what is allocated now, with a little room, as the new limits.", valueName: "file"))
    var writeThresholds: String?

    func validate() throws {
        guard self.seconds >= 0, self.seconds <= 3600 else {
            throw ValidationError("--seconds is \(self.seconds); it must be from 0 to 3600")
        }
        guard !self.chosen.isEmpty else {
            throw ValidationError("--filter '\(self.filter ?? "")' matches none of: \(Self.names)")
        }
    }

    func run() throws {
        AllocationCount.keepMemory()
        try AllocationCount.prove()
        let thresholds = try self.check.map { try Thresholds(contentsOf: $0) }
        let measurements = try self.chosen.map { try Measurement($0, seconds: self.seconds) }
        let report = Report(measurements: measurements)
        let terminal = Terminal.standardOutput
        let style = TerminalStyle(
            isTerminal: terminal.isTerminal, environment: ProcessInfo.processInfo.environment)
        print(
            self.json ? try report.json() + "\n" : report.table(width: terminal.width, style: style), terminator: "")
        if AllocationTrace.isWanted {
            for benchmark in self.chosen { print(try AllocationTrace.text(of: benchmark)) }
        }
        if let path = self.writeThresholds { try self.write(Thresholds(measurements), to: path) }
        guard let thresholds, let path = self.check else { return }
        let faults = thresholds.faults(of: measurements, path: path, isComplete: self.filter == nil)
        for fault in faults { Self.note("error: \(fault)") }
        guard faults.isEmpty else { throw ExitCode.failure }
        Self.note("\(measurements.count) benchmarks allocate no more than \(path) allows")
    }

    /// With a filter, the other benchmarks keep the limits that they have.
    private func write(_ measured: Thresholds, to path: String) throws {
        var thresholds = measured
        if self.filter != nil, FileManager.default.fileExists(atPath: path) {
            thresholds = try Thresholds(contentsOf: path)
            thresholds.merge(measured)
        }
        try thresholds.write(to: path)
        Self.note("wrote \(path)")
    }

    private var chosen: [Benchmark] {
        guard let filter = self.filter else { return Benchmark.all }
        return (Benchmark.all + CounterWorkloads.all.map(\.benchmark)).filter { $0.name.contains(filter) }
    }

    private static var names: String { Benchmark.all.map(\.name).joined(separator: ", ") }

    private static func note(_ text: String) {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }
}
