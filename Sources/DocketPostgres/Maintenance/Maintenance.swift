import DocketThreads
package import Logging
import Synchronization

/// The work that one collector of a database does for all of them, as `docket_maintainer`: two duties, each on a thread
/// and a direct connection of its own, each led by whichever collector holds its lock.
///
/// - The **log duty** must never wait for anything slow: it gives committed batches their place in their tenant's log,
///   rotates the hot segment, and tells the writers how much to hold back.
/// - The **segment duty** does what takes long: indexing full segments, retention, pruning.
package final class Maintenance: Sendable {
    private enum LockID {
        static let log: Int32 = 1
        static let segments: Int32 = 2
    }

    private let stopped = Monitor(false)
    private let running = Monitor(0)

    /// Starts the threads.
    ///
    /// - Parameters:
    ///   - settings: A direct connection as `docket_maintainer`: a pooler in transaction mode would give the locks away.
    ///   - nextBatchID: The collector's numbers for batches, for what Docket itself writes into a log; `nil` when its
    ///     node lease has run out.
    package init(
        settings: ConnectionSettings, nextBatchID: @escaping @Sendable () -> Int64?, logger: Logger
    ) throws(PostgresError) {
        let settings = settings.writable
        let metrics = MaintenanceMetrics()
        try self.start("the log", LockID.log, settings, logger) { LogDuty(metrics: metrics, logger: logger) }
        try self.start("the care of segments", LockID.segments, settings, logger) {
            SegmentDuty(metrics: metrics, logger: logger, nextBatchID: nextBatchID)
        }
    }

    deinit { self.stopped.withLock(wakingAll: true) { $0 = true } }

    /// Lets the step under way finish, gives both locks back, and waits for that.
    package func stop() async {
        self.stopped.withLock(wakingAll: true) { $0 = true }
        // Threads may be waited for on a thread only.
        await withCheckedContinuation { continuation in
            let running = self.running
            let body: @Sendable () -> Void = {
                _ = running.wait { $0 == 0 ? true : nil }
                continuation.resume()
            }
            do throws(PostgresError) {
                try OwnedThread.start(name: "maintenance-end", body)
            } catch {
                continuation.resume()
            }
        }
    }

    private func start<Duty: LeaderDuty>(
        _ name: String, _ lockID: Int32, _ settings: ConnectionSettings, _ logger: Logger,
        _ duty: @escaping @Sendable () -> Duty
    ) throws(PostgresError) {
        let thread = LeaderThread(name: name, lockID: lockID, settings: settings, stop: self.stopped, logger: logger)
        let running = self.running
        running.withLock { $0 += 1 }
        do throws(PostgresError) {
            try OwnedThread.start(name: name) {
                thread.run(duty())
                running.withLock(wakingAll: true) { $0 -= 1 }
            }
        } catch {
            running.withLock { $0 -= 1 }
            throw error
        }
    }
}
