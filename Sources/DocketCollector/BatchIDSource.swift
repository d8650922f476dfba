package import DocketModel
internal import DocketStore
internal import Synchronization

/// Gives every batch of this collector its number, from all event loops.
package final class BatchIDSource: Sendable {
    private struct Lease {
        var generator: BatchIDGenerator
        let isValid: @Sendable () -> Bool
    }

    private let lease: Mutex<Lease?>

    /// A source that has no numbers until there is a lease.
    package init() { self.lease = Mutex(nil) }

    /// Numbers batches under a node from now on. Once: a collector that has lost its lease has to start again.
    ///
    /// - Parameters:
    ///   - node: the node number that is leased to this collector, from 0 to 1023.
    ///   - isLeaseValid: whether it still is. Two collectors must never number batches under one node.
    package func begin(node: Int32, isLeaseValid: @escaping @Sendable () -> Bool) {
        self.lease.withLock { lease in
            precondition(lease == nil, "a collector numbers batches under one node")
            lease = Lease(generator: BatchIDGenerator(node: node), isValid: isLeaseValid)
        }
    }

    /// The next number; `nil` when there is no lease, or it has run out.
    package func next(now: Timestamp) -> Int64? {
        self.lease.withLock { lease in
            guard lease?.isValid() == true else { return nil }
            return lease?.generator.next(now: now)
        }
    }

    /// Why batches can't be numbered now; `nil` when they can.
    package var fault: String? {
        self.lease.withLock { lease in
            guard let lease else { return "there is no node lease yet" }
            return lease.isValid() ? nil : "the node lease has run out"
        }
    }
}
