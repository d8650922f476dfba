import DocketModel

/// Which blocks of a segment without indexes are read for a page, in which order, and how much of them.
///
/// Rows lie nearly in the order of their times, so that windows of blocks from where the page begins mostly fill it. Then the
/// time of its last row bounds what else belongs in it, and the rest is read by the index on times, that is hardly at all.
/// Nothing is taken for granted of the order: every block is either read or ruled out by that index.
struct HeapPlan {
    /// A statement of the page.
    enum Step: Equatable {
        /// Reads these blocks.
        case window(Range<Int64>)
        /// Reads all blocks but these, as far as the times that are asked for don't rule them out.
        case rest(without: Range<Int64>)
    }

    /// PostgreSQL's usual `block_size`.
    static let blockBytes: Int64 = 8_192
    /// 4 MiB: with fewer, what a statement costs by itself would be more than reading them.
    static let firstWindowBlocks: Int64 = 512
    /// Windows are at most this share of all blocks, so that a page which they don't fill costs little more without them.
    private static let share: Int64 = 8

    private let order: EventOrder
    private let sizeBlocks: Int64
    /// How many blocks the windows may have together.
    private let maxBlocks: Int64
    private var length: Int64
    /// The blocks of all windows so far, which are adjacent.
    private var read: Range<Int64>
    private var isDone = false

    /// Whether a segment is read in one go: what windows save of it isn't worth a statement more.
    static func isSmall(_ sizeBlocks: Int64, firstWindowBlocks: Int64) -> Bool { sizeBlocks <= 2 * firstWindowBlocks }

    /// - Parameters:
    ///   - sizeBlocks: How many blocks there are.
    ///   - start: Between which blocks the page begins: the windows lie before it for a page that is newest first, and behind
    ///     it otherwise. `nil` for a page that windows won't fill.
    init(sizeBlocks: Int64, start: Int64?, order: EventOrder, firstWindowBlocks: Int64 = Self.firstWindowBlocks) {
        self.order = order
        self.sizeBlocks = sizeBlocks
        let isSmall = Self.isSmall(sizeBlocks, firstWindowBlocks: firstWindowBlocks)
        self.maxBlocks = start == nil || isSmall ? 0 : max(firstWindowBlocks, sizeBlocks / Self.share)
        self.length = firstWindowBlocks
        let start = min(max(0, start ?? 0), sizeBlocks)
        self.read = start..<start
    }

    /// The next statement; `nil` when all blocks have been read or ruled out.
    ///
    /// - Parameter isFull: Whether the page has as many rows as it needs by now.
    mutating func next(isFull: Bool) -> Step? {
        guard !self.isDone else { return nil }
        if !isFull, let window = self.window() {
            self.read = min(self.read.lowerBound, window.lowerBound)..<max(self.read.upperBound, window.upperBound)
            self.length *= 2
            return .window(window)
        }
        self.isDone = true
        guard self.read != 0..<self.sizeBlocks || self.sizeBlocks == 0 else { return nil }
        return .rest(without: self.read)
    }

    /// The window next to those that have been read, unless that were too many.
    private func window() -> Range<Int64>? {
        let window =
            switch self.order {
            case .newestFirst: max(0, self.read.lowerBound - self.length)..<self.read.lowerBound
            case .oldestFirst: self.read.upperBound..<min(self.read.upperBound + self.length, self.sizeBlocks)
            }
        guard !window.isEmpty, Int64(self.read.count + window.count) <= self.maxBlocks else { return nil }
        return window
    }

    /// Between which blocks the rows of a time lie, nearly, if all were in the order of their times.
    ///
    /// - Parameters:
    ///   - precision: How many blocks it may be off.
    ///   - isLater: Whether the rows at a block are later than the time; `nil` when there are none.
    /// - Returns: Blocks whose first has no later rows, and behind whose last there are only later ones; none where all are later.
    ///   `nil` when there were no rows to go by.
    static func bisect(
        sizeBlocks: Int64, precision: Int64, isLater: (Int64) throws(PostgresError) -> Bool?
    ) throws(PostgresError) -> Range<Int64>? {
        // A time before all of them is what is mostly asked for.
        guard let isFirstLater = try isLater(0) else { return nil }
        if isFirstLater { return 0..<0 }
        var (lower, upper): (Int64, Int64) = (0, sizeBlocks)
        while upper - lower > max(1, precision) {
            let middle = lower + (upper - lower) / 2
            guard let isBehind = try isLater(middle) else { return nil }
            if isBehind { upper = middle } else { lower = middle }
        }
        return lower..<upper
    }
}
