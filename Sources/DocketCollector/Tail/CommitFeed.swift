internal import DocketCodec
internal import Synchronization

/// What this collector has committed lately to logs that are followed, until their order is known: followers needn't have it
/// read back from PostgreSQL.
package final class CommitFeed: Sendable {
    /// The most that is kept, in bytes; beyond it the oldest go, and are read back.
    private static let maxBytes = 16 * 1024 * 1024

    private struct State {
        var followed: Set<Int32> = []
        var batches: [Int64: EncodedBatch] = [:]
        /// Their ids, the oldest first; some may be gone.
        var order: ArraySlice<Int64> = []
        var bytes = 0
    }

    private let state = Mutex(State())
    private let isFollowed = Atomic<Bool>(false)

    /// Keeps nothing until logs are followed.
    package init() {}

    /// Which tenants' logs are followed from now on.
    func follow(_ tenants: Set<Int32>) {
        self.state.withLock { state in
            state.followed = tenants
            for (id, batch) in state.batches where !tenants.contains(batch.key.tenantID) {
                state.batches[id] = nil
                state.bytes -= batch.sizeBytes
            }
            if state.batches.isEmpty { state.order = [] }
        }
        self.isFollowed.store(!tenants.isEmpty, ordering: .relaxed)
    }

    /// Takes in a batch that has been committed.
    ///
    /// - Parameter acceptedCount: How many of its events were stored. Where the store has refused some, which ones is for
    ///   PostgreSQL to say.
    func committed(_ batch: EncodedBatch, acceptedCount: Int) {
        guard self.isFollowed.load(ordering: .relaxed), batch.acceptedCount == acceptedCount, acceptedCount > 0 else {
            return
        }
        self.state.withLock { state in
            guard state.followed.contains(batch.key.tenantID) else { return }
            state.batches[batch.batchID] = batch
            state.order.append(batch.batchID)
            state.bytes += batch.sizeBytes
            // Those that were read back before they were handed in here are never taken.
            if state.order.count > 2 * state.batches.count + 64 {
                state.order = state.order.filter { state.batches[$0] != nil }[...]
            }
            while state.bytes > Self.maxBytes, let oldest = state.order.popFirst() {
                state.bytes -= state.batches.removeValue(forKey: oldest)?.sizeBytes ?? 0
            }
        }
    }

    /// How many ids it remembers: those of batches that it has, and some of those that it had.
    var knownCount: Int { self.state.withLock { $0.order.count } }

    /// Whether ``take(_:)`` would give the batch.
    func has(_ batchID: Int64) -> Bool { self.state.withLock { $0.batches[batchID] != nil } }

    /// Hands a batch out, once; `nil` when it was another collector's, or has gone.
    func take(_ batchID: Int64) -> EncodedBatch? {
        self.state.withLock { state in
            guard let batch = state.batches.removeValue(forKey: batchID) else { return nil }
            state.bytes -= batch.sizeBytes
            // Batches come into the log nearly in the order of their commits.
            while let first = state.order.first, state.batches[first] == nil { state.order.removeFirst() }
            return batch
        }
    }
}
