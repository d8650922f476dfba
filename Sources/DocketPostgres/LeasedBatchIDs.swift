import DocketModel
import DocketStore
import Logging
import Synchronization

/// Numbers for the batches that an administrative command stores, under a node number that it leases for the while.
final class LeasedBatchIDs: Sendable {
    /// How long a lease lasts unless it is renewed, which happens before each step.
    private static let leaseSeconds: Int32 = 300

    private let lease: NodeLease
    private let generator: Mutex<BatchIDGenerator>

    /// Leases a node number.
    init(settings: ConnectionSettings, description: String) async throws(PostgresError) {
        self.lease = try await NodeLease.acquire(
            settings: settings, description: description, seconds: Self.leaseSeconds,
            logger: Logger(label: "docket.admin"))
        self.generator = Mutex(BatchIDGenerator(node: self.lease.node))
    }

    /// The next number; `nil` when the lease has run out.
    func next() -> Int64? {
        guard self.lease.isValid else { return nil }
        return self.generator.withLock { $0.next(now: .now) }
    }

    /// Prolongs the lease; throws when the number is somebody else's by now.
    func renew() async throws(PostgresError) {
        guard try await self.lease.renew() else {
            throw PostgresError(
                code: .leaseLost,
                message: "the node number that batches are numbered under was given to another collector; try again")
        }
    }

    /// Gives the number back.
    func release() async { await self.lease.release() }
}
