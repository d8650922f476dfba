import DocketCollector
import DocketOperations
import DocketPostgres
import Foundation
import Logging

/// The collector's side of PostgreSQL: who writes and who reads. Each connects when there is something to do.
struct Database: Sendable {
    let store: PostgresStore
    /// What is read of logs when somebody asks for it.
    let readers: LogReaders
    private let pools: [PostgresReader]
    /// Reads what is new in logs that are followed, which waits for nothing else.
    let follower: PostgresReader
    /// Hears of the growth of logs.
    let logWatch: PostgresLogWatch
    let registry: PostgresRegistry
    private let writer: ConnectionSettings
    private let logger: Logger
    /// Connections for statistics, for exports, and for tails that begin in the past: they are told to wait.
    private static let longReadCount = 2

    /// - Throws: `overloaded` when there are no threads.
    init(_ settings: CollectorSettings, logger: Logger) throws(PostgresError) {
        let writer = ConnectionSettings(conninfo: settings.writerConninfo, applicationName: "docket-writer")
        let reader = ConnectionSettings(conninfo: settings.readerConninfo, applicationName: "docket-reader")
        var configuration = PostgresStore.Configuration()
        configuration.writers = settings.writerCount
        // Never reached behind Docket's own server, since nothing gets that far without a reservation, unless batches turn
        // out far larger than reserved.
        configuration.maxQueueBytes = 2 * settings.memoryLimitBytes
        self.store = try .unchecked(settings: writer, configuration: configuration, logger: logger)
        let pools = try [settings.readerCount, Self.longReadCount, Self.longReadCount, Self.longReadCount].map {
            (count) throws(PostgresError) in try PostgresReader(settings: reader, connections: count)
        }
        self.pools = pools
        self.readers = LogReaders(queries: pools[0], counts: pools[1], exports: pools[2], catchUps: pools[3])
        self.follower = try PostgresReader(settings: reader, connections: 1)
        self.logWatch = try PostgresLogWatch(settings: reader)
        self.registry = try PostgresRegistry(settings: writer)
        self.writer = writer
        self.logger = logger
    }

    /// Where it is, without any user or password.
    var place: String { self.writer.place }

    /// Checks that it is fit to be written to; what it says that it is.
    func check() async throws(PostgresError) -> String { try await PostgresStore.check(settings: self.writer) }

    /// Takes a node number for this collector.
    func lease() async throws(PostgresError) -> NodeLease {
        try await NodeLease.acquire(
            settings: self.writer, description: "\(ProcessInfo.processInfo.hostName) process \(getpid())",
            logger: self.logger)
    }

    /// Lets the store commit what it holds, and closes the connections.
    func close() async {
        await self.store.drain()
        for pool in self.pools { pool.close() }
        self.follower.close()
        self.logWatch.close()
        self.registry.close()
    }
}
