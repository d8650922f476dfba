import ArgumentParser
import DevCluster
import DocketClient
import DocketImport
import DocketModel
import DocketOperations
import DocketPostgres
import DocketRegistry
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
              docket dev --import audit.csv --import-format kubernetes-audit-csv
              docket dev --reset

            Everything lives in one folder and on loopback addresses; it stays up until Ctrl-C and keeps its data for the \
            next time.
            """)

    @OptionGroup var options: CollectorOptions
    @OptionGroup var verbose: VerboseOption

    @Option(help: ArgumentHelp("Where everything of the environment lives.", valueName: "folder"))
    var dataDirectory = ".docket"

    @Flag(help: "Remove the environment's data first.")
    var reset = false

    @Option(
        name: .customLong("import"), help: ArgumentHelp("Import this file once the collector is up.", valueName: "file")
    )
    var importFile: String?

    @Option(help: "The format of the file: \(ImportFormat.allCases.map(\.rawValue).joined(separator: ", ")).")
    var importFormat = ImportFormat.kubernetesAuditCSV

    @Option(help: ArgumentHelp("Write addresses and token to this file as JSON once all is up.", valueName: "file"))
    var readyFile: String?

    func run() async throws {
        let lock = try DevLock(folder: self.dataDirectory)
        defer { lock.release() }
        if self.reset { try self.removeData() }
        Console.error("starting the private PostgreSQL …")
        let environment = try await DevEnvironment.start(folder: "\(self.dataDirectory)/postgres")
        defer { environment.stop() }

        var settings = try await self.options.settings()
        if self.options.logFormat == nil { settings.logFormat = .text }
        if self.options.logLevel == nil { settings.logLevel = .warning }
        settings.writerConninfo = environment.conninfo(role: Roles.writer)
        settings.readerConninfo = environment.conninfo(role: Roles.reader)
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
        do {
            try DevCluster(folder: "\(self.dataDirectory)/postgres").remove()
        } catch {
            throw CommandError(.osError, error.message, cause: error.cause)
        }
        unlink(self.profilePath)
    }

    /// The token of the last time, as long as its profile is there; a new one otherwise.
    private func token(in environment: DevEnvironment) async throws -> (token: String, isNew: Bool) {
        if let known = try? Profile(contentsOf: self.profilePath).token { return (known, false) }
        return (try await environment.addToken().secret, true)
    }
}

/// Keeps two environments out of one folder. The lock goes with the process, however it ends.
private struct DevLock {
    private let descriptor: Int32

    init(folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        self.descriptor = open("\(folder)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard self.descriptor >= 0 else {
            throw CommandError(.cannotCreate, "cannot write into '\(folder)': \(String(cString: strerror(errno)))")
        }
        guard flock(self.descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw CommandError(
                .temporaryFailure, "another 'docket dev' uses the folder '\(folder)'; stop it, or pass --data-directory"
            )
        }
    }

    func release() { close(self.descriptor) }
}

/// What `docket dev` does once the collector is up: writes the profile, imports, shows the first rows, says what to try.
private struct DevSession: Service {
    let command: DevCommand
    let environment: DevEnvironment
    let token: String
    let isNewToken: Bool
    let settings: CollectorSettings
    private let addresses = AsyncStream.makeStream(
        of: CollectorRuntime.Addresses.self, bufferingPolicy: .bufferingNewest(1))

    init(
        command: DevCommand, environment: DevEnvironment, token: String, isNewToken: Bool, settings: CollectorSettings
    ) {
        self.command = command
        self.environment = environment
        self.token = token
        self.isNewToken = isNewToken
        self.settings = settings
    }

    func ready(_ addresses: CollectorRuntime.Addresses) {
        self.addresses.continuation.yield(addresses)
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await addresses in self.addresses.stream {
                do {
                    try await self.present(addresses)
                } catch let error as CommandError {
                    error.report()
                } catch {
                    Console.error("docket: \(error)")
                }
            }
        }
    }

    private func present(_ addresses: CollectorRuntime.Addresses) async throws {
        var profile = Profile(address: addresses.grpc, token: self.token, tenant: DevEnvironment.tenant)
        if let certificate = self.settings.tlsCertificateFile { profile.caFile = certificate }
        try profile.write(to: self.command.profilePath)
        if let file = self.command.importFile { try await self.importRecords(file, profile: profile) }
        try self.writeReadyFile(addresses)
        self.explain(addresses)
    }

    private func importRecords(_ file: String, profile: Profile) async throws {
        Console.line("importing \(file)")
        var configuration = try profile.clientConfiguration()
        configuration.maxAttempts = 20
        let progress = ProgressLine(unit: "bytes")
        let reporter = FaultReporter(file: file, maxReports: 5, progress: progress)
        let totals = try await ImportRun(
            path: file, format: self.command.importFormat, recordsPerBatch: BatchCutter.defaultMaxRecords,
            configuration: configuration, onFault: { reporter.report($0) },
            onProgress: { progress.update(done: $0, total: $1) }
        ).run()
        progress.clear()
        reporter.finish()
        Console.line(totals.line)

        let reader = try await AuditLogReader(profile)
        let page = try await reader.page(EventFilter(), order: .oldestFirst, size: 8, token: [])
        await reader.close()
        Console.line()
        Console.write(EventTable.render(page.events, width: Terminal.standardOutput.width, style: Console.style))
    }

    private func writeReadyFile(_ addresses: CollectorRuntime.Addresses) throws {
        guard let path = self.command.readyFile else { return }
        var file = ReadyFile(grpc: addresses.grpc, http: addresses.http, pid: getpid())
        file.token = self.token
        file.tenant = DevEnvironment.tenant
        file.psql = self.environment.psqlLine
        file.postgresPid = self.environment.cluster.serverProcessID
        file.conninfo = [
            "maintainer": self.environment.conninfo(role: Roles.maintainer),
            "writer": self.environment.conninfo(role: Roles.writer),
            "reader": self.environment.conninfo(role: Roles.reader),
        ]
        try file.write(to: path)
    }

    private func explain(_ addresses: CollectorRuntime.Addresses) {
        let style = Console.style
        let program = CommandLine.arguments.first ?? "docket"
        Console.line()
        Console.line(style.bold("Docket is up") + "; Ctrl-C stops it, the data stays.")
        Console.line("  gRPC      \(addresses.grpc)")
        Console.line("  pages     http://\(addresses.http)/metrics  http://\(addresses.http)/readyz")
        let shown = self.isNewToken ? self.token : "in \(self.command.profilePath)"
        Console.line(
            "  token     \(shown)" + (self.isNewToken ? "  (shown once; kept in \(self.command.profilePath))" : ""))
        Console.line()
        Console.line(style.bold("Try") + " in another terminal, in this folder:")
        Console.line("  \(program) query --decision deny --limit 10")
        Console.line("  \(program) emit --type audit.event --actor alice --action login")
        Console.line("  \(self.environment.psqlLine) -c 'SELECT count(*) FROM docket.audit_log'")
    }
}
