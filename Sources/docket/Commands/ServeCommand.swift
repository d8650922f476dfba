import ArgumentParser
import DocketOperations
import Foundation
import Logging

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
        help: ArgumentHelp("Write the addresses to this file as JSON once the collector is ready.", valueName: "file"))
    var readyFile: String?

    func run() async throws {
        let settings = try await self.options.settings()
        let (metrics, logger) = CollectorRuntime.bootstrap(settings)
        let readyFile = self.readyFile
        try await CollectorRuntime(settings: settings, metrics: metrics, logger: logger).run { addresses in
            logger.info("ready", metadata: ["grpc": "\(addresses.grpc)", "http": "\(addresses.http)"])
            guard let readyFile else { return }
            do {
                try ReadyFile(grpc: addresses.grpc, http: addresses.http, pid: getpid()).write(to: readyFile)
            } catch {
                logger.error(
                    "the ready file can't be written", metadata: ["file": "\(readyFile)", "error": "\(error)"])
            }
        }
    }
}

/// What a script that starts a collector wants to know, written whole (by rename) once the collector is ready.
struct ReadyFile: Codable {
    var grpc: String
    var http: String
    var pid: Int32
    var token: String?
    var tenant: String?
    var psql: String?
    var conninfo: [String: String]?
    /// The process id of the private PostgreSQL.
    var postgresPid: Int32?

    enum CodingKeys: String, CodingKey {
        case grpc, http, pid, token, tenant, psql, conninfo
        case postgresPid = "postgres_pid"
    }

    init(grpc: String, http: String, pid: Int32) {
        self.grpc = grpc
        self.http = http
        self.pid = pid
    }

    init(contentsOf path: String) throws {
        self = try JSONDecoder().decode(ReadyFile.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// Writes the file readable by its owner only: it may hold a token.
    func write(to path: String) throws { try SecretFile.write(self, to: path) }
}
