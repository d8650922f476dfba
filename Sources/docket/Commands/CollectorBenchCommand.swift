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

    @OptionGroup var verbose: VerboseOption

    @OptionGroup var load: LoadOptions

    @Option(help: ArgumentHelp("Runs of each contestant, in turn.", valueName: "number"))
    var rounds = 3

    @Option(help: ArgumentHelp("Connections that the collector and the loader write with.", valueName: "number"))
    var writers = 2

    @Flag(help: "Print one JSON object.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "Write the synthetic events to a file for 'docket import', and do nothing else.", valueName: "file"),
        completion: .file())
    var writeJsonl: String?

    func validate() throws {
        for (name, value, range) in [("rounds", self.rounds, 1...100), ("writers", self.writers, 1...16)]
        where !range.contains(value) {
            throw ValidationError("--\(name) is \(value); it must be from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func run() async throws {
        if let path = self.writeJsonl { return try self.writeEvents(to: path) }
        let bench = Bench(
            connections: self.load.connections, inFlight: self.load.inFlight, rate: self.load.rate,
            writers: self.writers,
            batches: self.load.makeBatches())
        let report = try await bench.run(rounds: self.rounds)
        try Console.write(self.json ? report.json() + "\n" : report.table(style: Console.style))
    }

    private func writeEvents(to path: String) throws {
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
        else {
            throw CommandError(.cannotCreate, "cannot write '\(path)'")
        }
        var generator = SyntheticEvents(seed: self.load.seed, sizeBytes: self.load.eventBytes)
        let progress = ProgressLine(unit: "events")
        defer { progress.clear() }
        var lines: [UInt8] = []
        do {
            for number in 1...self.load.events {
                lines += generator.next().json.utf8
                lines.append(UInt8(ascii: "\n"))
                if lines.count > 1 << 20 || number == self.load.events {
                    try file.write(contentsOf: Data(lines))
                    lines.removeAll(keepingCapacity: true)
                    progress.update(done: number, total: self.load.events)
                }
            }
            try file.close()
        } catch {
            throw CommandError(.ioError, "cannot write '\(path)'", cause: error)
        }
    }
}
