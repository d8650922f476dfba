package import DocketCodec
package import DocketStore
import DocketThreads
package import Logging

/// Stores batches in PostgreSQL: a bounded queue, and a few writers that empty it (``CommitWriter``).
package final class PostgresStore: EventStore {
    /// What can be set. Each bound is at least 1, but `minConcurrentBytes`, which may be 0.
    package struct Configuration: Sendable, Equatable {
        /// How many writers, each a thread and a connection. Two hide each other's fsync; where that is slow, 3 or 4. Beside two or
        /// more there is another one, for light batches only.
        package var writers = 2
        /// The most bytes of batches held, waiting and in flight. Above it a batch is refused as `overloaded`.
        package var maxQueueBytes = 64 * 1024 * 1024
        /// The most bytes of one commit group.
        package var maxGroupBytes = 16 * 1024 * 1024
        /// The most batches of one commit group: bounds the text of its statement.
        package var maxGroupBatches = 4096
        /// How many bytes must wait for a writer to begin while another one commits: about 150 batches of one event. Fewer
        /// share the next commit.
        package var minConcurrentBytes = 256 * 1024
        /// How long batches wait for that: where an fsync is slow, two writers hide each other's all the same.
        package var maxHold: Duration = .milliseconds(5)
        /// What a light batch has at most, in bytes: it shares no commit with heavier ones.
        package var maxLightBytes = 64 * 1024
        /// How long an outage of PostgreSQL may last before batches are answered as `unavailable` at once.
        package var unavailableAfter: Duration = .seconds(15)

        package init() {}
    }

    private let shared: WriterShared

    private init(_ shared: WriterShared) { self.shared = shared }

    deinit { self.shared.close() }

    /// Checks that the database is fit to be written to, and starts the writers.
    ///
    /// - Throws: as ``check(settings:)``.
    package static func start(
        settings: ConnectionSettings, configuration: Configuration = Configuration(), logger: Logger
    ) async throws(PostgresError) -> PostgresStore {
        _ = try await self.check(settings: settings)
        return try self.unchecked(settings: settings, configuration: configuration, logger: logger)
    }

    /// Checks that the database is fit to be written to.
    ///
    /// - Returns: What the database says that it is: two servers never have the same, nor two databases of a server. A standby has
    ///   its primary's.
    /// - Throws: `unfit` when the role is a superuser or an owner, lacks a privilege, or the schema or encoding is not
    ///   what Docket needs; `connectFailed` when the server can't be reached, with the SQLSTATE if it has answered.
    package static func check(settings: ConnectionSettings) async throws(PostgresError) -> String {
        let settings = settings.writable
        let pool = try ConnectionPool(settings: settings, size: 1, name: "store-check") {
            connection throws(PostgresError) in _ = try WriterFitness(checking: connection)
        }
        defer { pool.close() }
        do throws(PostgresError) {
            return try await Self.databaseID(pool)
        } catch {
            guard error.code == .connectFailed else { throw error }
            let refused = error.refused(await ConnectionRefusal.sqlstate(of: settings))
            guard !refused.isAbsence else { throw refused }
            return try await self.checkAgain(pool, after: refused)
        }
    }

    /// Asks a server once more that refuses connections for good. Its code was asked for apart from its message, and a server that
    /// was starting for the one may refuse for the other: nobody is to read of the start alone.
    private static func checkAgain(
        _ pool: ConnectionPool, after refused: PostgresError
    ) async throws(PostgresError) -> String {
        do throws(PostgresError) {
            return try await Self.databaseID(pool)
        } catch {
            throw error.code == .connectFailed ? error.refused(refused.sqlstate) : error
        }
    }

    private static func databaseID(_ pool: ConnectionPool) async throws(PostgresError) -> String {
        try await pool.run { connection throws(PostgresError) in try Self.databaseID(connection) }
    }

    /// The server's own number, and the database's in it. An installation that keeps the former to itself has the latter alone.
    private static func databaseID(_ connection: PostgresConnection) throws(PostgresError) -> String {
        let row = try connection.query(
            """
            SELECT oid::text, has_function_privilege('pg_control_system()', 'EXECUTE') FROM pg_database
            WHERE datname = current_database()
            """)
        guard try row.bool(0, 1) else { return try row.text(0, 0) }
        let server = try connection.query("SELECT system_identifier::text FROM pg_control_system()")
        return try "\(server.text(0, 0))/\(row.text(0, 0))"
    }

    /// Starts the writers. Each checks its connection when it makes one, which is when there is something to write.
    package static func unchecked(
        settings: ConnectionSettings, configuration: Configuration = Configuration(), logger: Logger
    ) throws(PostgresError) -> PostgresStore {
        precondition(configuration.writers > 0, "a store has at least one writer")
        let shared = WriterShared(settings: settings.writable, configuration: configuration, logger: logger)
        let store = PostgresStore(shared)
        for index in 0..<configuration.writers + (configuration.writers > 1 ? 1 : 0) {
            shared.writerBegan()
            do {
                try OwnedThread.start(name: "writer-\(index)") {
                    CommitWriter(shared: shared, takesHeavy: index < configuration.writers).run()
                    shared.writerEnded()
                }
            } catch {
                shared.writerEnded()
                throw error
            }
        }
        return store
    }

    package func submit(_ batch: EncodedBatch, by submitter: Submitter?, completion: @escaping BatchCompletion) {
        let error: StoreError
        switch self.shared.offer(batch, by: submitter, completion: completion) {
        case .queued: return
        case .full(let heldBytes):
            error = StoreError(
                code: .overloaded,
                message: "the commit queue holds \(heldBytes) bytes of at most "
                    + "\(self.shared.configuration.maxQueueBytes); send the same batch again later",
                retryAfterMilliseconds: 200)
        case .closed:
            error = StoreError(
                code: .shuttingDown, message: "the collector is shutting down; send the same batch to another one",
                retryAfterMilliseconds: 1000)
        }
        self.shared.metrics.answered(.failure(error))
        completion(.failure(error))
    }

    package func withdraw(_ submitter: Submitter) {
        submitter.leave()
        for entry in self.shared.withdraw(submitter) {
            self.shared.metrics.answered(.failure(.withdrawn))
            entry.completion(.failure(.withdrawn))
        }
    }

    package var heldBytes: Int { self.shared.heldBytes }

    /// Takes nothing more in, and waits until every batch that was taken in has been answered. In an outage they are
    /// answered as `unavailable` after one attempt, so that this ends.
    package func drain() async {
        self.shared.close()
        await self.shared.waitForWriters()
    }
}

extension StoreError {
    /// Why a batch that nobody waits for is not stored.
    static let withdrawn = StoreError(code: .withdrawn, message: "nobody waits for the batch any more")
}
