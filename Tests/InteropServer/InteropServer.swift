import ArgumentParser
import DocketRPC
import DocketTransport
import Foundation
import Logging
import NIOPosix
import UnixSignals

/// A server of gRPC's interoperability tests, for the tests of this repository only.
///
/// It prints one line of JSON, `{"port":50051}`, when it serves, and ends at SIGTERM, SIGINT or the end of its standard
/// input.
@main
struct InteropServer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "interop-server", abstract: "Serves grpc.testing.TestService on the loopback interface.")

    @Option(help: "The port; 0 lets the system choose.")
    var port = 0

    @Option(help: "A PEM file with the certificate: serves TLS.")
    var tlsCertificate: String?

    @Option(help: "A PEM file with the certificate's private key.")
    var tlsKey: String?

    mutating func validate() throws {
        guard (self.tlsCertificate == nil) == (self.tlsKey == nil) else {
            throw ValidationError("--tls-certificate and --tls-key are given together or not at all")
        }
    }

    func run() async throws {
        var configuration = RPCServerConfiguration(address: .tcp(host: "127.0.0.1", port: self.port))
        if let certificate = self.tlsCertificate, let key = self.tlsKey {
            configuration.tls = ServerTLS(certificateFile: certificate, privateKeyFile: key)
        }
        configuration.shutdownGrace = .seconds(1)
        let server = RPCServer(
            configuration: configuration, budget: MemoryBudget(limitBytes: 256 << 20),
            group: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "interop-server")
        ) { TestService.register(in: &$0) }
        guard case .tcp(_, let boundPort) = try await server.start() else { throw ExitCode.failure }
        FileHandle.standardOutput.write(Data("{\"port\":\(boundPort)}\n".utf8))
        await Self.waitForTheEnd()
        await server.shutDown()
    }

    private static func waitForTheEnd() async {
        let (endOfInput, continuation) = AsyncStream.makeStream(of: Never.self)
        // A blocking read has a thread of its own, which ends with the process.
        Thread.detachNewThread {
            while readLine() != nil {}
            continuation.finish()
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in endOfInput {} }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { return }
            }
            await group.next()
            group.cancelAll()
        }
    }
}
