package import DocketModel
internal import DocketStore
internal import Synchronization

/// Gives every batch of this collector its number, from all event loops.
package final class BatchIDSource: Sendable {
    private let generator: Mutex<BatchIDGenerator>
    private let isLeaseValid: @Sendable () -> Bool

    /// - Parameters:
    ///   - node: the node number that is leased to this collector, from 0 to 1023.
    ///   - isLeaseValid: whether it still is. Two collectors must never number batches under one node.
    package init(node: Int32, isLeaseValid: @escaping @Sendable () -> Bool) {
        self.generator = Mutex(BatchIDGenerator(node: node))
        self.isLeaseValid = isLeaseValid
    }

    /// The next number; `nil` when the lease has run out.
    package func next(now: Timestamp) -> Int64? {
        guard self.isLeaseValid() else { return nil }
        return self.generator.withLock { $0.next(now: now) }
    }
}
