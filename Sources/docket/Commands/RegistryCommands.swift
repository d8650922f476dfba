import ArgumentParser
import DocketEventTypes
import DocketPostgres
import DocketRegistry

/// The connection that the administrative commands work on.
struct MaintainerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "libpq connection string of docket_maintainer; DOCKET_POSTGRES_MAINTAINER otherwise.", valueName: "conninfo"
        ))
    var postgres: String?

    /// Does something over the maintainer's connection.
    func administer<Result>(_ body: (Administration) async throws(PostgresError) -> Result) async throws -> Result {
        guard let conninfo = self.postgres ?? Console.environment("DOCKET_POSTGRES_MAINTAINER") else {
            throw CommandError(
                .usage, "no database is named: pass --postgres 'host=db user=docket_maintainer dbname=docket'")
        }
        do throws(PostgresError) {
            let administration = try Administration(
                settings: ConnectionSettings(conninfo: conninfo, applicationName: "docket-admin"))
            defer { administration.close() }
            return try await body(administration)
        } catch {
            throw CommandError(error)
        }
    }
}

struct EventTypeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "event-type", abstract: "Registers event types, and tries out their definitions.",
        subcommands: [Add.self, Apply.self, List.self, Show.self, Test.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Registers event types, for every tenant unless --tenant names one.",
            discussion: """
                Example:
                  docket event-type add authz.decision audit.event
                """)

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var actor: ActorOption
        @OptionGroup var verbose: VerboseOption

        @Option(help: "The tenant that the types belong to.")
        var tenant: String?

        @Argument(help: "The names: lower case letters, digits and '_', in parts separated by dots.")
        var names: [String]

        /// The longest that collectors take unless they are configured otherwise.
        private static let maxNameBytes = 128

        func validate() throws {
            for name in self.names where name.utf8.count > Self.maxNameBytes {
                throw ValidationError(
                    "the event type '\(name.prefix(64))…' is \(name.utf8.count) bytes; the limit is \(Self.maxNameBytes): shorten "
                        + "it")
            }
            for name in self.names where !EventTypeName.isWellFormed(name) {
                throw ValidationError(
                    "the event type is '\(name)'; it must be lower case letters, digits and '_', in parts separated by dots"
                )
            }
            for name in self.names where EventTypeName.isReserved(name) {
                throw ValidationError(
                    "the event type is '\(name)'; \(EventTypeName.reservedNames) are Docket's own")
            }
        }

        func run() async throws {
            try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.registerEventTypes(
                    self.names, tenant: self.tenant, actor: self.actor.value)
            }
        }
    }
}
