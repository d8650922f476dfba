extension SegmentFacts {
    /// The facts of all segments that are not finished.
    static func readUnfinished(_ connection: PostgresConnection) throws(PostgresError) -> [SegmentFacts] {
        let rows = try connection.query(
            """
            SELECT s.segment_id, s.table_name::text, s.state, s.row_count IS NOT NULL, s.frozen_at IS NOT NULL,
                c.oid IS NOT NULL, i.inhrelid IS NOT NULL, coalesce(i.inhdetachpending, false),
                coalesce((
                    SELECT string_agg(x.relname::text, ',') FROM pg_index AS k JOIN pg_class AS x ON x.oid = k.indexrelid
                    WHERE k.indrelid = c.oid AND k.indisvalid AND k.indisready), ''),
                CASE WHEN s.checked_at IS NOT NULL THEN 2 ELSE coalesce((
                    SELECT 1 FROM pg_constraint AS k
                    WHERE k.conrelid = c.oid AND k.conname = s.table_name || '_times'), 0) END::int4
            FROM docket.segments AS s
            LEFT JOIN pg_class AS c ON c.relname = s.table_name AND c.relnamespace = 'docket'::regnamespace
            LEFT JOIN pg_inherits AS i ON i.inhrelid = c.oid AND i.inhparent = 'docket.events'::regclass
            WHERE s.state IN ('sealing', 'retiring') OR (s.state = 'sealed' AND (s.frozen_at IS NULL OR s.checked_at IS NULL))
            """)
        var facts: [SegmentFacts] = []
        for row in 0..<rows.count {
            guard let state = State(rawValue: try rows.text(row, 2)) else {
                throw PostgresError(
                    code: .unexpectedAnswer,
                    message:
                        "a segment's state is '\(try rows.text(row, 2))', which this version of docket doesn't know")
            }
            facts.append(
                SegmentFacts(
                    id: try rows.integer(row, 0), table: try rows.text(row, 1), state: state,
                    isCounted: try rows.bool(row, 3),
                    indexes: Set(try rows.text(row, 8).split(separator: ",").map(String.init)),
                    check: [.missing, .present, .validated][Int(try rows.integer(row, 9, as: Int32.self))],
                    isFrozen: try rows.bool(row, 4), exists: try rows.bool(row, 5), isAttached: try rows.bool(row, 6),
                    isDetachPending: try rows.bool(row, 7)))
        }
        return facts
    }
}
