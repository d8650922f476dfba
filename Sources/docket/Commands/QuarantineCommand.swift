import ArgumentParser
import DocketModel
import DocketOperations
import DocketPostgres
import DocketRuntime
import DocketTerminal

struct QuarantineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quarantine",
        abstract: "Shows rejected events, brings them in after all, or drops them.",
        subcommands: [List.self, Show.self, Retry.self, Drop.self])

    /// Which rejected events, for commands that change something: ids, or a filter with `--all`.
    struct Selection: ParsableArguments {
        @Argument(help: ArgumentHelp("The events' numbers, as 'docket quarantine list' shows them.", valueName: "id"))
        var ids: [Int64] = []

        @Flag(help: "All rejected events that the other options leave; needed when no number is given.")
        var all = false

        @Option(help: "Only events that were meant for this tenant.")
        var tenant: String?

        @Option(
            help: ArgumentHelp("Only events rejected with this code, such as unknown_event_type.", valueName: "code"))
        var code: RejectionCode?

        @Option(
            help: ArgumentHelp(
                "Only events received before this time: RFC 3339, a date, or a span before now (90s, 15m, 2h, 7d).",
                valueName: "time"))
        var before: TimeArgument?

        func validate() throws {
            guard self.all == self.ids.isEmpty else {
                throw ValidationError(
                    self.all
                        ? "numbers and --all exclude each other"
                        : "name events by their numbers, or pass --all, with --tenant, --code and --before as wanted")
            }
            guard self.all || (self.tenant == nil && self.code == nil && self.before == nil) else {
                throw ValidationError("--tenant, --code and --before go with --all, not with numbers")
            }
        }

        var selection: QuarantineSelection {
            QuarantineSelection(
                ids: self.all ? nil : self.ids, tenant: self.tenant, code: self.code, before: self.before?.timestamp())
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists rejected events, newest first.",
            discussion: """
                Examples:
                  docket quarantine list
                  docket quarantine list --tenant default --code unknown_event_type --limit 200
                  docket quarantine list --json | jq .reason
                """)

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var verbose: VerboseOption

        @Option(help: "Only events that were meant for this tenant.")
        var tenant: String?

        @Option(
            help: ArgumentHelp("Only events rejected with this code, such as unknown_event_type.", valueName: "code"))
        var code: RejectionCode?

        @Option(help: "Only events with a fault in this field, such as actor.id.")
        var field: String?

        @Option(help: ArgumentHelp("Only events received before this time.", valueName: "time"))
        var before: TimeArgument?

        @Option(help: ArgumentHelp("How many events to show.", valueName: "count"))
        var limit: Int32 = 50

        @Flag(help: "One JSON object a line instead of a table.")
        var json = false

        func validate() throws {
            guard self.limit >= 1 else { throw ValidationError("--limit is \(self.limit); it must be 1 or more") }
        }

        func run() async throws {
            let selection = QuarantineSelection(
                tenant: self.tenant, field: self.field, code: self.code, before: self.before?.timestamp())
            let list = try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.listQuarantine(selection, limit: self.limit)
            }
            if self.json {
                for record in list.records { try Console.line(QuarantineText.json(record)) }
                return
            }
            guard !list.records.isEmpty else { return Console.error("no rejected event matches") }
            try Console.write(
                QuarantineText.table(list.records, width: Terminal.standardOutput.width, style: Console.style))
            if list.totalCount > list.records.count {
                Console.error("the newest \(list.records.count) of \(list.totalCount); --limit shows more")
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a rejected event whole.",
            discussion: """
                Example:
                  docket quarantine show 17
                """)

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var verbose: VerboseOption

        @Argument(help: "The event's number.")
        var id: Int64

        @Flag(help: "One JSON object on one line.")
        var json = false

        func run() async throws {
            let found = try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.quarantinedEvent(self.id)
            }
            guard let (record, event) = found else {
                throw CommandError(
                    .noInput, "no rejected event has the number \(self.id): it was retried, dropped, or never there")
            }
            try Console.write(
                self.json
                    ? QuarantineText.json(record, event: event) + "\n" : QuarantineText.details(record, event: event))
        }
    }

    struct Retry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Judges rejected events anew, and stores those that pass now.",
            discussion: """
                Examples:
                  docket event-type add audit.login && docket quarantine retry --all --code unknown_event_type
                  docket quarantine retry 17 18

                Each event is checked by the registry and the limits of today. One that passes gets into the log with its own \
                id and time, exactly once however often this is run; one that fails again stays, and the new reason is \
                shown. Limits are those of the configuration file, if the collector's is named with --config or \
                DOCKET_CONFIG. The exit code is 65 when an event failed again.
                """)

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var verbose: VerboseOption
        @OptionGroup var selection: Selection

        @Option(
            help: ArgumentHelp("The collector's configuration file, for its limits.", valueName: "file"),
            completion: .file())
        var config: String?

        @Flag(help: "One JSON object instead of text.")
        var json = false

        func run() async throws {
            var collector = try CollectorOptions.parse([])
            collector.config = self.config
            let limits = try await collector.settings().limits
            let report = try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.retryQuarantine(self.selection.selection, limits: limits)
            }
            if self.json {
                try Console.line(QuarantineText.json(report))
            } else {
                let width = Terminal.standardOutput.width
                try Console.write(QuarantineText.text(report, width: width, style: Console.style))
            }
            try QuarantineText.check(self.selection.ids, handled: report.storedCount + report.refusedCount)
            if report.refusedCount > 0 { throw ExitCode(CommandError.ExitStatus.dataError.rawValue) }
        }
    }

    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Removes rejected events for good.",
            discussion: """
                Examples:
                  docket quarantine drop 17 18
                  docket quarantine drop --all --tenant default --code invalid_json --before 30d

                How many were removed, and by whom, is written into the log of each tenant concerned, as an event of type \
                docket.quarantine.removed. Events of a tenant under legal hold stay; the exit code is 77 then.
                """)

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var verbose: VerboseOption
        @OptionGroup var selection: Selection

        @OptionGroup var actor: ActorOption

        @Flag(help: "One JSON object instead of text.")
        var json = false

        func run() async throws {
            let report = try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.dropQuarantine(self.selection.selection, actor: self.actor.value)
            }
            if self.json {
                try Console.line(QuarantineText.json(report))
            } else {
                try Console.line("\(report.removedCount) dropped")
            }
            guard report.heldCount == 0 else {
                throw CommandError(
                    .noPermission,
                    "\(report.heldCount) rejected events stay, since their tenant is under legal hold; "
                        + "docket policy set --tenant SLUG --legal-hold off ends it")
            }
            try QuarantineText.check(self.selection.ids, handled: report.removedCount)
        }
    }
}
