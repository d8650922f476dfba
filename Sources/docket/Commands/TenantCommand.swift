import ArgumentParser
import DocketModel
import DocketPostgres
import DocketRegistry

/// Who does something, for the log.
struct ActorOption: ParsableArguments {
    @Option(
        help: ArgumentHelp("Who does it, for the log. Default: the name of the system's user.", valueName: "name"))
    var actor: String?

    var value: Actor { Actor(kind: "user", id: self.actor ?? Operator.name) }
}

struct TenantCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenant",
        abstract: "Makes, lists and changes tenants: isolated logs.",
        discussion: "Each change is an event of type docket.tenant.changed in the tenant's own log.",
        subcommands: [Add.self, List.self, Show.self, Set.self, Suspend.self, Resume.self, Close.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes tenants.",
            discussion: """
                Examples:
                  docket tenant add acme --display-name 'Acme Ltd' --retention-days 365
                  docket tenant add team-a team-b team-c
                """)

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var actor: ActorOption
        @OptionGroup var verbose: VerboseOption

        @Argument(
            help: ArgumentHelp("The names: 1 to 63 of a-z 0-9 . _ -, a letter or digit first.", valueName: "slug"))
        var slugs: [String]

        @OptionGroup var settings: Settings

        func validate() throws {
            if let slug = self.slugs.first(where: { !TenantText.isWellFormed($0) }) {
                throw ValidationError(
                    "the tenant is '\(slug)'; it must be 1 to 63 of a-z 0-9 . _ -, with a letter or digit first")
            }
            guard self.settings.displayName == nil || self.slugs.count == 1 else {
                throw ValidationError("--display-name goes with one tenant, and there are \(self.slugs.count)")
            }
        }

        func run() async throws {
            let change = self.settings.change
            try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.addTenants(self.slugs, change, actor: self.actor.value)
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists all tenants.")

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var verbose: VerboseOption

        @Flag(help: "A JSON object a line instead of a table.")
        var json = false

        func run() async throws {
            let tenants = try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.tenants()
            }
            try TenantText.print(tenants, json: self.json)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows a tenant.")

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var verbose: VerboseOption

        @Argument(help: "Its name.")
        var slug: String

        @Flag(help: "A JSON object instead of text.")
        var json = false

        func run() async throws {
            let tenants = try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.tenants(self.slug)
            }
            guard let tenant = tenants.first else { return }
            try Console.write(self.json ? TenantText.json(tenant) + "\n" : TenantText.text(tenant))
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Changes a tenant.",
            discussion: """
                Examples:
                  docket tenant set acme --retention-days 90 --legal-hold on
                  docket tenant set acme --event-types observe --clock enforce --clock-behind-seconds 86400

                Collectors go by a change within a second.
                """)

        @OptionGroup var target: Target

        @OptionGroup var settings: Settings

        func validate() throws {
            guard self.settings.change != TenantRecord.Change() else {
                throw ValidationError("nothing to change is given: see docket tenant set --help")
            }
        }

        func run() async throws { try await self.target.change(self.settings.change, action: "set") }
    }

    /// What a tenant has for itself.
    struct Settings: ParsableArguments {
        @Option(help: "What people call it.")
        var displayName: String?

        @Option(help: "How long its events are kept: days, or 'inherit' for as the store's policy says.")
        var retentionDays: RetentionArgument?

        @Option(help: "While 'on', nothing of its log is removed.")
        var legalHold: SwitchArgument?

        @Option(
            help: ArgumentHelp(
                "Events of unknown types, or that break their definition: 'enforce' rejects them, 'observe' stores, marks and "
                    + "counts them, 'open' stores them.", valueName: "mode"))
        var eventTypes: EventTypeMode?

        @Option(
            help: ArgumentHelp(
                "Events too far from the collector's clock: 'enforce' rejects them, 'observe' stores, marks and counts them.",
                valueName: "mode"))
        var clock: ClockPolicy.Mode?

        @Option(help: "How far in the future events may have happened: seconds, or 'any'.")
        var clockAheadSeconds: LimitArgument?

        @Option(help: "How far in the past events may have happened: seconds, or 'any'.")
        var clockBehindSeconds: LimitArgument?

        @Option(help: "How many events it may send in a second: a number, or 'any'.")
        var eventsPerSecond: LimitArgument?

        @Option(help: "How many bytes of requests it may send in a second: a number, or 'any'.")
        var bytesPerSecond: LimitArgument?

        @Option(help: "For how many seconds' worth of either more may come at once: 1 to 3600.")
        var burstSeconds: Int64?

        @Option(help: "How many bytes of requests it may send in a day, by UTC: a number, or 'any'.")
        var bytesPerDay: LimitArgument?

        @Option(help: "How many of its batches may be unanswered at once: a number, or 'any'.")
        var batchesInFlight: LimitArgument?

        func validate() throws { try TenantText.validate(self.retentionDays) }

        var change: TenantRecord.Change {
            var change = TenantRecord.Change(
                displayName: self.displayName, retention: self.retentionDays?.retention,
                hasLegalHold: self.legalHold.map { $0 == .on })
            change.eventTypeMode = self.eventTypes
            change.clockMode = self.clock
            change.maxClockAhead = self.clockAheadSeconds?.limit
            change.maxClockBehind = self.clockBehindSeconds?.limit
            change.quota[.eventsPerSecond] = self.eventsPerSecond?.limit
            change.quota[.bytesPerSecond] = self.bytesPerSecond?.limit
            change.quota[.bytesPerDay] = self.bytesPerDay?.limit
            change.quota[.batchesInFlight] = self.batchesInFlight?.limit
            change.quotaBurstSeconds = self.burstSeconds
            return change
        }
    }

    struct Suspend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Suspends a tenant: nothing of it is written or read, until it is resumed.")

        @OptionGroup var target: Target

        func run() async throws { try await self.target.change(.init(state: .suspended), action: "suspend") }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a tenant active that was suspended or being closed.")

        @OptionGroup var target: Target

        func run() async throws { try await self.target.change(.init(state: .active), action: "resume") }
    }

    struct Close: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Begins to close a tenant: nothing is written any more; what is there can be read and exported.")

        @OptionGroup var target: Target

        func run() async throws { try await self.target.change(.init(state: .closing), action: "close") }
    }

    /// The tenant that is changed, and by whom.
    struct Target: ParsableArguments {
        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var actor: ActorOption
        @OptionGroup var verbose: VerboseOption

        @Argument(help: "Its name.")
        var slug: String

        func change(_ change: TenantRecord.Change, action: String) async throws {
            try await self.maintainer.administer { administration throws(PostgresError) in
                _ = try await administration.changeTenant(
                    self.slug, change, action: action, actor: self.actor.value)
            }
        }
    }
}

extension EventTypeMode: ExpressibleByArgument {}
extension ClockPolicy.Mode: ExpressibleByArgument {}

/// A number, or none.
struct LimitArgument: ExpressibleByArgument, Equatable {
    let limit: TenantRecord.Change.Limit

    init?(argument: String) {
        if argument == "any" {
            self.limit = .none
        } else {
            guard let value = Int64(argument) else { return nil }
            self.limit = .some(value)
        }
    }
}
