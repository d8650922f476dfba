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
              docket query --since 1d --json --fields occurred_at,actor.id,action
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

    @OptionGroup var tenants: TenantsOptions

    @Option(help: "Say how many events match in all: estimated, or exact.")
    var count: EventCount?

    @Flag(help: "One JSON object a line (docs/json.md) instead of a table.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "With --json, only these members, such as event_id,actor.id; others aren't read.",
            valueName: "member,…"))
    var fields: String?

    @OptionGroup var csv: CSVOptions

    @OptionGroup var pager: PagerOptions

    func validate() throws {
        guard self.fields == nil || self.json else {
            throw ValidationError("--fields chooses members of JSON objects; add --json")
        }
        _ = try self.chosenFields()
        try self.csv.validate(besideJSON: self.json)
        try self.tenants.validate(beside: self.connection)
        guard self.limit >= 0 else { throw ValidationError("--limit is \(self.limit); it must be 0 or more") }
    }

    func run() async throws {
        let reader = try await AuditLogReader(try self.connection.resolve())
        try await Console.paged(self.pager) { try await self.show(reader) }
        await reader.close()
    }

    private func show(_ reader: AuditLogReader) async throws {
        let fields = try self.chosenFields()
        var csv = ExportWriter(.csv, formulaSafe: self.csv.formulaSafe)
        var rows: [StoredEvent] = []
        var isEmpty = true
        if self.csv.csv { try Console.write(csv.header) }
        let count = try await reader.forEach(self.request(fields), limit: self.limit == 0 ? nil : self.limit) { event in
            isEmpty = false
            if self.json {
                try Console.line(event.json(fields))
            } else if self.csv.csv {
                var bytes: [UInt8] = []
                csv.append(event, to: &bytes)
                try Console.write(bytes)
            } else {
                rows.append(event)
            }
            // A table needs all its rows to know its widths; a long one is printed in parts.
            if rows.count >= 1000 { try self.flush(&rows) }
        }
        try self.flush(&rows)
        try Console.endPaging()
        if isEmpty, !self.json, !self.csv.csv { Console.error("no event matches") }
        if let count { Console.error("\(self.count == .estimated ? "about " : "")\(count) events match") }
    }

    /// What the flags ask for. An event without its id, type or time could not be read back.
    private func request(_ fields: EventFields) -> QueryRequestMessage {
        var asked = EventFields([.eventID, .type, .occurredAt])
        asked.formUnion(fields)
        return QueryRequestMessage(
            filter: self.selection.filter, order: self.oldestFirst ? .oldestFirst : .newestFirst,
            moreTenants: self.tenants.alsoTenant, isOfAllTenants: self.tenants.allTenants, count: self.count,
            fields: asked)
    }

    /// The fields that are shown.
    private func chosenFields() throws -> EventFields {
        guard self.json || self.csv.csv else { return EventTable.fields }
        guard let text = self.fields else { return .all }
        var fields = EventFields([])
        for path in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let named = EventFields(jsonPath: String(path)) else {
                throw ValidationError(
                    "--fields has '\(path)', which is no member of an event's JSON; name some of "
                        + "\(EventFields.allowedInJSON), actor, resource, payload")
            }
            fields.formUnion(named)
        }
        return fields
    }

    private func flush(_ rows: inout [StoredEvent]) throws {
        guard !rows.isEmpty else { return }
        try Console.write(
            EventTable.render(
                rows, width: Terminal.standardOutput.width, style: Console.style, zone: self.selection.zones.zone,
                showsTenants: self.tenants.areSeveral))
        rows.removeAll(keepingCapacity: true)
    }
}
