import ArgumentParser
import DocketMessages
import DocketModel
import DocketTerminal
import Foundation

struct StatsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Counts the events of the log by a field of theirs, over time.",
        discussion: """
            Of the last 24 hours, where no time is given. The numbers are exact.

            Examples:
              docket stats
              docket stats --by actor --decision deny --since 7d
              docket stats --by decision --on 2026-11-20 --every 15m
              docket stats --by type --since 30d --local --json | jq .groups
              docket stats --by tenant --all-tenants --since 7d --total --csv
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var verbose: VerboseOption

    @OptionGroup(title: "Filter") var selection: FilterOptions

    @Option(help: "What the events are counted by.")
    var by: EventGrouping = .type

    @Option(
        help: ArgumentHelp(
            "Count them in parts of this length as well (90s, 15m, 1h, 1d, 1w). Default: by the range.",
            valueName: "span"))
    var every: SpanArgument?

    @Flag(help: "The totals only, not over time.")
    var total = false

    @Option(help: ArgumentHelp("How many groups to tell apart; the rest is counted together.", valueName: "count"))
    var top = StatsRequestMessage.defaultGroups

    @OptionGroup var tenants: TenantsOptions

    @Flag(help: "One JSON object (docs/export-formats.md) instead of a table.")
    var json = false

    @OptionGroup var csv: CSVOptions

    @OptionGroup var pager: PagerOptions

    func validate() throws {
        try self.tenants.validate(beside: self.connection)
        try self.csv.validate(besideJSON: self.json)
        guard !self.total || self.every == nil else {
            throw ValidationError("--total is without parts of time; leave --every out")
        }
        guard self.every.map({ $0.microseconds > 0 }) ?? true else {
            throw ValidationError("--every is 0; it must be 1s or more")
        }
        guard (1...EventGrouping.maxGroups).contains(self.top) else {
            throw ValidationError("--top is \(self.top); it must be 1 to \(EventGrouping.maxGroups)")
        }
    }

    func run() async throws {
        var filter = self.selection.filter
        let range = StatsRange(filter: filter, now: .now)
        (filter.occurredFrom, filter.occurredTo) = (range.from, range.to)
        let zone = self.selection.zones.zone
        let starts = try range.starts(width: self.every?.microseconds ?? range.width(), zone: zone)
        let reader = try await AuditLogReader(try self.connection.resolve())
        let answer = try await reader.stats(
            StatsRequestMessage(
                moreTenants: self.tenants.alsoTenant, isOfAllTenants: self.tenants.allTenants, filter: filter,
                grouping: self.by,
                groupLimit: self.top, buckets: self.total ? nil : .starts(starts)))
        await reader.close()
        try await Console.paged(self.pager) { try self.show(answer, range, zone) }
    }

    private func show(_ answer: StatsResponseMessage, _ range: StatsRange, _ zone: DisplayZone) throws {
        let records = StatsRecords(answer: answer, grouping: self.by, range: range)
        if self.json { return try Console.line(records.json) }
        if self.csv.csv { return try Console.write(records.csv(formulaSafe: self.csv.formulaSafe)) }
        guard answer.count > 0 else {
            return Console.error("no event matches from \(zone.text(range.from)) to \(zone.text(range.to))")
        }
        let table = StatsTable(answer: answer, grouping: self.by, range: range, zone: zone)
        let symbols = ChartSymbols(environment: ProcessInfo.processInfo.environment)
        try Console.write(
            table.rendered(width: Terminal.standardOutput.width, style: Console.style, symbols: symbols))
    }
}
