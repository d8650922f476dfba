import DocketCodec
import DocketModel
import DocketTestSupport
import Testing

@testable import DocketPostgres

@Suite("Summarising the hot segment")
struct HeapSummaryTests {
    private static let segment = HotSegment(id: 1, table: "events_000001")

    /// A log of 200 events so many times, and the leader's connection to it.
    private static func log(seed: UInt64, copies: Int) async throws -> (
        log: TwoTenantLog, maintainer: PostgresConnection
    ) {
        let log = try await TwoTenantLog(seed: seed)
        try self.fill(log, copies: copies)
        return (log, try log.database.connect(Roles.maintainer))
    }

    /// Adds all rows of the hot segment so many times.
    private static func fill(_ log: TwoTenantLog, copies: Int) throws {
        // PostgreSQL's own vacuum would summarise it as well, or be in the way.
        try log.database.connect().execute(
            """
            ALTER TABLE docket.events_000001 SET (autovacuum_enabled = off);
            INSERT INTO docket.events_000001 (\(EventColumn.sqlList))
            SELECT \(EventColumn.sqlList) FROM docket.events_000001, generate_series(1, \(copies))
            """)
    }

    @Test("the leader keeps the index near the end of the hot segment, and leaves what is being filled alone")
    func summary() async throws {
        let log = try await TwoTenantLog(seed: 5)
        let maintainer = try log.database.connect(Roles.maintainer)
        var summary = HeapSummary()
        var now = ContinuousClock.now
        try summary.turn(Self.segment, maintainer, at: now)
        try Self.fill(log, copies: 1000)
        let size = try maintainer.heapBlocks(ofSegment: 1)
        let turns = size / (16 * HotIndex.blocksPerRange) + 1
        #expect(turns > 2)
        for _ in 0..<turns {
            now += .seconds(60)
            try summary.turn(Self.segment, maintainer, at: now)
        }
        // Ranges that are still to be done: the open ones, and that at the end.
        let left = try log.database.number("SELECT brin_summarize_new_values('docket.events_000001_blocks')")
        #expect((8...9).contains(left), "of \(size) blocks")
    }

    @Test("after each turn the leader rests for longer than it worked, so that writers go on")
    func rest() async throws {
        let (_, maintainer) = try await Self.log(seed: 5, copies: 1000)
        var summary = HeapSummary()
        let now = ContinuousClock.now
        try summary.turn(Self.segment, maintainer, at: now)
        let left = summary.remainingBlocks
        let size = try maintainer.heapBlocks(ofSegment: 1)
        #expect(left > 0 && left < size)
        for _ in 0..<100 { try summary.turn(Self.segment, maintainer, at: now) }
        #expect(summary.remainingBlocks == left)
        try summary.turn(Self.segment, maintainer, at: now + .seconds(60))
        #expect(summary.remainingBlocks < left)
    }

    @Test("whoever takes over passes over what is summarised already")
    func takeOver() async throws {
        let (log, maintainer) = try await Self.log(seed: 5, copies: 500)
        _ = try log.database.number("SELECT brin_summarize_new_values('docket.events_000001_blocks')")
        var summary = HeapSummary()
        let now = ContinuousClock.now
        // Without a rest, since nothing was to be done.
        for _ in 0..<1000 where summary.remainingBlocks == 0 || summary.remainingBlocks > 10 * HotIndex.blocksPerRange {
            try summary.turn(Self.segment, maintainer, at: now)
        }
        #expect(summary.remainingBlocks <= 10 * HotIndex.blocksPerRange)
    }

    @Test("a segment that was made with the former index has that one summarised, and loses it when it is sealed")
    func formerIndex() async throws {
        let log = try await TwoTenantLog(seed: 7)
        try log.database.connect().execute(
            """
            DROP INDEX docket.events_000001_blocks;
            CREATE INDEX events_000001_occurred_at ON docket.events_000001 USING brin (occurred_at)
            """)
        try Self.fill(log, copies: 300)
        var summary = HeapSummary()
        let maintainer = try log.database.connect(Roles.maintainer)
        try summary.turn(Self.segment, maintainer)
        let size = try maintainer.heapBlocks(ofSegment: 1)
        let left = try log.database.number("SELECT brin_summarize_new_values('docket.events_000001_occurred_at')")
        #expect(left < size / 128)
        try log.database.rotate(maintainer)
        try log.database.finishSegments(maintainer)
        #expect(try log.database.areAllSealed())
    }

    @Test("a lock that somebody holds puts the summary off, and does no harm")
    func locked() async throws {
        let log = try await TwoTenantLog(seed: 6)
        try Self.fill(log, copies: 300)
        let (lock, maintainer) = (try log.database.connect(), try log.database.connect(Roles.maintainer))
        var summary = HeapSummary()
        try lock.execute("BEGIN; LOCK TABLE docket.events_000001 IN SHARE UPDATE EXCLUSIVE MODE")
        let now = ContinuousClock.now
        try summary.turn(Self.segment, maintainer, at: now)
        try lock.execute("ROLLBACK")
        let size = "SELECT pg_relation_size('docket.events_000001_blocks')"
        let before = try log.database.number(size)
        // Whoever holds the lock isn't asked again at once.
        try summary.turn(Self.segment, maintainer, at: now + .milliseconds(900))
        #expect(try log.database.number(size) == before)
        for second in 1...20 { try summary.turn(Self.segment, maintainer, at: now + .seconds(second)) }
        let left = try log.database.number("SELECT brin_summarize_new_values('docket.events_000001_blocks')")
        #expect((8...9).contains(left))
        #expect(try log.database.number(size) > before)
    }
}
