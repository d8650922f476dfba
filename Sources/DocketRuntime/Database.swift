import DocketOperations
import DocketPostgres
import Foundation
import Logging
import ServiceLifecycle

/// The collector's side of PostgreSQL: who writes, who reads, and the lease of the node number.
struct Database: Service {
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
        // Never reached behind Docket's own server, since nothing gets that far without a reservation, unless batches turn
        // out far larger than reserved.
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
