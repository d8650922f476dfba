import ArgumentParser
import DocketPostgres
import DocketTerminal

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Looks the database over, and says what is missing and what to do about it.",
        discussion: """
            Examples:
              docket doctor --postgres 'host=db user=docket_maintainer dbname=docket'
              docket doctor --json | jq 'select(.status != "ok")'

            It changes nothing. With the connections of the writer and the reader it also checks their sessions. The exit \
            code is 78 when something is missing, 69 when a connection can't be made, and 0 otherwise, with warnings too.
            """)

    @Option(
        help: ArgumentHelp(
            "libpq connection string of docket_maintainer; DOCKET_POSTGRES_MAINTAINER otherwise.", valueName: "conninfo"
        ))
    var postgres: String?

    @Option(
        help: ArgumentHelp("The writer's connection string; DOCKET_POSTGRES_WRITER otherwise.", valueName: "conninfo"))
    var writer: String?

    @Option(
        help: ArgumentHelp("The reader's connection string; DOCKET_POSTGRES_READER otherwise.", valueName: "conninfo"))
    var reader: String?

    @OptionGroup var verbose: VerboseOption

    @Flag(help: "One JSON object a line instead of text.")
    var json = false

    func run() async throws {
        var connections = Doctor.Connections()
        connections.maintainer = Self.settings(self.postgres, "DOCKET_POSTGRES_MAINTAINER")
        connections.writer = Self.settings(self.writer, "DOCKET_POSTGRES_WRITER")
        connections.reader = Self.settings(self.reader, "DOCKET_POSTGRES_READER")
        guard connections.maintainer ?? connections.writer ?? connections.reader != nil else {
            throw CommandError(
                .usage, "no database is named: pass --postgres 'host=db user=docket_maintainer dbname=docket'")
        }
        let report: DoctorReport
        do throws(PostgresError) {
            report = try await Doctor(connections: connections, sealedIndexes: SealedIndex.all.map(\.suffix)).examine()
        } catch {
            throw CommandError(error)
        }
        for finding in report.findings {
            try Console.line(self.json ? DoctorText.json(finding) : DoctorText.line(finding, style: Console.style))
        }
        if !self.json { try Console.line(DoctorText.summary(report)) }
        if let status = DoctorText.exitStatus(report) { throw ExitCode(status.rawValue) }
    }

    private static func settings(_ option: String?, _ variable: String) -> ConnectionSettings? {
        (option ?? Console.environment(variable)).map {
            ConnectionSettings(conninfo: $0, applicationName: "docket-doctor")
        }
    }
}
