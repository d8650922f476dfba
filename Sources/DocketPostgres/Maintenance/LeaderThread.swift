import DocketThreads
import Logging

/// What a leader does, over and over, on its thread and its connection.
protocol LeaderDuty: SendableMetatype {
    /// Does what is due, and says how long to wait until the next turn.
    mutating func turn(_ connection: PostgresConnection) throws(PostgresError) -> Duration
    /// Forgets what it knew: the connection is new, and another collector may have led in between.
    mutating func takeOver(_ connection: PostgresConnection) throws(PostgresError)
}

/// A thread that does a duty as long as it leads: among all collectors of a database, the one that holds the duty's
/// advisory lock (PostgreSQL, chapter 13.3.5).
///
/// The lock belongs to the session that the work is done on, so a leader that has lost its connection can't do anything
/// any more, and the next one takes over where the database says that the work stands.
struct LeaderThread {
    /// The first of the two numbers that name an advisory lock: "dock".
    static let lockClass: Int32 = 0x646F_636B
    /// How long a collector that doesn't lead waits before it asks again, and a leader after an error.
    private static let retryInterval: Duration = .seconds(1)

    let name: String
    /// The second of the two numbers that name the lock.
    let lockID: Int32
    let settings: ConnectionSettings
    let stop: Monitor<Bool>
    let logger: Logger

    /// Works until it is told to stop.
    func run(_ duty: some LeaderDuty) {
        var duty = duty
        var connection: PostgresConnection?
        var wasFaulty = false
        while !self.isStopped {
            do throws(PostgresError) {
                let current: PostgresConnection
                if let connection, connection.isAlive {
                    current = connection
                } else {
                    guard let leader = try self.lead() else {
                        self.pause(Self.retryInterval)
                        continue
                    }
                    try duty.takeOver(leader)
                    self.logger.info("this collector leads now", metadata: ["duty": "\(self.name)"])
                    (connection, current) = (leader, leader)
                }
                let pause = try duty.turn(current)
                if wasFaulty { self.logger.notice("\(self.name) goes on") }
                wasFaulty = false
                self.pause(pause)
            } catch {
                // A new connection, and with it a new election, is the one state that is always right.
                connection = nil
                if !wasFaulty {
                    self.logger.warning("\(self.name) was interrupted", metadata: ["error": "\(error)"])
                }
                wasFaulty = true
                self.pause(Self.retryInterval)
            }
        }
    }

    /// A connection that holds the lock; `nil` when another collector leads.
    private func lead() throws(PostgresError) -> PostgresConnection? {
        let connection = try PostgresConnection(self.settings)
        try Self.prepare(connection)
        let isLeader = "SELECT pg_try_advisory_lock(\(Self.lockClass), \(self.lockID))"
        return try connection.query(isLeader).bool(0, 0) ? connection : nil
    }

    /// Everything is done as the owner of the tables. A backend whose collector was killed ends by itself, even in the
    /// middle of a statement, so that the lock is free for the next one.
    static func prepare(_ connection: PostgresConnection) throws(PostgresError) {
        try Migrator.checkServer(connection)
        try connection.execute(
            """
            SET ROLE docket_maintainer;
            SET search_path = pg_catalog, pg_temp;
            SET client_connection_check_interval = '1s';
            SET client_min_messages = warning;
            SET statement_timeout = 0;
            SET idle_in_transaction_session_timeout = '60s';
            SET synchronous_commit = on;
            SET jit = off;
            SET max_parallel_maintenance_workers = 0;
            SET max_parallel_workers_per_gather = 0;
            SET lock_timeout = '2s'
            """)
    }

    private var isStopped: Bool { self.stop.withLock { $0 } }

    private func pause(_ duration: Duration) {
        guard duration > .zero else { return }
        _ = self.stop.wait(for: duration) { isStopped in isStopped ? true : nil }
    }
}
