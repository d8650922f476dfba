import ArgumentParser
import DocketMessages
import DocketModel
import DocketTerminal

struct QueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Shows events of the log.",
        discussion: """
            Examples:
              docket query --limit 20
              docket query --actor alice --decision deny --since 2h
              docket query --from 2023-01-27 --to 2023-01-28 --oldest-first
              docket query --session 4f2a --json | jq .attributes
              docket query --type 'authz.*' --min-risk 0.8 --attribute /request/verb=delete
              docket query --on 2026-11-20 --local
              docket query --since 7d --limit 0 --csv --formula-safe > week.csv
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var verbose: VerboseOption

    @OptionGroup(title: "Filter") var selection: FilterOptions

    @Option(help: ArgumentHelp("How many events to show; 0 for all.", valueName: "count"))
    var limit = 50

    @Flag(help: "Oldest first instead of newest first.")
    var oldestFirst = false

    @Option(help: "Also the log of this tenant, beside that of --tenant or of the profile; may be repeated.")
    var alsoTenant: [String] = []

    @Flag(help: "The logs of all tenants that the credential covers.")
    var allTenants = false

    @Option(help: "Say how many events match in all: estimated, or exact.")
    var count: EventCount?

    @Flag(help: "One JSON object a line (docs/json.md) instead of a table.")
    var json = false

    @Flag(help: "CSV with a header (docs/export-formats.md) instead of a table.")
    var csv = false

    @Flag(help: "CSV: disarm text that a spreadsheet would take for a formula, which changes it.")
    var formulaSafe = false

    @OptionGroup var pager: PagerOptions

    func validate() throws {
        guard !self.json || !self.csv else { throw ValidationError("--json and --csv are two forms; leave one out") }
        guard !self.formulaSafe || self.csv else {
            throw ValidationError("--formula-safe is for --csv; nothing else has formulas")
        }
        guard !self.allTenants || (self.alsoTenant.isEmpty && self.connection.tenant == nil) else {
            throw ValidationError("--all-tenants is all of them; leave --tenant and --also-tenant out")
        }
        guard self.limit >= 0 else { throw ValidationError("--limit is \(self.limit); it must be 0 or more") }
    }

    func run() async throws {
        let reader = try await AuditLogReader(try self.connection.resolve())
        try await Console.paged(self.pager) { try await self.show(reader) }
        await reader.close()
    }

    private func show(_ reader: AuditLogReader) async throws {
        var writer = ExportWriter(self.csv ? .csv : .jsonl, formulaSafe: self.formulaSafe)
        var rows: [StoredEvent] = []
        var isEmpty = true
        try Console.write(writer.header)
        let count = try await reader.forEach(self.request, limit: self.limit == 0 ? nil : self.limit) { event in
            isEmpty = false
            if self.json || self.csv {
                var bytes: [UInt8] = []
                writer.append(event, to: &bytes)
                try Console.write(bytes)
            } else {
                rows.append(event)
            }
            // A table needs all its rows to know its widths; a long one is printed in parts.
            if rows.count >= 1000 { try self.flush(&rows) }
        }
        try self.flush(&rows)
        try Console.endPaging()
        if isEmpty, !self.json, !self.csv { Console.error("no event matches") }
        if let count { Console.error("\(self.count == .estimated ? "about " : "")\(count) events match") }
    }

    /// What the flags ask for.
    private var request: QueryRequestMessage {
        QueryRequestMessage(
            filter: self.selection.filter, order: self.oldestFirst ? .oldestFirst : .newestFirst,
            moreTenants: self.alsoTenant, isOfAllTenants: self.allTenants, count: self.count)
    }

    private func flush(_ rows: inout [StoredEvent]) throws {
        guard !rows.isEmpty else { return }
        try Console.write(
            EventTable.render(
                rows, width: Terminal.standardOutput.width, style: Console.style, zone: self.selection.zones.zone))
        rows.removeAll(keepingCapacity: true)
    }
}
