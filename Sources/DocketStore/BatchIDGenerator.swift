package import DocketModel

import DocketCodec

/// Makes batch ids that rise strictly, whatever the clock does. A value: the caller keeps
/// one behind its own lock.
package struct BatchIDGenerator: Sendable {
    private let node: Int64
    /// Milliseconds since the layout's epoch and the counter of the id given last, in one number without the node.
    private var last: Int64 = -1

    private static let counterValues = BatchID.maxCounter + 1
    private static let nodes = BatchID.maxNode + 1

    /// A generator for a leased node number, from 0 to ``BatchID/maxNode``.
    package init(node: Int32) {
        precondition((0...BatchID.maxNode).contains(Int64(node)), "the database leases nodes 0 to \(BatchID.maxNode)")
        self.node = Int64(node)
    }

    /// The next id. When the clock stands still or goes backwards, or 4,096 ids were taken in one millisecond, ids run
    /// ahead of the clock by the smallest step that keeps them rising. A clock before 2020 counts as 2020.
    package mutating func next(now: Timestamp) -> Int64 {
        let base = BatchID.make(at: now, node: 0, counter: 0) ?? 0
        self.last = max(base / Self.nodes, self.last + 1)
        let (milliseconds, counter) = self.last.quotientAndRemainder(dividingBy: Self.counterValues)
        return (milliseconds * Self.nodes + self.node) * Self.counterValues + counter
    }
}
