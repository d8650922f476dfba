package import DocketCollector
package import DocketMessages
import DocketModel
package import DocketOperations
import DocketPostgres
package import DocketRPC
package import DocketTransport
import Foundation
package import Logging
import Metrics
package import ServiceLifecycle
import UnixSignals

/// A whole collector: its services, wired together and run until a signal or graceful shutdown.
package struct CollectorRuntime {
    /// Where the collector is served, with the real ports.
    package struct Addresses: Sendable {
        package var grpc: String
        package var http: String

        /// Logs the addresses, and writes a ready file when one is wanted.
        package func report(readyFile: String?, logger: Logger) {
            logger.info("ready", metadata: ["grpc": "\(self.grpc)", "http": "\(self.http)"])
            guard let readyFile else { return }
            do {
                try ReadyFile(grpc: self.grpc, http: self.http, pid: getpid()).write(to: readyFile)
            } catch {
                logger.error(
                    "the ready file can't be written", metadata: ["file": "\(readyFile)", "error": "\(error)"])
            }
        }
    }

    /// What a gRPC server in front of the collector works with.
    package struct Front: Sendable {
        package let settings: CollectorSettings
        /// The way of a batch to the store and back.
        package let pipeline: PublishPipeline
        /// Who may do what.
        package let registry: RegistryHolder
        /// Where queries are answered from.
        package let readers: LogReaders
        /// Follows the logs that are tailed.
        package let tails: TailHub
        package let ownEvents: OwnEvents
        /// Whether the collector can do its work.
        package let health: HealthService
        /// The certificate; `nil` for plain text.
        package let tls: ServerTLS?
        package let logger: Logger
        /// To be called once, with the address that is listened on.
        package let onBound: @Sendable (TransportAddress) -> Void
    }

    private let settings: CollectorSettings
    private let metrics: PrometheusRegistry
    private let logger: Logger

    /// - Parameters:
    ///   - metrics: what ``bootstrap(_:)`` has made, as the logger.
    package init(settings: CollectorSettings, metrics: PrometheusRegistry, logger: Logger) {
        self.settings = settings
        self.metrics = metrics
        self.logger = logger
    }

    /// Sets the process's log and metrics up. Once a process.
    package static func bootstrap(_ settings: CollectorSettings) -> (metrics: PrometheusRegistry, logger: Logger) {
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
    ///   - makeServer: makes the gRPC server: a service that serves until graceful shutdown and then finishes what it has
    ///     accepted. Docket's own, unless another one is to be tried in its place.
    ///   - onReady: called once everything is served.
    /// - Throws: ``OperationsError``, ``PostgresError``, ``StoreError``, ``TransportError``, or what the server throws.
    package func run(
        companions: [any Service] = [], makeServer: (Front) throws -> any Service = { try CollectorServer($0) },
        onReady: @escaping @Sendable (Addresses) -> Void
    ) async throws {
        try self.checkConninfo()
        // Before the database: a mistake in a path need not wait for one that is away, nor leave a lease behind.
        let jwtKeys = try await self.jwtKeyService()
        let certificate = try self.certificateService()
        OpenFiles.raiseLimit(connections: self.settings.admission.maxConnections, logger: self.logger)
        let database = try Database(self.settings, logger: self.logger)
        let file = self.snapshotFile(at: database.place)
        let keeper = SnapshotKeeper(file: file, logger: self.logger)
        let registry = RegistryHolder(onLoad: { keeper.take($0) })
        let batchIDs = BatchIDSource()
        let databaseService = DatabaseService(
            database: database, registry: registry, batchIDs: batchIDs, keeper: keeper, file: file, logger: self.logger)
        try await databaseService.start()
        let quotas = QuotaBook()
        let ownEvents = OwnEvents(store: database.store, batchIDs: batchIDs)
        let feed = CommitFeed()
        let pipeline = PublishPipeline(
            registry: registry, store: database.store, batchIDs: batchIDs, quotas: quotas, limits: self.settings.limits,
            feed: feed, authenticator: Authenticator(jwts: jwtKeys?.verifier))
        let tails = self.tailHub(database, feed, registry)
        let ready = ReadyGate(onReady: onReady)
        let health = HealthService()
        let fault: @Sendable () -> String? = { Self.fault(registry, batchIDs) }
        let server = try makeServer(
            Front(
                settings: self.settings, pipeline: pipeline, registry: registry, readers: database.readers,
                tails: tails, ownEvents: ownEvents, health: health, tls: certificate?.tls,
                logger: self.logger, onBound: { ready.set(grpc: $0.description) }
            ))
        // Services stop in the reverse of their order: the server drains while the store still commits.
        let services: [any Service] =
            [
                databaseService,
                DeferredService(
                    begin: databaseService.opened,
                    service: MaintenanceService(
                        conninfo: self.settings.maintainerConninfo, nextBatchID: { batchIDs.next(now: .now) },
                        logger: self.logger)),
                tails,
                SnapshotService(keeper: keeper, holder: registry),
                DeferredService(
                    begin: databaseService.opened,
                    service: RegistryRefresher(
                        holder: registry, source: database.registry,
                        quotas: QuotaKeeper(
                            book: quotas, source: database.registry, ownEvents: ownEvents, logger: self.logger),
                        logger: self.logger)),
                OperationsServer(
                    host: self.settings.httpListen.host, port: self.settings.httpListen.port, metrics: self.metrics,
                    logger: self.logger,
                    readiness: {
                        fault().map { .init(isReady: false, reason: $0) } ?? .init(isReady: true, reason: "ready")
                    },
                    onBound: { port in
                        ready.set(http: HostPort(host: self.settings.httpListen.host, port: port).description)
                    }),
                HealthReporter(
                    health: health, unavailableAfter: .milliseconds(self.settings.healthUnavailableAfterMilliseconds),
                    logger: self.logger, fault: fault),
            ] + (certificate.map { [$0] } ?? []) + (jwtKeys.map { [$0] } ?? []) + [server] + companions
        let group = ServiceGroup(
            configuration: .init(
                services: services.map { .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup) },
                gracefulShutdownSignals: [.sigterm, .sigint], logger: self.quietLogger))
        try await group.run()
    }

    private func tailHub(_ database: Database, _ feed: CommitFeed, _ registry: RegistryHolder) -> TailHub {
        TailHub(
            reader: database.follower, watch: database.logWatch, feed: feed, registry: registry,
            heldBytes: { database.store.heldBytes }, logger: self.logger)
    }

    /// Why the collector can't do its work now, and how old the registry is that it goes by meanwhile; `nil` when it can.
    private static func fault(_ registry: RegistryHolder, _ batchIDs: BatchIDSource) -> String? {
        guard let fault = registry.fault ?? batchIDs.fault else { return nil }
        guard let confirmedAt = registry.confirmedAt else { return fault }
        let seconds = (Timestamp.now.microsecondsSinceEpoch - confirmedAt.microsecondsSinceEpoch) / 1_000_000
        let name = registry.rules.isProvisional ? "the registry snapshot on disk" : "the registry"
        return "\(fault); \(name), of \(confirmedAt), \(max(0, seconds)) s old, is in use"
    }

    private func snapshotFile(at place: String) -> RegistrySnapshotFile? {
        self.settings.registrySnapshotFile.map {
            RegistrySnapshotFile(path: $0, place: place, maxAgeSeconds: self.settings.maxRegistrySnapshotAgeSeconds)
        }
    }

    private func jwtKeyService() async throws(OperationsError) -> JWTKeyService? {
        guard let settings = self.settings.jwt else { return nil }
        return try await JWTKeyService(settings, logger: self.logger)
    }

    private func certificateService() throws(TransportError) -> CertificateService? {
        guard let certificate = self.settings.tlsCertificateFile, let key = self.settings.tlsKeyFile else { return nil }
        let interval = self.settings.tlsReloadIntervalMilliseconds
        let service = CertificateService(
            certificateFile: certificate, keyFile: key, clientAuthority: try self.clientAuthority(),
            interval: interval == 0 ? nil : .milliseconds(interval), logger: self.logger)
        try service.tls.check()
        return service
    }

    private func clientAuthority() throws(TransportError) -> ClientAuthority? {
        let demand = self.settings.tlsClientCertificates ?? .optional
        guard let file = self.settings.tlsClientAuthorityFile, demand != .none else { return nil }
        return try ClientAuthority(file: file, isRequired: demand == .required)
    }

    /// The lifecycle library reports every step at info; Docket says itself what an operator wants to know.
    private var quietLogger: Logger {
        var logger = self.logger
        logger.logLevel = max(self.settings.logLevel, .warning)
        return logger
    }

    private func checkConninfo() throws(OperationsError) {
        for (name, value) in [
            ("postgres.writer", self.settings.writerConninfo), ("postgres.reader", self.settings.readerConninfo),
        ] where value.isEmpty {
            let role = name.hasSuffix("writer") ? Roles.writer : Roles.reader
            throw OperationsError(
                code: .invalidConfiguration,
                message:
                    "\(name) is not set; give a libpq connection string such as 'host=/run/postgresql dbname=docket "
                    + "user=\(role)' in the configuration file or the environment")
        }
    }
}

extension CollectorServer {
    /// Docket's own gRPC server in front of a collector.
    ///
    /// - Throws: ``MessageError`` when the descriptors that the program carries are broken.
    package init(_ front: CollectorRuntime.Front) throws(MessageError) {
        let settings = front.settings
        var configuration = RPCServerConfiguration(address: settings.grpcListen, tls: front.tls)
        configuration.limits.maxMessageBytes = settings.limits.maxBatchBytes
        // The tuples of events are a little larger than the events, and both are kept until the commit.
        configuration.limits.reservedBytesPerByte = 2
        configuration.limits.life = settings.connectionLife
        configuration.limits.admission = settings.admission
        configuration.limits.maxConcurrentStreams = settings.maxConcurrentStreams
        configuration.shutdownGrace = .milliseconds(settings.drainTimeoutMilliseconds)
        self.init(
            configuration: configuration, memoryLimitBytes: settings.memoryLimitBytes,
            eventLoopCount: settings.eventLoopCount, pipeline: front.pipeline, registry: front.registry,
            readers: front.readers, tails: front.tails, ownEvents: front.ownEvents,
            readAudit: settings.readAudit, health: front.health,
            descriptors: try .docket(), logger: front.logger, onBound: front.onBound)
    }
}
