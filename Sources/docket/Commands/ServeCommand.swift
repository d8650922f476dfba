import ArgumentParser
import DocketRuntime

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Runs a collector against your PostgreSQL.",
        discussion: """
            Examples:
              docket serve --config /etc/docket/docket.yaml
              DOCKET_POSTGRES_WRITER='host=db user=docket_writer dbname=docket' \\
              DOCKET_POSTGRES_READER='host=db user=docket_reader dbname=docket' docket serve --listen 0.0.0.0:7480

            'docket migrate' makes the schema first. SIGTERM and SIGINT stop gracefully: what has been accepted is finished.
            """)

    @OptionGroup var options: CollectorOptions
    @OptionGroup var verbose: VerboseOption

    @Option(
        help: ArgumentHelp("Write the addresses to this file as JSON once the collector is ready.", valueName: "file"),
        completion: .file())
    var readyFile: String?

    func run() async throws {
        let settings = try await self.options.settings()
        let (metrics, logger) = CollectorRuntime.bootstrap(settings)
        let readyFile = self.readyFile
        try await CollectorRuntime(settings: settings, metrics: metrics, logger: logger).run { addresses in
            addresses.report(readyFile: readyFile, logger: logger)
        }
    }
}
