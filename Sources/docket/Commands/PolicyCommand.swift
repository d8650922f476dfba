import ArgumentParser
import DocketPostgres

struct PolicyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Shows or changes how large segments grow and how long things are kept.",
        subcommands: [Show.self, Set.self])

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows the store's policy and what tenants have for themselves.",
            discussion: """
                Examples:
                  docket policy show
                  docket policy show --tenant default --json
                """)

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var verbose: VerboseOption

        @Option(help: "Only what this tenant has for itself.")
        var tenant: String?

        @Flag(help: "One JSON object instead of text.")
        var json = false

        func run() async throws {
            let (policy, tenants) = try await self.maintainer.administer { administration throws(PostgresError) in
                (try await administration.storePolicy(), try await administration.tenantPolicies(self.tenant))
            }
            try PolicyText.print(
                self.tenant == nil ? policy : nil, tenants, inherited: policy.retentionDays, json: self.json)
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Changes the store's policy, or with --tenant a tenant's.",
            discussion: """
                Examples:
                  docket policy set --retention-days 365 --segment-rows 5000000
                  docket policy set --retention-days forever
                  docket policy set --tenant default --retention-days 90
                  docket policy set --tenant default --retention-days inherit --legal-hold on

                Collectors go by a change within seconds. It is an event of type docket.policy.changed in the log of the tenant \
                default; a tenant's own is docket.tenant.changed in the tenant's log.
                """)

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var actor: ActorOption
        @OptionGroup var verbose: VerboseOption

        @Option(help: "The tenant whose policy changes; without it the store's does.")
        var tenant: String?

        @Option(
            help: "How long events are kept, from when they were received: days, 'forever', or with --tenant 'inherit'."
        )
        var retentionDays: RetentionArgument?

        @Option(help: "With --tenant: while 'on', nothing of the tenant's log is removed.")
        var legalHold: SwitchArgument?

        @Option(help: ArgumentHelp("A segment with so many rows is closed, indexed and sealed.", valueName: "rows"))
        var segmentRows: Int64?

        @Option(help: ArgumentHelp("A segment that is so old is closed too.", valueName: "hours"))
        var segmentAgeHours: Int64?

        @Option(help: ArgumentHelp("How long a batch that is sent again is known.", valueName: "hours"))
        var replayWindowHours: Int64?

        @Option(help: ArgumentHelp("How long rejected events are kept.", valueName: "days"))
        var quarantineDays: Int64?

        @Option(help: ArgumentHelp("The most rejected events that are kept of a tenant.", valueName: "rows"))
        var quarantineRows: Int64?

        @Flag(help: "One JSON object instead of text.")
        var json = false

        func validate() throws {
            if self.tenant == nil {
                try self.validateStore()
            } else {
                try self.validateTenant()
            }
        }

        private func validateStore() throws {
            guard self.legalHold == nil else { throw ValidationError("--legal-hold goes with --tenant") }
            guard self.retentionDays != .inherit else {
                throw ValidationError("--retention-days inherit goes with --tenant; 'forever' keeps everything")
            }
            let change = self.storeChange
            guard change != StorePolicy.Change() else {
                throw ValidationError("nothing to change is given: see docket policy set --help")
            }
            do throws(PostgresError) {
                try change.validate()
            } catch {
                throw ValidationError(error.message)
            }
        }

        private func validateTenant() throws {
            let storeWide = [
                self.segmentRows, self.segmentAgeHours, self.replayWindowHours, self.quarantineDays,
                self.quarantineRows,
            ]
            guard storeWide.allSatisfy({ $0 == nil }) else {
                throw ValidationError("with --tenant, only --retention-days and --legal-hold can be set")
            }
            guard self.retentionDays != nil || self.legalHold != nil else {
                throw ValidationError("nothing to change is given: --retention-days or --legal-hold")
            }
            let bounds = StorePolicy.Bounds.retentionDays
            guard self.retentionDays != .forever else {
                throw ValidationError(
                    "a tenant's --retention-days is a number up to \(bounds.upperBound), or 'inherit'; --legal-hold on "
                        + "keeps everything")
            }
            if case .days(let days) = self.retentionDays, !bounds.contains(days) {
                throw ValidationError(
                    "--retention-days is \(days); it must be from \(bounds.lowerBound) to \(bounds.upperBound)")
            }
        }

        private var storeChange: StorePolicy.Change {
            var change = StorePolicy.Change()
            change.segmentRows = self.segmentRows
            change.segmentAgeHours = self.segmentAgeHours
            change.retention = self.retentionDays?.retention
            change.replayWindowHours = self.replayWindowHours
            change.quarantineDays = self.quarantineDays
            change.quarantineRows = self.quarantineRows
            return change
        }

        func run() async throws {
            let (slug, storeChange) = (self.tenant, self.storeChange)
            let change = TenantRecord.Change(
                retention: self.retentionDays?.retention, hasLegalHold: self.legalHold.map { $0 == .on })
            let actor = self.actor.value
            let (policy, tenants): (StorePolicy, [TenantPolicy]) = try await self.maintainer.administer {
                administration throws(PostgresError) in
                guard let slug else {
                    return (try await administration.changeStorePolicy(storeChange, actor: actor), [])
                }
                _ = try await administration.changeTenant(slug, change, action: "set", actor: actor)
                return (try await administration.storePolicy(), try await administration.tenantPolicies(slug))
            }
            try PolicyText.print(
                slug == nil ? policy : nil, tenants, inherited: policy.retentionDays, json: self.json)
        }
    }
}

/// How long events are kept, on the command line.
enum RetentionArgument: ExpressibleByArgument, Equatable {
    case days(Int64)
    case forever
    case inherit

    init?(argument: String) {
        switch argument {
        case "forever": self = .forever
        case "inherit": self = .inherit
        default:
            guard let days = Int64(argument) else { return nil }
            self = .days(days)
        }
    }

    var retention: StorePolicy.Retention {
        if case .days(let days) = self { return .days(days) }
        return .unset
    }
}

/// `on` or `off`.
enum SwitchArgument: String, ExpressibleByArgument, CaseIterable {
    case on, off
}
