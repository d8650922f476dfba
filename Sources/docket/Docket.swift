import ArgumentParser
import DocketRuntime
import DocketTerminal
import Foundation

/// The command `docket`: the collector, its development environment, and the tools around the log.
@main
struct Docket: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "docket",
        abstract: "Collects audit events over gRPC, stores them in PostgreSQL, and proves that nobody altered them.",
        discussion: """
            Try it:   docket dev                        a private PostgreSQL, a collector
            Run it:   docket migrate, docket serve      against your own PostgreSQL
            Use it:   docket emit, import and query
            """,
        version: DocketVersion.text,
        subcommands: [
            DevCommand.self, ServeCommand.self, MigrateCommand.self, EmitCommand.self, ImportCommand.self,
            QueryCommand.self, ShowCommand.self, StatsCommand.self, ExportCommand.self, TailCommand.self,
            TenantCommand.self, TokenCommand.self, CredentialCommand.self, EventTypeCommand.self, PolicyCommand.self,
            SegmentsCommand.self,
            QuarantineCommand.self, JournalCommand.self, DoctorCommand.self, BenchCommand.self, VersionCommand.self,
        ])

    static func main() async {
        // A closed pipe is an error of the write to it, not the end of a process that has a PostgreSQL to stop.
        signal(SIGPIPE, SIG_IGN)
        Allocator.shareArena()
        do {
            var command = try Self.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch is OutputClosed {
            return
        } catch {
            guard let known = CommandError(thrown: error) else { Self.exit(parsing: error) }
            known.report()
            Self.exit(withError: ExitCode(known.exitCode.rawValue))
        }
    }

    /// Ends as the argument parser says: with help, or with what is wrong, which quotes what was typed.
    private static func exit(parsing error: any Error) -> Never {
        guard !Self.exitCode(for: error).isSuccess else { Self.exit(withError: error) }
        // Empty where a command has said all itself.
        let message = Self.fullMessage(for: error)
        for line in message.split(separator: "\n", omittingEmptySubsequences: false) where !message.isEmpty {
            Console.error(TerminalText.escaped(line))
        }
        Self.exit(withError: Self.exitCode(for: error))
    }
}

/// What this build calls itself.
enum DocketVersion {
    /// The release, by semantic versioning.
    static let text = "0.1.0"
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Prints the version.",
        discussion: "Example:\n  docket version")

    func run() throws {
        try Console.line("docket \(DocketVersion.text)")
    }
}
