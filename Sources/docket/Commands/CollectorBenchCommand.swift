import ArgumentParser
import DocketModel
import DocketTerminal
import Foundation
import SyntheticLoad

struct CollectorBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collector",
        abstract: "Measures a collector with a load generator built on the client library.",
        discussion: """
            Examples:
              docket bench collector
              docket bench --connections 1 --batch 1 --events 20000
              docket bench --rate 20000 --seconds 20
              docket bench --write-jsonl FILE --events 1000000

            Starts a private PostgreSQL and a collector of its own, runs the load and a bare C loader of the same rows in \
            turn, and prints the median of each. Processor time is that of the whole process, kernel included, divided by \
            the events. Only a release build gives figures worth having. With --rate latencies count from \
            the moment a batch was due.
            """)

    /// All of them are made before the first run: they take about 1 KiB of memory each.
    private static let maxEvents = 100_000_000

    @OptionGroup var verbose: VerboseOption

    @Option(help: ArgumentHelp("Connections of the load generator.", valueName: "number"))
    var connections = 4

    @Option(help: ArgumentHelp("Events a batch.", valueName: "number"))
    var batch = 500

    @Option(help: ArgumentHelp("Events in all.", valueName: "number"))
    var events = 1_000_000

    @Option(help: ArgumentHelp("Batches that a connection keeps under way.", valueName: "number"))
    var inFlight = 4

    @Option(help: ArgumentHelp("Events a second; 0 to send as fast as answers come.", valueName: "number"))
    var rate = 0

    @Option(help: ArgumentHelp("How long to run at a fixed --rate; replaces --events.", valueName: "number"))
    var seconds: Int?

    @Option(help: ArgumentHelp("Runs of each contestant, in turn.", valueName: "number"))
    var rounds = 3

    @Option(help: ArgumentHelp("Connections that the collector and the loader write with.", valueName: "number"))
    var writers = 2

    @Option(help: ArgumentHelp("The seed of the synthetic events.", valueName: "number"))
    var seed: UInt64 = 1

    @Flag(help: "Print one JSON object.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "Write the synthetic events to a file for 'docket import', and do nothing else.", valueName: "file"))
    var writeJsonl: String?

    func validate() throws {
        for (name, value, range) in [
            ("connections", self.connections, 1...1000), ("batch", self.batch, 1...10_000),
            ("events", self.events, 1...Self.maxEvents), ("in-flight", self.inFlight, 1...1000),
            ("rounds", self.rounds, 1...100), ("rate", self.rate, 0...10_000_000), ("writers", self.writers, 1...16),
        ] where !range.contains(value) {
            throw ValidationError("--\(name) is \(value); it must be from \(range.lowerBound) to \(range.upperBound)")
        }
        guard let seconds = self.seconds else { return }
        guard self.rate > 0 else {
            throw ValidationError("--seconds needs a --rate above 0; without one pass --events")
        }
        let most = Self.maxEvents / self.rate
        guard (1...most).contains(seconds) else {
            throw ValidationError(
                "--seconds is \(seconds); at --rate \(self.rate) it must be from 1 to \(most), which is "
                    + "\(grouped(Self.maxEvents)) events")
        }
    }

    func run() async throws {
        if let path = self.writeJsonl { return try self.writeEvents(to: path) }
        let bench = Bench(
            connections: self.connections, inFlight: self.inFlight, rate: self.rate, writers: self.writers,
            batches: self.makeBatches())
        let report = try await bench.run(rounds: self.rounds)
        try Console.write(self.json ? report.json() + "\n" : report.table(style: Console.style))
    }

    private func makeBatches() -> [[Event]] {
        var generator = SyntheticEvents(seed: self.seed)
        let count = self.seconds.map { $0 * self.rate } ?? self.events
        return stride(from: 0, to: count, by: self.batch).map { start in
            (0..<min(self.batch, count - start)).map { _ in generator.next() }
        }
    }

    private func writeEvents(to path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
        else {
            throw CommandError(.cannotCreate, "cannot write '\(path)'")
        }
        var generator = SyntheticEvents(seed: self.seed)
        let progress = ProgressLine(unit: "events")
        defer { progress.clear() }
        var lines: [UInt8] = []
        do {
            for number in 1...self.events {
                lines += generator.next().json.utf8
                lines.append(UInt8(ascii: "\n"))
                if lines.count > 1 << 20 || number == self.events {
                    try file.write(contentsOf: Data(lines))
                    lines.removeAll(keepingCapacity: true)
                    progress.update(done: number, total: self.events)
                }
            }
            try file.close()
        } catch {
            throw CommandError(.ioError, "cannot write '\(path)'", cause: error)
        }
    }
}
