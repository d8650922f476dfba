import ArgumentParser
import DocketMessages
import DocketModel

struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Shows one event, with all that is known of it.",
        discussion: """
            Examples:
              docket show 01890a5d-ac96-774b-bcce-b302099a8057
              docket show 01890a5d-ac96-774b-bcce-b302099a8057 --json | jq .attributes
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var verbose: VerboseOption

    @Argument(help: ArgumentHelp("The event's id: a UUID.", valueName: "event-id"))
    var eventID: String

    @Flag(help: "Look in the logs of all tenants that the credential covers.")
    var allTenants = false

    @Flag(help: "One JSON object (docs/json.md) instead of lines for people.")
    var json = false

    @OptionGroup var zones: ZoneOptions
    @OptionGroup var pager: PagerOptions

    func validate() throws {
        guard EventID(self.eventID) != nil else {
            throw ValidationError("'\(self.eventID)' is no event id; it must be a UUID")
        }
        guard !self.allTenants || self.connection.tenant == nil else {
            throw ValidationError("--all-tenants is all of them; leave --tenant out")
        }
    }

    func run() async throws {
        let reader = try await AuditLogReader(try self.connection.resolve())
        var filter = EventFilter()
        filter.eventID = EventID(self.eventID)
        var found: [StoredEvent] = []
        // An id that its emitter has used twice names two events.
        _ = try await reader.forEach(
            QueryRequestMessage(filter: filter, order: .oldestFirst, isOfAllTenants: self.allTenants), limit: 100
        ) { found.append($0) }
        await reader.close()
        guard !found.isEmpty else {
            throw CommandError(
                .noInput, "no event has the id \(self.eventID), or the credential doesn't cover its tenant")
        }
        try await Console.paged(self.pager) { try self.show(found) }
    }

    private func show(_ found: [StoredEvent]) throws {
        for (index, event) in found.enumerated() {
            if self.json {
                try Console.line(event.json)
            } else {
                if index > 0 { try Console.line() }
                try Console.write(try EventText.render(event, style: Console.style, zone: self.zones.zone))
            }
        }
    }
}
