import DocketCollector
import DocketModel
import DocketOperations
import DocketRuntime
import DocketTransport
import GRPCCore
import GRPCNIOTransportHTTP2
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// The gRPC server of the collector, made of grpc-swift-2.
struct PeerServer: Service {
    private typealias Transport = HTTP2ServerTransport.Posix

    /// What a connection, and each stream on it, may have under way, in bytes: some batches.
    private static let windowBytes = 4 << 20
    /// How many calls may be open at once on a connection, as in Docket.
    private static let maxConcurrentStreams = 1_000

    private let front: CollectorRuntime.Front

    init(_ front: CollectorRuntime.Front) { self.front = front }

    /// Serves until graceful shutdown, then finishes what has been accepted, as long as that may take.
    func run() async throws {
        let settings = self.front.settings
        let loops = MultiThreadedEventLoopGroup(
            numberOfThreads: settings.eventLoopCount == 0 ? System.coreCount : settings.eventLoopCount)
        try await self.serve(on: loops, grace: .milliseconds(settings.drainTimeoutMilliseconds))
        try await loops.shutdownGracefully()
    }

    /// The server ends before the event loops do, what it holds of them included.
    private func serve(on loops: MultiThreadedEventLoopGroup, grace: Duration) async throws {
        let settings = self.front.settings
        var router = RPCRouter<Transport>()
        PublishService(pipeline: self.front.pipeline).register(with: &router)
        let server = GRPCServer(
            transport: Transport(
                address: Self.address(settings.grpcListen), transportSecurity: Self.security(settings),
                config: Self.configuration(settings), eventLoopGroup: loops),
            router: router)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.serve() }
            guard let bound = try? await server.transport.listeningAddress else {
                // The server says itself why it doesn't listen.
                return try await group.waitForAll()
            }
            self.front.onBound(Self.address(bound))
            group.addTask {
                try await gracefulShutdown()
                server.beginGracefulShutdown()
                try await Task.sleep(for: grace)
            }
            // The server has ended, or the time for that is over.
            try await group.next()
            group.cancelAll()
            try? await group.waitForAll()
        }
    }

    // MARK: Settings

    private static func configuration(_ settings: CollectorSettings) -> Transport.Config {
        var configuration = Transport.Config.defaults
        configuration.http2.targetWindowSize = Self.windowBytes
        configuration.http2.maxConcurrentStreams = Self.maxConcurrentStreams
        configuration.rpc.maxRequestPayloadSize = settings.limits.maxBatchBytes
        return configuration
    }

    private static func security(_ settings: CollectorSettings) -> Transport.TransportSecurity {
        guard let certificate = settings.tlsCertificateFile, let key = settings.tlsKeyFile else { return .plaintext }
        return .tls(
            certificateChain: [.file(path: certificate, format: .pem)], privateKey: .file(path: key, format: .pem))
    }

    private static func address(_ address: TransportAddress) -> GRPCNIOTransportCore.SocketAddress {
        switch address {
        case .tcp(let host, let port):
            host.contains(":") ? .ipv6(host: host, port: port) : .ipv4(host: host, port: port)
        case .unix(let path): .unixDomainSocket(path: path)
        }
    }

    private static func address(_ address: GRPCNIOTransportCore.SocketAddress) -> TransportAddress {
        if let address = address.ipv4 { return .tcp(host: address.host, port: address.port) }
        if let address = address.ipv6 { return .tcp(host: address.host, port: address.port) }
        return .unix(path: address.unixDomainSocket?.path ?? "")
    }
}
