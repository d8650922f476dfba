/// Which indexes have been acknowledged: all up to one of them, and ranges beyond.
package struct AcknowledgedSet: Sendable, Equatable {
    /// Every index up to this one, itself included.
    package private(set) var through: UInt64
    /// What is acknowledged beyond: in order, neither empty nor touching each other or ``through``.
    package private(set) var ranges: [Range<UInt64>]
    /// How many they are, counted from 1 on.
    package private(set) var count: UInt64

    package init(through: UInt64 = 0) {
        self.through = through
        self.ranges = []
        self.count = through
    }

    /// A set from its parts; `nil` when they aren't in order.
    init?(through: UInt64, ranges: [Range<UInt64>]) {
        var end = through + 1
        for range in ranges {
            guard range.lowerBound > end, !range.isEmpty else { return nil }
            end = range.upperBound
        }
        self.through = through
        self.ranges = ranges
        self.count = ranges.reduce(through) { $0 + ($1.upperBound - $1.lowerBound) }
    }

    package func contains(_ index: UInt64) -> Bool {
        guard index > self.through else { return true }
        let position = self.position(endingAtOrAfter: index + 1)
        return position < self.ranges.count && self.ranges[position].contains(index)
    }

    /// The first index from `index` on that isn't acknowledged.
    func firstMissing(from index: UInt64) -> UInt64 {
        guard index > self.through else { return self.firstMissing(from: self.through + 1) }
        let position = self.position(endingAtOrAfter: index + 1)
        guard position < self.ranges.count, self.ranges[position].contains(index) else { return index }
        return self.ranges[position].upperBound
    }

    /// How many indexes of a range are acknowledged.
    func count(in range: Range<UInt64>) -> Int {
        guard !range.isEmpty else { return 0 }
        let leading = (0..<self.through + 1).clamped(to: range).count
        return self.ranges.reduce(leading) { $0 + $1.clamped(to: range).count }
    }

    /// Adds indexes.
    ///
    /// - Returns: whether that made a difference.
    @discardableResult
    package mutating func insert(_ indexes: Range<UInt64>) -> Bool {
        let lower = max(indexes.lowerBound, self.through + 1)
        guard lower < indexes.upperBound, !self.covers(lower..<indexes.upperBound) else { return false }
        var merged = lower..<indexes.upperBound
        // All ranges that the new one meets or touches become one with it.
        let first = self.position(endingAtOrAfter: merged.lowerBound)
        var end = first
        while end < self.ranges.count, self.ranges[end].lowerBound <= merged.upperBound {
            self.count -= self.ranges[end].upperBound - self.ranges[end].lowerBound
            merged =
                min(
                    merged.lowerBound, self.ranges[end].lowerBound)..<max(
                    merged.upperBound, self.ranges[end].upperBound)
            end += 1
        }
        self.count += merged.upperBound - merged.lowerBound
        self.ranges.replaceSubrange(first..<end, with: [merged])
        if merged.lowerBound == self.through + 1 {
            self.through = merged.upperBound - 1
            self.ranges.removeFirst()
        }
        return true
    }

    private func covers(_ indexes: Range<UInt64>) -> Bool {
        let position = self.position(endingAtOrAfter: indexes.upperBound)
        return position < self.ranges.count && self.ranges[position].lowerBound <= indexes.lowerBound
    }

    /// The first range whose end isn't before `bound`.
    private func position(endingAtOrAfter bound: UInt64) -> Int {
        var (low, high) = (0, self.ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if self.ranges[middle].upperBound < bound { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
