/// Keeps the hot segment's index (``HotIndex``) near its end.
///
/// The index rules nothing out of a range of blocks before somebody has summarised it. PostgreSQL's autovacuum would do so when
/// it comes by, by default once a minute, and a busy segment has been filled by then.
struct HeapSummary {
    private static let rangeBlocks = HotIndex.blocksPerRange
    /// How many ranges are summarised by a statement at most: some 11,000 rows of 350 bytes, in 10 ms.
    private static let maxRanges: Int64 = 16
    /// After so long a turn ends: the log waits for it.
    private static let turnTime: Duration = .milliseconds(20)
    /// Every write into a range that has been summarised may have to change its summary: so many at the end are left out.
    private static let openRanges: Int64 = 8
    /// It rests for so many times as long as it worked: at most a tenth of a processor is taken from the writers. What they
    /// are ahead of it is read in full by who needs it.
    private static let restFactor = 9

    /// Up to where the segment has been summarised.
    private var done: (segmentID: Int32, block: Int64)?
    /// After a failure it rests for longer: a lock that is in the way, or an index that can't be summarised, must not hold up
    /// what else the leader does.
    private var pausedUntil: ContinuousClock.Instant?
    /// How much of the segment had not been summarised when it was last looked at.
    private(set) var remainingBlocks: Int64 = 0

    /// Summarises some of what has been filled since the last turn, unless it is to rest, or somebody holds a lock against that.
    mutating func turn(
        _ segment: HotSegment, _ connection: PostgresConnection, at now: ContinuousClock.Instant = .now
    ) throws(PostgresError) {
        if let pausedUntil, now < pausedUntil { return }
        let begun = ContinuousClock.now
        var summarised: Int64 = 0
        do throws(PostgresError) {
            while let count = try self.summarise(segment, connection) {
                summarised += count
                guard ContinuousClock.now - begun < Self.turnTime else { break }
            }
        } catch {
            guard error.code == .statementFailed, connection.isAlive else { throw error }
            try connection.execute("ROLLBACK")
            self.pausedUntil = now + (error.sqlstate == .lockNotAvailable ? .seconds(1) : .seconds(60))
            return
        }
        // Whoever takes over finds ranges that are done already, and passes over them.
        if summarised > 0 { self.pausedUntil = now + (ContinuousClock.now - begun) * Self.restFactor }
    }

    /// Summarises the next ranges: how many had not been; `nil` when there are none to be done.
    private mutating func summarise(
        _ segment: HotSegment, _ connection: PostgresConnection
    ) throws(PostgresError) -> Int64? {
        let start = if let done, done.segmentID == segment.id { done.block } else { Int64(0) }
        let size = try connection.heapBlocks(ofSegment: segment.id)
        self.remainingBlocks = size - start
        let full = size / Self.rangeBlocks - Self.openRanges
        let ranges = min(full - start / Self.rangeBlocks, Self.maxRanges)
        guard ranges > 0 else { return nil }
        let end = start + ranges * Self.rangeBlocks
        try connection.execute("BEGIN; SET LOCAL lock_timeout = '10ms'")
        let summarised: Int64 = try connection.query(
            """
            SELECT coalesce(sum(brin_summarize_range(coalesce(
                to_regclass('docket.\(HotIndex.name(of: segment.table))'),
                to_regclass('docket.\(HotIndex.formerName(of: segment.table))')), block)), 0)::int8
            FROM generate_series($1, $2, $3) AS block
            """, [.int8(start), .int8(end - 1), .int8(Self.rangeBlocks)]
        ).integer(0, 0)
        try connection.execute("COMMIT")
        self.done = (segment.id, end)
        self.remainingBlocks = size - end
        return summarised
    }
}
