import DocketClient
import DocketModel
import Histogram
import Synchronization

/// One run of the load generator: connections that publish batches through the client library and time each
/// acknowledgement.
struct LoadRun {
    /// What came of it.
    struct Result: Sendable {
        var eventCount: Int
        var seconds: Double
        /// Acknowledgement latency in microseconds.
        var latency: Histogram<UInt64>
    }

    /// What the workers of a run share.
    private final class Shared: Sendable {
        /// The next batch that nobody has taken.
        let cursor = Atomic<Int>(0)
        let histogram = Mutex(
            Histogram<UInt64>(highestTrackableValue: 600_000_000, numberOfSignificantValueDigits: .three))
    }

    let clients: [AuditClient.Configuration]
    let batches: [[Event]]
    /// How many batches each connection keeps under way.
    let inFlightPerConnection: Int
    /// Batches a second over all connections; `nil` to send as fast as answers come.
    let batchesPerSecond: Double?
    /// Over how many tenants, `bench-0` and so on, the batches are spread; 0: each client's own.
    var tenantCount = 0

    /// How often a batch is tried. A collector under load refuses many times; what it refuses for good ends the run at once, which it
    /// doesn't without a bound.
    private static let maxAttempts = 1_000

    /// Publishes every batch once. At a fixed rate a batch's latency counts from the moment it was due, so that a
    /// stalled collector isn't spared the batches that would have come meanwhile (coordinated omission).
    func run() async throws -> Result {
        let clients = try self.clients.map { configuration in
            var configuration = configuration
            configuration.maxAttempts = configuration.maxAttempts ?? Self.maxAttempts
            return try EmitCommand.client(configuration)
        }
        let shared = Shared()
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for client in clients {
                for _ in 0..<self.inFlightPerConnection {
                    group.addTask {
                        while true {
                            let index = shared.cursor.wrappingAdd(1, ordering: .relaxed).oldValue
                            guard index < self.batches.count else { return }
                            let due = try await self.waitForTurn(index, from: start)
                            do throws(ClientError) {
                                let tenant = self.tenantCount == 0 ? nil : "bench-\(index % self.tenantCount)"
                                _ = try await client.publish(
                                    self.batches[index], sequence: Int64(index), tenant: tenant)
                            } catch {
                                throw CommandError(error)
                            }
                            let latency = (ContinuousClock.now - due).microseconds
                            shared.histogram.withLock { _ = $0.record(UInt64(max(0, latency))) }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let seconds = Double((ContinuousClock.now - start).microseconds) / 1_000_000
        for client in clients { await client.shutdown() }
        let count = self.batches.reduce(0) { $0 + $1.count }
        return Result(eventCount: count, seconds: seconds, latency: shared.histogram.withLock { $0 })
    }

    /// Waits until a batch is due, at a fixed rate; otherwise it is due now.
    private func waitForTurn(
        _ index: Int, from start: ContinuousClock.Instant
    ) async throws -> ContinuousClock.Instant {
        guard let rate = self.batchesPerSecond else { return ContinuousClock.now }
        let due = start + .nanoseconds(Int64(Double(index) / rate * 1e9))
        if due > ContinuousClock.now { try await Task.sleep(until: due, clock: .continuous) }
        return due
    }
}

extension Duration {
    /// Whole microseconds.
    var microseconds: Int64 {
        let (seconds, attoseconds) = self.components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
