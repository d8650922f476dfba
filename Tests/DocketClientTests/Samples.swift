import DocketGRPC
import DocketModel
import DocketTransport
import Synchronization
import Testing

@testable import DocketClient

extension DocketModel.Event {
    /// An event that differs from others by its number.
    static func numbered(_ number: UInt64 = 1, reasonBytes: Int = 0) -> Self {
        var event = Self(
            eventID: EventID(high: 1, low: number), type: "audit.event",
            occurredAt: Timestamp(microsecondsSinceEpoch: 5))
        if reasonBytes > 0 { event.reason = String(repeating: "r", count: reasonBytes) }
        return event
    }
}

extension PublishMachine {
    /// A machine that waits 100, 200, 400 ms, 400 ms…, but for the jitter.
    static func sample(window: Int = 2, maxAttempts: Int? = nil) -> Self {
        var policy = RetryPolicy()
        policy.initialBackoffMilliseconds = 100
        policy.maxBackoffMilliseconds = 400
        policy.maxAttempts = maxAttempts
        return Self(maxInFlightBatches: window, policy: policy)
    }
}

/// Every event that came is somewhere.
func expectSum(_ statistics: AuditClient.Statistics, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(
        statistics.enqueuedCount + statistics.recoveredCount == statistics.committedCount
            + statistics.rejectedCount + statistics.droppedCount + statistics.queuedCount, "\(statistics)",
        sourceLocation: sourceLocation)
}

/// Whether a ``FakeCollector`` is back.
final class Recovery: Sendable {
    private let hasCome = Mutex(false)

    /// From now on batches are accepted.
    func come() { self.hasCome.withLock { $0 = true } }

    /// Accepts a batch, or ends its stream as long as the recovery hasn't come.
    func answer(_ sequence: Int64, _ call: ServerCallContext) {
        guard self.hasCome.withLock({ $0 }) else { return call.finish(.init(.unavailable)) }
        FakeCollector.accept(sequence, call)
    }
}
