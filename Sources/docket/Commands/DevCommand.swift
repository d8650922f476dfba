import ArgumentParser
import DevCluster
import DocketClient
import DocketImport
import DocketModel
import DocketOperations
import DocketPostgres
import DocketRegistry
import DocketRuntime
import DocketTerminal
import Foundation
import Logging
import ServiceLifecycle

struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Runs a whole Docket for development: a private PostgreSQL, a collector, a tenant and a token.",
        discussion: """
            Examples:
              docket dev
              docket dev --import cloudtrail.jsonl --import-format cloudtrail
              docket dev --reset

            Everything lives in one folder and on loopback addresses; it stays up until Ctrl-C and keeps its data for the \
            next time.
            """)

    /// Where the other commands look for the profile as well.
    static let defaultDataDirectory = ".docket"

    @OptionGroup var options: CollectorOptions
    @OptionGroup var verbose: VerboseOption

    @Option(
        help: ArgumentHelp("Where everything of the environment lives.", valueName: "folder"), completion: .directory)
    var dataDirectory = Self.defaultDataDirectory

    @Flag(help: "Remove the environment's data first.")
    var reset = false

    @Option(
        name: .customLong("import"),
        help: ArgumentHelp("Import this file once the collector is up.", valueName: "file"), completion: .file()
    )
    var importFile: String?

    @Option(help: ArgumentHelp("The format of the file.", valueName: "format"))
    var importFormat = ImportFormat.kubernetesAuditCSV

    @Option(
        help: ArgumentHelp("Write addresses and token to this file as JSON once all is up.", valueName: "file"),
        completion: .file())
    var readyFile: String?

    func run() async throws {
        let lock = try DevLock(folder: self.dataDirectory)
        defer { lock.release() }
        // A person watches: text, and only what is out of the ordinary.
        var settings = try await self.options.settings(defaults: ["log.format": "text", "log.level": "warning"])
        if self.reset { try self.removeData() }
        Console.error("starting the private PostgreSQL …")
        let environment = try await DevEnvironment.start(folder: "\(self.dataDirectory)/postgres")
        defer { environment.stop() }
        settings.writerConninfo = environment.conninfo(role: Roles.writer)
        settings.readerConninfo = environment.conninfo(role: Roles.reader)
        settings.maintainerConninfo = environment.conninfo(role: Roles.maintainer)
        let (token, isNew) = try await self.token(in: environment)
        let (metrics, logger) = CollectorRuntime.bootstrap(settings)
        let session = DevSession(
            command: self, environment: environment, token: token, isNewToken: isNew, settings: settings)
        try await CollectorRuntime(settings: settings, metrics: metrics, logger: logger)
            .run(companions: [session]) { session.ready($0) }
        Console.error("stopped")
    }

    /// The profile that the other commands find by themselves.
    var profilePath: String { "\(self.dataDirectory)/profile.json" }

    private func removeData() throws {
        do throws(DevClusterError) {
            try DevCluster(folder: "\(self.dataDirectory)/postgres").remove()
        } catch {
            throw CommandError(error)
        }
        unlink(self.profilePath)
    }

    /// The token of the last time, as long as its profile is there; a new one otherwise. The database may be another
    /// than the profile's, so it is told of the token again.
    private func token(in environment: DevEnvironment) async throws -> (token: String, isNew: Bool) {
        guard let secret = try? Profile(contentsOf: self.profilePath).token, let known = try? AccessToken(secret) else {
            return (try await environment.addToken().secret, true)
        }
        try await environment.ensure(known)
        return (secret, false)
    }
}

/// Keeps two environments out of one folder. The lock goes with the process, however it ends.
private struct DevLock {
    private let descriptor: Int32

    init(folder: String) throws {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw CommandError(.cannotCreate, "cannot make the folder '\(folder)'", cause: error)
        }
        self.descriptor = open("\(folder)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard self.descriptor >= 0 else {
            throw CommandError.ofSystem(.cannotCreate, "cannot write into '\(folder)'")
        }
        guard flock(self.descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw CommandError(
                .temporaryFailure, "another 'docket dev' uses the folder '\(folder)'; stop it, or pass --data-directory"
            )
        }
    }

    func release() { close(self.descriptor) }
}
