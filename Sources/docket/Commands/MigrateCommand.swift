import ArgumentParser
import DocketPostgres

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Makes or updates Docket's schema and roles in a database.",
        discussion: """
            Examples:
              docket migrate 'host=db user=postgres dbname=docket'
              DOCKET_POSTGRES_ADMIN='host=db user=postgres dbname=docket' docket migrate

            The database must have encoding UTF8. The roles docket_maintainer, docket_writer, docket_reader and \
            docket_auditor are made when the connected role may make roles; otherwise the message names the SQL. Running it \
            again changes nothing.
            """)

    @Argument(help: "A libpq connection string of the database's owner; DOCKET_POSTGRES_ADMIN otherwise.")
    var conninfo: String?

    @OptionGroup var verbose: VerboseOption

    func run() async throws {
        guard let conninfo = self.conninfo ?? Console.environment("DOCKET_POSTGRES_ADMIN") else {
            throw CommandError(
                .usage, "no database is named: pass a connection string, such as 'host=db user=postgres dbname=docket'")
        }
        let report = try await Self.migrate(conninfo)
        for role in report.createdRoles { try Console.line("role \(role) made") }
        for migration in report.applied { try Console.line("migration \(migration) applied") }
        try Console.line(
            "the schema is at version \(report.version)" + (report.applied.isEmpty ? "; nothing to do" : ""))
    }

    static func migrate(_ conninfo: String) async throws -> Migrator.Report {
        do {
            return try await Migrator(
                settings: ConnectionSettings(conninfo: conninfo, applicationName: "docket-migrate")
            )
            .migrate()
        } catch {
            throw CommandError(error)
        }
    }
}
