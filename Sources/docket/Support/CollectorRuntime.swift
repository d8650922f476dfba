import DocketCollector
import DocketModel
import DocketOperations
import DocketPostgres
import DocketRPC
import DocketStore
import DocketTransport
import Foundation
import Logging
import Metrics
import ServiceLifecycle
import Synchronization
import UnixSignals

/// A whole collector: its services, wired together and run until a signal or graceful shutdown.
struct CollectorRuntime {
    /// Where the collector is served, with the real ports.
    struct Addresses: Sendable {
        var grpc: String
        var http: String
    }

    let settings: CollectorSettings
    let metrics: PrometheusRegistry
    let logger: Logger

    /// Sets the process's log and metrics up. Once a process.
    static func bootstrap(_ settings: CollectorSettings) -> (metrics: PrometheusRegistry, logger: Logger) {
        let (format, level) = (settings.logFormat, settings.logLevel)
        LoggingSystem.bootstrap { label in LineLogHandler(label: label, format: format, level: level) }
        let metrics = PrometheusRegistry()
        MetricsSystem.bootstrap(metrics)
        return (metrics, Logger(label: "docket"))
    }

    /// Runs the collector until SIGTERM or SIGINT.
    ///
    /// - Parameters:
    ///   - companions: further services that run beside the collector; they are stopped first.
    ///   - onReady: called once everything is served.
    func run(
        companions: [any Service] = [], onReady: @escaping @Sendable (Addresses) -> Void
    ) async throws {
        try self.checkConninfo()
        let database: Database
        do {
            database = try await Database.open(self.settings, logger: self.logger)
        } catch {
            throw CommandError(error)
        }
        let registry = RegistryHolder()
        do {
            _ = try await registry.refresh(from: database.registry)
        } catch {
            throw CommandError(.unavailable, error.message, cause: error.cause)
        }
        let lease = database.lease
        let batchIDs = BatchIDSource(node: lease.node, isLeaseValid: { lease.isValid })
        let pipeline = PublishPipeline(
            registry: registry, store: database.store, batchIDs: batchIDs, limits: self.settings.limits)
        let ready = ReadyGate(onReady: onReady)
        // Services stop in the reverse of their order: the server drains while the store still commits.
        let services: [any Service] =
            [
                database,
                MaintenanceService(
                    conninfo: self.settings.maintainerConninfo, nextBatchID: { batchIDs.next(now: .now) },
                    logger: self.logger),
                RegistryRefresher(holder: registry, source: database.registry, logger: self.logger),
                OperationsServer(
                    host: self.settings.httpListen.host, port: self.settings.httpListen.port, metrics: self.metrics,
                    logger: self.logger,
                    readiness: {
                        if let fault = registry.fault { return .init(isReady: false, reason: fault) }
                        guard lease.isValid else { return .init(isReady: false, reason: "the node lease has run out") }
                        return .init(isReady: true, reason: "ready")
                    },
                    onBound: { port in
                        ready.set(http: HostPort(host: self.settings.httpListen.host, port: port).description)
                    }),
                CollectorServer(
                    configuration: self.serverConfiguration, memoryLimitBytes: self.settings.memoryLimitBytes,
                    eventLoopCount: self.settings.eventLoopCount, pipeline: pipeline, registry: registry,
                    reader: database.reader,
                    logger: self.logger, onBound: { ready.set(grpc: $0.description) }),
            ] + companions
        let group = ServiceGroup(
            configuration: .init(
                services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
                gracefulShutdownSignals: [.sigterm, .sigint], logger: self.quietLogger))
        do {
            try await group.run()
        } catch let error as TransportError {
            throw CommandError(.osError, error.message, cause: error.cause)
        } catch let error as PostgresError {
            throw CommandError(error)
        } catch let error as OperationsError {
            throw CommandError(error)
        }
    }

    /// The lifecycle library reports every step at info; Docket says itself what an operator wants to know.
    private var quietLogger: Logger {
        var logger = self.logger
        logger.logLevel = max(self.settings.logLevel, .warning)
        return logger
    }

    private func checkConninfo() throws {
        for (name, value) in [
            ("postgres.writer", self.settings.writerConninfo), ("postgres.reader", self.settings.readerConninfo),
        ] where value.isEmpty {
            throw CommandError(
                .configuration,
                "\(name) is not set; give a libpq connection string such as 'host=/run/postgresql dbname=docket user=docket_"
                    + "\(name.hasSuffix("writer") ? "writer" : "reader")' in the configuration file or the environment")
        }
    }

    private var serverConfiguration: RPCServerConfiguration {
        var tls: ServerTLS?
        if let certificate = self.settings.tlsCertificateFile, let key = self.settings.tlsKeyFile {
            tls = ServerTLS(certificateFile: certificate, privateKeyFile: key)
        }
        var configuration = RPCServerConfiguration(address: self.settings.grpcListen, tls: tls)
        configuration.limits.maxMessageBytes = self.settings.limits.maxBatchBytes
        // The tuples of events are a little larger than the events, and both are kept until the commit.
        configuration.limits.reservedBytesPerByte = 2
        configuration.shutdownGrace = .milliseconds(self.settings.drainTimeoutMilliseconds)
        return configuration
    }
}

/// The collector's side of PostgreSQL: who writes, who reads, and the lease of the node number.
private struct Database: Service {
    let store: PostgresStore
    let reader: PostgresReader
    let registry: PostgresRegistry
    let lease: NodeLease

    /// Checks that the database is fit to be written to, and takes the lease.
    static func open(_ settings: CollectorSettings, logger: Logger) async throws(PostgresError) -> Database {
        let writer = ConnectionSettings(conninfo: settings.writerConninfo, applicationName: "docket-writer")
        let reader = ConnectionSettings(conninfo: settings.readerConninfo, applicationName: "docket-reader")
        var configuration = PostgresStore.Configuration()
        configuration.writers = settings.writerCount
        // Never reached, since nothing gets that far without a reservation, unless batches turn out far larger than reserved.
        configuration.maxQueueBytes = 2 * settings.memoryLimitBytes
        return Database(
            store: try await PostgresStore.start(settings: writer, configuration: configuration, logger: logger),
            reader: try PostgresReader(settings: reader, connections: settings.readerCount),
            registry: try PostgresRegistry(settings: writer),
            lease: try await NodeLease.acquire(
                settings: writer, description: "\(ProcessInfo.processInfo.hostName) process \(getpid())", logger: logger
            ))
    }

    /// Keeps the lease until graceful shutdown, then lets the store commit what it holds.
    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.lease.keep() }
            group.addTask { try? await gracefulShutdown() }
            // Either the shutdown comes, or the lease is lost, which is an error.
            try await group.next()
            await self.store.drain()
            group.cancelAll()
            try await group.waitForAll()
        }
        self.reader.close()
        self.registry.close()
    }
}

/// The work that one collector of a database does for all: segments, the log, retention.
private struct MaintenanceService: Service {
    let conninfo: String
    let nextBatchID: @Sendable () -> Int64?
    let logger: Logger

    func run() async throws {
        guard !self.conninfo.isEmpty else {
            self.logger.notice(
                "postgres.maintainer is not set: another collector must take care of segments, the log and retention")
            try? await gracefulShutdown()
            return
        }
        let settings = ConnectionSettings(conninfo: self.conninfo, applicationName: "docket-maintainer")
        try settings.validate()
        let maintenance = try Maintenance(settings: settings, nextBatchID: self.nextBatchID, logger: self.logger)
        try? await gracefulShutdown()
        await maintenance.stop()
    }
}

/// Waits until both servers are bound.
private final class ReadyGate: Sendable {
    private let state = Mutex<(grpc: String?, http: String?)>((nil, nil))
    private let onReady: @Sendable (CollectorRuntime.Addresses) -> Void

    init(onReady: @escaping @Sendable (CollectorRuntime.Addresses) -> Void) { self.onReady = onReady }

    func set(grpc: String? = nil, http: String? = nil) {
        let both = self.state.withLock { state -> CollectorRuntime.Addresses? in
            state.grpc = grpc ?? state.grpc
            state.http = http ?? state.http
            guard let grpc = state.grpc, let http = state.http else { return nil }
            return .init(grpc: grpc, http: http)
        }
        if let both { self.onReady(both) }
    }
}

extension CommandError {
    /// The error of the database.
    init(_ error: PostgresError) {
        var (status, remedy): (ExitStatus, String) = (.unavailable, "")
        switch error.code {
        case .unfit, .invalidSettings, .migration: status = .configuration
        case .refused: status = .dataError
        case .leaseLost: status = .temporaryFailure
        case .statementFailed:
            switch error.sqlstate?.text {
            case "42501": (status, remedy) = (.noPermission, "; connect as \(Roles.maintainer)")
            // An undefined table, column or schema: the schema is older than this program.
            case "42P01", "42703", "3F000": (status, remedy) = (.configuration, "; run docket migrate")
            default: break
            }
        default: break
        }
        self.init(status, error.message + remedy, cause: error.cause)
    }
}
