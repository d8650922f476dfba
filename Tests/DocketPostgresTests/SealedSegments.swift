import DocketCodec

@testable import DocketPostgres

extension TestDatabase {
    /// The table of a segment.
    static func segmentTable(_ id: Int32) -> String {
        let digits = "\(id)"
        return "events_" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    /// Makes a sealed segment of rows that lay in the first one, which stays hot.
    ///
    /// - Parameter condition: Which of its rows are moved, in SQL.
    func seal(_ id: Int32, moving condition: String, by maintainer: PostgresConnection) throws {
        let table = Self.segmentTable(id)
        try maintainer.execute(
            """
            CREATE TABLE docket.\(table) (LIKE docket.events INCLUDING COMMENTS INCLUDING STORAGE);
            ALTER TABLE docket.\(table) ALTER COLUMN segment_id SET DEFAULT \(id);
            ALTER TABLE docket.events ATTACH PARTITION docket.\(table) FOR VALUES IN (\(id));
            WITH moved AS (
                DELETE FROM docket.events_000001 WHERE \(condition) RETURNING \(EventColumn.sqlList)
            )
            INSERT INTO docket.\(table) (\(EventColumn.sqlList)) SELECT \(EventColumn.sqlList) FROM moved;
            INSERT INTO docket.segments (
                segment_id, table_name, state, rotated_at, sealed_at, row_count, min_occurred_at, max_occurred_at,
                min_batch_id, max_batch_id)
            SELECT \(id), '\(table)', 'sealed', now(), now(), count(*), min(occurred_at), max(occurred_at),
                min(batch_id), max(batch_id)
            FROM docket.\(table)
            """)
    }

    /// Makes sealed segments with the ids from 2 on.
    ///
    /// - Parameter segment: The segment that a row belongs in, in SQL; those of 1 stay where they are.
    func seal(_ ids: ClosedRange<Int32>, by segment: String) throws {
        let maintainer = try self.connect(Roles.maintainer)
        for id in ids { try self.seal(id, moving: "(\(segment)) = \(id)", by: maintainer) }
    }
}
