import ArgumentParser
import DocketOperations
import DocketRuntime
import Foundation

/// Docket with grpc-swift-2 in place of its own HTTP/2 and gRPC.
@main
struct GRPCSwiftPeer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grpc-swift-peer",
        abstract: "A contestant of Docket's benchmark suite: Docket's collector behind grpc-swift-2.",
        subcommands: [ServeCommand.self])

    static func main() async {
        // As in docket: a closed pipe is an error of the write to it.
        signal(SIGPIPE, SIG_IGN)
        await Self.main(nil)
    }
}

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Runs a collector against your PostgreSQL, with the flags and the environment of 'docket serve'.")

    @OptionGroup var options: CollectorOptions

    @Option(
        help: ArgumentHelp("Write the addresses to this file as JSON once the collector is ready.", valueName: "file"))
    var readyFile: String?

    func run() async throws {
        let settings = try await self.options.settings()
        let (metrics, logger) = CollectorRuntime.bootstrap(settings)
        let readyFile = self.readyFile
        try await CollectorRuntime(settings: settings, metrics: metrics, logger: logger)
            .run(makeServer: { PeerServer($0) }) { $0.report(readyFile: readyFile, logger: logger) }
    }
}
