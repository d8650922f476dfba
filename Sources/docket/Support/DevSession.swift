import DevCluster
import DocketClient
import DocketImport
import DocketMessages
import DocketModel
import DocketOperations
import DocketPostgres
import DocketRuntime
import DocketTerminal
import Foundation
import ServiceLifecycle

/// What `docket dev` does once the collector is up: writes the profile, imports, shows the first rows, says what to
/// try.
struct DevSession: Service {
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
                await Self.report { try await self.present(addresses) }
            }
        }
    }

    /// Does something whose failure is reported but ends nothing: the collector goes on. Ctrl-C is no failure, and
    /// neither is an output that nobody reads any more.
    private static func report(_ body: () async throws -> Void) async {
        do {
            try await body()
        } catch is CancellationError {
        } catch is OutputClosed {
        } catch {
            guard let known = CommandError(thrown: error) else { return CommandError(.software, "\(error)").report() }
            if !Task.isCancelled { known.report() }
        }
    }

    private func present(_ addresses: CollectorRuntime.Addresses) async throws {
        var profile = Profile(address: addresses.grpc, token: self.token, tenant: DevEnvironment.tenant)
        if let certificate = self.settings.tlsCertificateFile { profile.caFile = certificate }
        try profile.write(to: self.command.profilePath)
        if let file = self.command.importFile {
            await Self.report { [profile] in try await self.importRecords(file, profile: profile) }
        }
        try Task.checkCancellation()
        try self.writeReadyFile(addresses)
        try self.explain(addresses)
    }

    private func importRecords(_ file: String, profile: Profile) async throws {
        try Console.line("importing \(file)")
        var configuration = try profile.clientConfiguration()
        configuration.maxAttempts = 20
        let progress = ProgressLine(unit: "bytes")
        defer { progress.clear() }
        let reporter = FaultReporter(file: file, maxReports: 5, progress: progress)
        let totals = try await ImportRun(
            path: file, format: self.command.importFormat, recordsPerBatch: BatchCutter.defaultMaxRecords,
            configuration: configuration, onFault: { reporter.report($0) },
            onProgress: { progress.update(done: $0, total: $1) }
        ).run()
        progress.clear()
        reporter.finish()
        try Console.line(totals.line)

        let reader = try await AuditLogReader(profile)
        var events: [StoredEvent] = []
        _ = try await reader.forEach(QueryRequestMessage(order: .oldestFirst), limit: 8) { events.append($0) }
        await reader.close()
        try Console.line()
        try Console.write(EventTable.render(events, width: Terminal.standardOutput.width, style: Console.style))
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

    private func explain(_ addresses: CollectorRuntime.Addresses) throws {
        let style = Console.style
        let program = CommandLine.arguments.first ?? "docket"
        try Console.line()
        try Console.line(style.bold("Docket is up") + "; Ctrl-C stops it, the data stays.")
        try Console.line("  gRPC      \(addresses.grpc)")
        try Console.line("  pages     http://\(addresses.http)/metrics  http://\(addresses.http)/readyz")
        let shown = self.isNewToken ? self.token : "in \(self.command.profilePath)"
        try Console.line(
            "  token     \(shown)" + (self.isNewToken ? "  (shown once; kept in \(self.command.profilePath))" : ""))
        try Console.line()
        try Console.line(style.bold("Try") + " in another terminal, in this folder:")
        // The other commands look for a profile in the default folder only.
        let profile =
            self.command.dataDirectory == DevCommand.defaultDataDirectory
            ? "" : " --profile \(self.command.profilePath)"
        try Console.line("  \(program) query --decision deny --limit 10\(profile)")
        try Console.line("  \(program) emit --type audit.event --actor alice --action login\(profile)")
        try Console.line("  \(self.environment.psqlLine) -c 'SELECT count(*) FROM docket.audit_log'")
    }
}
