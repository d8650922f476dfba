import DocketModel
package import Logging
import Synchronization

/// A collector's hold on a node number, which goes into the ids of its batches: no two collectors have the same one at
/// the same time, so no two batches have the same id.
///
/// The database's clock says when a lease ends; this side counts from before it asked, on a clock that never goes back,
/// and gives up earlier, by a tenth. So it stops numbering batches before the number can be given to anybody else.
package final class NodeLease: Sendable {
    /// The description of what an administrative command leases. `docket.live_collectors()` leaves such leases out by this text
    /// (migration 15).
    package static let administration = "docket-admin"

    /// The number: 0 to 1023.
    package let node: Int32
    private let owner: ProducerID
    private let pool: ConnectionPool
    private let seconds: Int32
    private let logger: Logger
    /// Until when the lease holds on this side.
    private let end: Mutex<ContinuousClock.Instant>

    private init(
        node: Int32, owner: ProducerID, pool: ConnectionPool, seconds: Int32, end: ContinuousClock.Instant,
        logger: Logger
    ) {
        self.node = node
        self.owner = owner
        self.pool = pool
        self.seconds = seconds
        self.logger = logger
        self.end = Mutex(end)
    }

    /// Takes a lease, as the role `docket_writer`.
    ///
    /// - Parameters:
    ///   - description: Host and process, for the operator who looks at docket.collector_nodes.
    ///   - seconds: How long it lasts unless it is renewed: 1 to 3,600.
    /// - Throws: `overloaded` when all 1,024 numbers are held.
    package static func acquire(
        settings: ConnectionSettings, description: String, seconds: Int32 = 60, logger: Logger
    ) async throws(PostgresError) -> NodeLease {
        let pool = try ConnectionPool(settings: settings.writable, size: 1, name: "lease")
        var generator = SystemRandomNumberGenerator()
        let owner = ProducerID.random(using: &generator)
        let began = ContinuousClock.now
        let node: Int32? = try await pool.run { connection throws(PostgresError) in
            let rows = try connection.query(
                "SELECT coalesce(docket.lease_node($1, $2, $3), -1)",
                [.uuid(owner.bytes), .text(description), .int4(seconds)])
            let node: Int32 = try rows.integer(0, 0)
            return node < 0 ? nil : node
        }
        guard let node else {
            throw PostgresError(
                code: .overloaded,
                message:
                    "all 1024 node numbers are leased to collectors (docket.collector_nodes); stop some, or wait until "
                    + "leases of dead ones run out")
        }
        return NodeLease(
            node: node, owner: owner, pool: pool, seconds: seconds, end: began + Self.usable(seconds), logger: logger)
    }

    /// Whether batches may be numbered under ``node`` now. Cheap enough to ask for each batch.
    package var isValid: Bool { self.end.withLock { ContinuousClock.now < $0 } }

    /// Prolongs the lease from now on. False when the number belongs to somebody else by now, which can only be after
    /// it ran out.
    package func renew() async throws(PostgresError) -> Bool {
        let (node, owner, seconds) = (self.node, self.owner, self.seconds)
        let began = ContinuousClock.now
        let isOurs = try await self.pool.run { connection throws(PostgresError) in
            try connection.query(
                "SELECT docket.renew_node($1, $2, $3)", [.int4(node), .uuid(owner.bytes), .int4(seconds)]
            ).bool(0, 0)
        }
        self.end.withLock { $0 = isOurs ? max($0, began + Self.usable(seconds)) : began }
        return isOurs
    }

    /// Renews the lease three times in its length, until the task is cancelled, and then gives it back. An outage of
    /// the database is waited out: ``isValid`` turns false in time.
    ///
    /// - Throws: `unfit` when the number has been given to another collector; only a new start gets another one.
    package func keep() async throws(PostgresError) {
        let third = Duration.seconds(Int64(self.seconds)) / 3
        var pause = third
        while (try? await Task.sleep(for: pause)) != nil {
            let isOurs: Bool
            do {
                isOurs = try await self.renew()
                pause = third
            } catch {
                // Once PostgreSQL is back, batches should be numbered again at once.
                pause = min(third, .seconds(1))
                self.logger.warning("the node lease can't be renewed", metadata: ["error": "\(error)"])
                continue
            }
            guard isOurs else {
                throw PostgresError(
                    code: .unfit,
                    message:
                        "node number \(self.node) has been given to another collector, since PostgreSQL was away for "
                        + "longer than its lease of \(self.seconds) s; start this collector again")
            }
        }
        await self.release()
    }

    /// Gives the number back at once. Nothing is lost when that fails: the lease runs out.
    package func release() async {
        let (node, owner) = (self.node, self.owner)
        self.end.withLock { $0 = ContinuousClock.now }
        do {
            _ = try await self.pool.run { connection throws(PostgresError) in
                try connection.query("SELECT docket.release_node($1, $2)", [.int4(node), .uuid(owner.bytes)]).bool(0, 0)
            }
        } catch {
            self.logger.debug("the node lease was not given back", metadata: ["error": "\(error)"])
        }
        self.pool.close()
    }

    private static func usable(_ seconds: Int32) -> Duration { .seconds(Int64(seconds)) * 9 / 10 }
}
