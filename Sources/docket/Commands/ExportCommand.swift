import ArgumentParser
import DocketModel
import DocketOperations
import DocketTerminal
import Foundation

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes all events of the log, or those that a filter lets through, to a file or standard output.",
        discussion: """
            Events come in the log's own order. A file gets a manifest beside it, FILE.manifest.json, with the number of
            events, bytes, SHA-256, the filter, and where in the log the next export begins.

            Examples:
              docket export --output log.jsonl
              docket export --output week.csv --format csv --since 7d --formula-safe
              docket export --output next.jsonl --after log.jsonl.manifest.json
              docket export --verify log.jsonl
              docket export --decision deny | jq .actor.id
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var verbose: VerboseOption
    @OptionGroup(title: "Filter") var selection: FilterOptions

    @Option(help: "The form: JSON lines (docs/json.md), CSV, CloudEvents 1.0, or OCSF (docs/export-formats.md).")
    var format: ExportFormat = .jsonl

    @Option(help: ArgumentHelp("Where to write to. Default: standard output.", valueName: "file"), completion: .file())
    var output: String?

    @Option(
        help: ArgumentHelp("Where to write the manifest to. Default: beside --output.", valueName: "file"),
        completion: .file())
    var manifest: String?

    @Flag(help: "Replace a file that is there already.")
    var overwrite = false

    @Flag(help: "CSV: disarm text that a spreadsheet would take for a formula, which changes it.")
    var formulaSafe = false

    @Option(help: ArgumentHelp("Begin with this log index.", valueName: "index"))
    var fromLogIndex: Int64?

    @Option(help: ArgumentHelp("End before this log index. Default: all that is committed now.", valueName: "index"))
    var endLogIndex: Int64?

    @Option(
        help: ArgumentHelp("Begin where the export of this manifest ended.", valueName: "manifest"), completion: .file()
    )
    var after: String?

    @Option(
        help: ArgumentHelp("Export nothing; hold this export against its manifest.", valueName: "file"),
        completion: .file())
    var verify: String?

    func validate() throws {
        guard self.fromLogIndex == nil || self.after == nil else {
            throw ValidationError("--from-log-index and --after both say where to begin; leave one out")
        }
        for (name, index) in [("--from-log-index", self.fromLogIndex), ("--end-log-index", self.endLogIndex)] {
            if let index, index < 0 { throw ValidationError("\(name) is \(index); it must be 0 or more") }
        }
        guard !self.formulaSafe || self.format == .csv else {
            throw ValidationError("--formula-safe is for --format csv; \(self.format.rawValue) has no formulas")
        }
    }

    func run() async throws {
        if let path = self.verify { return try self.verify(path) }
        var profile = try self.connection.resolve()
        let before = try self.rangeBefore(tenant: profile.tenant)
        // Whatever the credential covers, it is the same log that goes on.
        profile.tenant = profile.tenant ?? before?.tenant
        let from = self.fromLogIndex ?? before?.nextLogIndex ?? 0
        let manifestPath = self.manifest ?? self.output.map(ExportVerification.manifestPath)
        if let manifestPath, !self.overwrite, FileManager.default.fileExists(atPath: manifestPath) {
            throw CommandError(
                .cannotCreate, "'\(manifestPath)' is there already; name another file, or pass --overwrite")
        }
        let writer = ExportWriter(self.format, formulaSafe: self.formulaSafe)
        let file = try ExportFile(path: self.output, writer: writer, overwrites: self.overwrite)
        let progress = ProgressLine(unit: "events")
        let export = LogExport(profile: profile, filter: self.selection.filter, from: from, end: self.endLogIndex)
        let result: LogExport.Result
        do {
            result = try await export.run { events in
                try file.append(events)
                if self.output != nil { progress.update(done: Int(file.eventCount), total: nil) }
            }
        } catch {
            progress.clear()
            throw error
        }
        progress.clear()
        try self.finish(file, result, manifestPath)
    }

    private func finish(_ file: ExportFile, _ result: LogExport.Result, _ manifestPath: String?) throws {
        // An old manifest beside a new file would say where another export ended.
        if let manifestPath { unlink(manifestPath) }
        let sha256 = try file.finish()
        let manifest = ExportManifest(
            docketVersion: DocketVersion.text, createdAt: .now, format: self.format, formulaSafe: self.formulaSafe,
            filter: self.selection.filter.json,
            tenants: [.init(tenant: result.tenant, fromLogIndex: result.from, nextLogIndex: result.end)],
            eventCount: file.eventCount, byteCount: file.byteCount, sha256: sha256, occurred: file.occurred,
            received: file.received)
        if let manifestPath {
            do {
                try Data((manifest.json + "\n").utf8).write(to: URL(fileURLWithPath: manifestPath), options: .atomic)
            } catch {
                throw CommandError(.cannotCreate, "cannot write the manifest '\(manifestPath)'", cause: error)
            }
        }
        if let path = file.path {
            Console.error(
                "\(file.eventCount) events, \(file.byteCount) bytes in \(path); the log goes on at index \(result.end)")
        }
    }

    /// What the export of `--after` was of.
    private func rangeBefore(tenant: String?) throws -> ExportManifest.TenantRange? {
        guard let path = self.after else { return nil }
        let manifest = try ExportVerification.manifest(at: path)
        let ranges = manifest.tenants.filter { tenant == nil || $0.tenant == tenant }
        guard ranges.count == 1, let range = ranges.first else {
            throw CommandError(
                .usage,
                "the manifest '\(path)' is of \(manifest.tenants.map(\.tenant).joined(separator: ", ")); name one of "
                    + "them with --tenant")
        }
        return range
    }

    private func verify(_ path: String) throws {
        let manifestPath = self.manifest ?? ExportVerification.manifestPath(of: path)
        let manifest = try ExportVerification.manifest(at: manifestPath)
        let verification = try ExportVerification(path: path, manifest: manifest)
        guard verification.faults.isEmpty else {
            throw CommandError(
                .dataError, "'\(path)' is not what its manifest says: \(verification.faults.joined(separator: "; "))")
        }
        let (events, bytes) = (manifest.eventCount, manifest.byteCount)
        try Console.line("\(path): \(events) events, \(bytes) bytes, SHA-256 \(manifest.sha256)")
        let occurred = manifest.occurred.map { "\($0.lowerBound.rfc3339) to \($0.upperBound.rfc3339)" } ?? "none"
        try Console.line("filter \(TerminalText.escaped(manifest.filter)), occurred \(occurred)")
    }
}

extension ExportFormat: ExpressibleByArgument {}
