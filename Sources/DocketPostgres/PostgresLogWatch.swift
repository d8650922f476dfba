package import DocketStore

/// Hears of the growth of logs by what the appender says (PostgreSQL, SQL Commands, LISTEN), whichever collector it runs in.
package final class PostgresLogWatch: LogWatch {
    /// What the appender speaks on.
    static let channel = "docket_log"
    /// How long one wait lasts: a pooler may not pass on what is said, and a collector of an earlier version says nothing.
    private static let waitMilliseconds: Int32 = 250

    private let pool: ConnectionPool

    /// Starts a thread; connects when there is something to listen for.
    package init(settings: ConnectionSettings) throws(PostgresError) {
        self.pool = try ConnectionPool(settings: settings, size: 1, name: "log-watch")
    }

    package func growth() async throws(StoreError) {
        do throws(PostgresError) {
            try await self.pool.run { connection throws(PostgresError) in
                // Behind a pooler that hands out another connection for each transaction, it would be the others' to hear
                // of it; and a standby can't. The wait is what is left then.
                let processID: Int32 = try connection.query("SELECT pg_backend_pid()").integer(0, 0)
                if processID == connection.backendProcessID { try? connection.execute("LISTEN \(Self.channel)") }
                _ = try connection.waitForNotification(milliseconds: Self.waitMilliseconds)
            }
        } catch {
            throw StoreError(
                code: error.code == .closed ? .shuttingDown : .unavailable,
                message: "the growth of logs can't be heard of: \(error)", cause: error)
        }
    }

    package func rest() async {
        // A connection that is lost listens to nothing either.
        try? await self.pool.run { connection throws(PostgresError) in try connection.execute("UNLISTEN *") }
    }

    /// Closes the connection.
    package func close() { self.pool.close() }
}
