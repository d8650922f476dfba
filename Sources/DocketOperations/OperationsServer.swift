internal import Hummingbird
package import Logging
internal import NIOCore
internal import ServiceLifecycle
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// The HTTP/1.1 pages that an operator and an orchestrator ask for.
///
/// - `/livez`: 200 while the process serves requests at all.
/// - `/readyz`: 200 while the collector takes events, 503 with the reason otherwise.
/// - `/metrics`: Prometheus' text exposition format.
package struct OperationsServer: Service {
    /// Whether the collector takes events; when not, `reason` says why in one line.
    package struct Readiness: Sendable, Equatable {
        package var isReady: Bool
        package var reason: String

        package init(isReady: Bool, reason: String) {
            self.isReady = isReady
            self.reason = reason
        }
    }

    private let host: String
    private let port: Int
    private let metrics: PrometheusRegistry
    private let readiness: @Sendable () -> Readiness
    private let onBound: @Sendable (Int) -> Void
    private let logger: Logger

    /// - Parameters:
    ///   - port: 0 lets the system choose.
    ///   - onBound: called once with the port that the pages are served on.
    package init(
        host: String, port: Int, metrics: PrometheusRegistry, logger: Logger,
        readiness: @escaping @Sendable () -> Readiness, onBound: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.host = host
        self.port = port
        self.metrics = metrics
        self.logger = logger
        self.readiness = readiness
        self.onBound = onBound
    }

    /// Serves until graceful shutdown.
    ///
    /// - Throws: ``OperationsError`` when the address can't be bound.
    package func run() async throws {
        let onBound = self.onBound
        let bound = BoundFlag()
        var quiet = self.logger
        quiet.logLevel = max(quiet.logLevel, .warning)
        let application = Application(
            router: self.router(),
            configuration: .init(address: .hostname(self.host, port: self.port), serverName: "docket"),
            onServerRunning: { channel in
                bound.set()
                onBound(channel.localAddress?.port ?? 0)
            },
            logger: quiet)
        do {
            try await application.run()
        } catch  where !bound.isSet && !(error is CancellationError) {
            let address = HostPort(host: self.host, port: self.port)
            throw OperationsError(
                code: .bind,
                message: "http.listen is '\(address)', which can't be listened on: \(Self.reason(error)); "
                    + "stop what uses it, or choose another (--http-listen)",
                cause: error)
        }
    }

    /// What the system says about an error, without the name of the call.
    private static func reason(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode))
    }

    private func router() -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self)
        let (metrics, readiness) = (self.metrics, self.readiness)
        router.get("/livez") { _, _ in Self.page("ok\n") }
        router.get("/readyz") { _, _ in
            let state = readiness()
            return Self.page(state.reason + "\n", status: state.isReady ? .ok : .serviceUnavailable)
        }
        router.get("/metrics") { _, _ in
            Self.page(metrics.exposition(), type: "text/plain; version=0.0.4; charset=utf-8")
        }
        return router
    }

    private static func page(
        _ text: String, status: HTTPResponse.Status = .ok, type: String = "text/plain; charset=utf-8"
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

/// Whether the listener has been bound: what fails before is an error of the address.
private final class BoundFlag: Sendable {
    private let flag = Atomic<Bool>(false)

    var isSet: Bool { self.flag.load(ordering: .acquiring) }

    func set() { self.flag.store(true, ordering: .releasing) }
}
