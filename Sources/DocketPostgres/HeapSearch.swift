import DocketStore

/// Finds the blocks of a segment without indexes that hold the events of some batches.
///
/// Collectors append, so rows lie nearly in the order of their batches. The search begins a little before the blocks of
/// the page before and ends when as many rows have been found as the batches have events; where that comes out short, the
/// whole table has been looked through.
struct HeapSearch {
    /// Batches that were stored side by side may lie in either order.
    private static let marginBlocks: Int64 = 256
    private static let firstWindowBlocks: Int64 = 1_024
    private static let maxWindowBlocks: Int64 = 16_384

    let reading: LogReading
    let segmentID: Int32

    /// From the first to the last block with rows of the slice; `nil` when there are none.
    func blocks(of slice: LogSlice) throws(PostgresError) -> ClosedRange<Int64>? {
        let size = try self.reading.connection.heapBlocks(ofSegment: self.segmentID)
        var start: Int64 = 0
        if let place = self.reading.query.heapPlace, place.segmentID == self.segmentID {
            start = min(max(0, place.block - Self.marginBlocks), size)
        }
        var left = slice.eventCount
        var found: ClosedRange<Int64>?
        for part in [start..<max(start, size), 0..<start] {
            for window in Self.windows(part) where left > 0 {
                guard let rows = try self.search(window, slice) else { continue }
                left -= rows.count
                found =
                    found.map {
                        min($0.lowerBound, rows.blocks.lowerBound)...max($0.upperBound, rows.blocks.upperBound)
                    } ?? rows.blocks
            }
        }
        return found
    }

    /// A range of blocks in parts, the first ones small: mostly they are enough.
    static func windows(_ range: Range<Int64>) -> [Range<Int64>] {
        var windows: [Range<Int64>] = []
        var (lower, length) = (range.lowerBound, self.firstWindowBlocks)
        while lower < range.upperBound {
            let upper = min(lower + length, range.upperBound)
            windows.append(lower..<upper)
            (lower, length) = (upper, min(length * 2, self.maxWindowBlocks))
        }
        return windows
    }

    private func search(
        _ window: Range<Int64>, _ slice: LogSlice
    ) throws(PostgresError) -> (count: Int64, blocks: ClosedRange<Int64>)? {
        let (connection, budget) = (self.reading.connection, self.reading.budget)
        try connection.execute("SET LOCAL statement_timeout = \(try budget.leftMilliseconds())")
        var conditions = self.reading.conditions(of: slice)
        conditions.add(blocks: window)
        conditions.add("e.batch_id = ANY (?)", .int8Array(slice.entries.map(\.batchID)))
        let rows = try connection.query(
            """
            SELECT count(*), min(e.ctid)::text, max(e.ctid)::text FROM docket.events AS e WHERE \(conditions.sql)
            """, conditions.values)
        let count: Int64 = try rows.integer(0, 0)
        guard count > 0 else { return nil }
        let (first, last) = (try Self.block(of: try rows.text(0, 1)), try Self.block(of: try rows.text(0, 2)))
        guard first <= last else { throw Self.unreadable(try rows.text(0, 1)) }
        return (count, first...last)
    }

    /// The block of a `tid` as text: `(block,row)`.
    static func block(of place: String) throws(PostgresError) -> Int64 {
        guard let block = Int64(place.dropFirst().prefix { $0 != "," }) else { throw self.unreadable(place) }
        return block
    }

    private static func unreadable(_ place: String) -> PostgresError {
        PostgresError(code: .unexpectedAnswer, message: "'\(place)' is no place of a row")
    }
}
