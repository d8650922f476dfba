import ArgumentParser

/// The command `docket`: the collector, its development environment, and the tools around the log.
@main
struct Docket: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "docket",
        abstract: "Collects audit events over gRPC, stores them in PostgreSQL, and proves that nobody altered them.",
        discussion: """
            Try it:   docket dev                                    a private PostgreSQL and a collector, with sample data
            Run it:   docket migrate, docket serve --config FILE    against your own PostgreSQL
            Use it:   docket emit, docket import, docket query
            """,
        version: DocketVersion.text,
        subcommands: [
            DevCommand.self, ServeCommand.self, MigrateCommand.self, EmitCommand.self, ImportCommand.self,
            QueryCommand.self, TokenCommand.self, EventTypeCommand.self, BenchCommand.self, VersionCommand.self,
        ])

    static func main() async {
        do {
            var command = try Self.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error as CommandError {
            error.report()
            Self.exit(withError: ExitCode(error.exitCode.rawValue))
        } catch {
            Self.exit(withError: error)
        }
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

    func run() {
        print("docket \(DocketVersion.text)")
    }
}
