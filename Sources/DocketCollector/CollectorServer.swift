internal import DocketGRPC
package import DocketMessages
package import DocketModel
package import DocketRPC
package import DocketTransport
package import Logging
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle

/// The collector's gRPC server with all its services.
package struct CollectorServer: Service {
    /// The names that health is reported under: each service's, and the empty one of the server as a whole.
    package static let healthNames = ["", CollectorMethods.service, AuditLogMethods.service]

    private let server: RPCServer
    private let health: HealthService
    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger
    private let onBound: @Sendable (TransportAddress) -> Void

    /// - Parameters:
    ///   - configuration: where to listen, and the bounds of connections.
    ///   - memoryLimitBytes: the budget for messages in flight, in bytes.
    ///   - readers: what is read from.
    ///   - tails: follows the logs that are tailed.
    ///   - ownEvents: writes who has read what.
    ///   - readAudit: which readings are written.
    ///   - health: says that everything stops serving when the server is drained.
    ///   - descriptors: what reflection answers from.
    ///   - eventLoopCount: how many threads serve connections; 0 means one a core.
    ///   - onBound: called once with the address that is listened on.
    package init(
        configuration: RPCServerConfiguration, memoryLimitBytes: Int, eventLoopCount: Int, pipeline: PublishPipeline,
        registry: RegistryHolder, readers: LogReaders, tails: TailHub, ownEvents: OwnEvents, readAudit: ReadAuditMode,
        health: HealthService,
        descriptors: DescriptorPool,
        logger: Logger,
        onBound: @escaping @Sendable (TransportAddress) -> Void = { _ in }
    ) {
        let group = MultiThreadedEventLoopGroup(
            numberOfThreads: eventLoopCount == 0 ? NIOCore.System.coreCount : eventLoopCount)
        let access = ReadAccess(registry: registry, authenticator: pipeline.authenticator)
        let audit = ReadAudit(mode: readAudit, ownEvents: ownEvents)
        let queries = QueryService(
            access: access, reader: readers.queries, counter: readers.counts, audit: audit)
        let statistics = StatsService(access: access, reader: readers.counts, audit: audit)
        let exports = ExportService(
            access: access, reader: readers.exports, audit: audit, heldBytes: { pipeline.heldBytes })
        let tailing = TailService(
            access: access, reader: readers.catchUps, hub: tails, audit: audit, heldBytes: { pipeline.heldBytes })
        self.group = group
        self.health = health
        self.logger = logger
        self.onBound = onBound
        self.server = RPCServer(
            configuration: configuration, budget: MemoryBudget(limitBytes: memoryLimitBytes), group: group,
            logger: logger
        ) { methods in
            methods.register(CollectorMethods.service, "Publish") { call throws(GRPCStatus) in
                try PublishHandler.make(pipeline: pipeline, call: call)
            }
            methods.register(CollectorMethods.service, "PublishStream") { call throws(GRPCStatus) in
                try PublishStreamHandler.make(pipeline: pipeline, call: call)
            }
            methods.registerUnary(
                AuditLogMethods.service, "Query", admit: { call throws(GRPCStatus) in try access.admit(call) }
            ) { caller, message throws(GRPCStatus) in
                try await queries.query(message, caller: caller)
            }
            methods.registerUnary(
                AuditLogMethods.service, "Stats", admit: { call throws(GRPCStatus) in try access.admit(call) }
            ) { caller, message throws(GRPCStatus) in
                try await statistics.stats(message, caller: caller)
            }
            methods.registerServerStream(
                AuditLogMethods.service, "Export", admit: { call throws(GRPCStatus) in try access.admit(call) }
            ) { caller, message, replies throws(GRPCStatus) in
                try await exports.export(message, caller: caller, replies: replies)
            }
            methods.registerServerStream(
                AuditLogMethods.service, "Tail", admit: { call throws(GRPCStatus) in try access.admit(call) }
            ) { caller, message, replies throws(GRPCStatus) in
                try await tailing.tail(message, caller: caller, replies: replies)
            }
            health.register(in: &methods)
            methods.registerReflection(descriptors)
        }
    }

    /// Serves until graceful shutdown, then finishes what has been accepted.
    package func run() async throws {
        let address = try await self.server.start()
        self.logger.info("gRPC is served", metadata: ["address": "\(address)"])
        self.onBound(address)
        try? await gracefulShutdown()
        self.logger.info("draining")
        self.health.shutDown()
        await self.server.shutDown()
        try await self.group.shutdownGracefully()
    }
}

/// The names of `docket/v1/collector.proto`.
package enum CollectorMethods {
    package static let service = "docket.v1.CollectorService"
    package static let publish = "/docket.v1.CollectorService/Publish"
    package static let publishStream = "/docket.v1.CollectorService/PublishStream"
}

/// The names of `docket/v1/audit_log.proto`.
package enum AuditLogMethods {
    package static let service = "docket.v1.AuditLogService"
    package static let query = "/docket.v1.AuditLogService/Query"
    package static let export = "/docket.v1.AuditLogService/Export"
    package static let tail = "/docket.v1.AuditLogService/Tail"
    package static let stats = "/docket.v1.AuditLogService/Stats"
}
