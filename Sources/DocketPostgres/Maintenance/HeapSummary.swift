/// Keeps the hot segment's index on times near its end.
///
/// The index says of each range of blocks between which times its rows lie, once somebody has summarised it. PostgreSQL's
/// autovacuum does so only when it comes by, by default once a minute, and a busy segment has been filled by then.
struct HeapSummary {
    /// `pages_per_range` of the index: PostgreSQL's default.
    private static let rangeBlocks: Int64 = 128
    /// How many ranges are summarised in a turn at most: some 45,000 rows of 350 bytes, in a few milliseconds.
    private static let maxRanges: Int64 = 16
    /// Every write into a range that has been summarised may have to change its summary: so many at the end are left out.
    private static let openRanges: Int64 = 2

    /// Up to where the segment has been summarised.
    private var done: (segmentID: Int32, block: Int64)?
    /// After a failure it is left to others for a while: a lock that is in the way, or an index that can't be summarised, must
    /// not hold up what else the leader does.
    private var pausedUntil: ContinuousClock.Instant?

    /// Summarises what has been filled since the last turn, unless somebody holds a lock against that.
    ///
    /// - Returns: Whether there is more to do at once.
    mutating func turn(
        _ segment: HotSegment, _ connection: PostgresConnection, at now: ContinuousClock.Instant = .now
    ) throws(PostgresError) -> Bool {
        if let pausedUntil, now < pausedUntil { return false }
        let start = if let done, done.segmentID == segment.id { done.block } else { Int64(0) }
        let full = try connection.heapBlocks(ofSegment: segment.id) / Self.rangeBlocks - Self.openRanges
        let ranges = min(full - start / Self.rangeBlocks, Self.maxRanges)
        guard ranges > 0 else { return false }
        let end = start + ranges * Self.rangeBlocks
        do throws(PostgresError) {
            try connection.execute(
                """
                BEGIN; SET LOCAL lock_timeout = '10ms';
                SELECT brin_summarize_range(to_regclass('docket.\(segment.table)_occurred_at'), block)
                FROM generate_series(\(start)::int8, \(end - 1), \(Self.rangeBlocks)) AS block;
                COMMIT
                """)
        } catch {
            guard error.code == .statementFailed, connection.isAlive else { throw error }
            try connection.execute("ROLLBACK")
            self.pausedUntil = now + (error.sqlstate == .lockNotAvailable ? .seconds(1) : .seconds(60))
            return false
        }
        self.done = (segment.id, end)
        return ranges == Self.maxRanges
    }
}
