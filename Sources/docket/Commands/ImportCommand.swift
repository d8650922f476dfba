import ArgumentParser
import DocketClient
import DocketImport
import DocketTerminal
import Synchronization

struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Imports a file of audit records.",
        discussion: """
            Examples:
              docket import --format kubernetes-audit-csv audit.csv
              docket import --format cloudtrail cloudtrail.jsonl
              docket query --limit 0 --json > all.jsonl
              docket import --format jsonl all.jsonl

            Batches, event ids and the producer's id are derived from the file's content: importing a file again stores \
            nothing twice and says so. A record that can't be read is reported with its line and doesn't stop the rest; the \
            command then ends with 65. docs/import.md tells how each field is mapped.
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var verbose: VerboseOption

    @Option(help: "The file's format.")
    var format: ImportFormat

    @Argument(help: "The file.", completion: .file())
    var file: String

    @Option(
        help: ArgumentHelp(
            "Records a batch. Another number makes other batches: an import with it is no replay of one without.",
            valueName: "count"))
    var recordsPerBatch = BatchCutter.defaultMaxRecords

    @Option(
        help: ArgumentHelp(
            "How often a batch is tried while the collector can't be reached; the pauses grow to 10 s.",
            valueName: "count"))
    var maxAttempts = 20

    @Option(help: ArgumentHelp("How many faulty records are reported line by line.", valueName: "count"))
    var maxReports = 20

    @Flag(help: "Print the totals as one JSON object.")
    var json = false

    func validate() throws {
        guard (1...10_000).contains(self.recordsPerBatch) else {
            throw ValidationError("--records-per-batch is \(self.recordsPerBatch); it must be from 1 to 10000")
        }
        guard self.maxAttempts > 0 else {
            throw ValidationError("--max-attempts is \(self.maxAttempts); it must be 1 or more")
        }
    }

    func run() async throws {
        let profile = try self.connection.resolve()
        var configuration = try profile.clientConfiguration()
        configuration.maxAttempts = self.maxAttempts
        let progress = ProgressLine(unit: "bytes")
        defer { progress.clear() }
        let reporter = FaultReporter(file: self.file, maxReports: self.maxReports, progress: progress)
        let totals = try await ImportRun(
            path: self.file, format: self.format, recordsPerBatch: self.recordsPerBatch, configuration: configuration,
            onFault: { reporter.report($0) }, onProgress: { progress.update(done: $0, total: $1) }
        ).run()
        progress.clear()
        reporter.finish()
        try Console.line(self.json ? totals.json : totals.line)
        guard totals.rejectedCount == 0, totals.unreadableCount == 0 else {
            throw CommandError(.dataError, "\(self.file): not every record is stored; the lines above say why")
        }
    }
}

extension ImportFormat: ExpressibleByArgument {}

/// Says which records aren't stored, up to a bound.
final class FaultReporter: Sendable {
    private let file: String
    private let maxReports: Int
    private let progress: ProgressLine
    private let count = Mutex(0)

    init(file: String, maxReports: Int, progress: ProgressLine) {
        self.file = file
        self.maxReports = maxReports
        self.progress = progress
    }

    func report(_ fault: ImportRun.Fault) {
        let number = self.count.withLock { count in
            count += 1
            return count
        }
        guard number <= self.maxReports else { return }
        self.progress.clear()
        Console.error(TerminalText.escaped("\(self.file):\(fault.line): \(fault.message)"))
    }

    /// Says how many weren't shown.
    func finish() {
        let hidden = self.count.withLock { $0 } - self.maxReports
        if hidden > 0 { Console.error("… and \(grouped(hidden)) more; 'docket import --max-reports' shows them") }
    }
}
