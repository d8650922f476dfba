/// Makes another segment hot.
enum Rotation {
    /// Makes and attaches the next leaf, makes it hot, and takes the old one from the writers, in one transaction. What is
    /// under way into the old one goes on; whoever comes later gets an error there, and finds the new one.
    ///
    /// LIKE and ATTACH take no lock on the parent that a reader could hold up, and hold none up (`PARTITION OF` does
    /// both). Constraints that an operator has put on the parent come along, since ATTACH demands them.
    static func rotate(from old: HotSegment, _ connection: PostgresConnection) throws(PostgresError) {
        let next = HotSegment(id: old.id + 1, table: Self.tableName(old.id + 1))
        try connection.execute(
            """
            BEGIN;
            \(Self.create(next));
            UPDATE docket.segments SET state = 'sealing', rotated_at = clock_timestamp()
            WHERE segment_id = \(old.id) AND state = 'hot';
            INSERT INTO docket.segments (segment_id, table_name, state, created_at)
            VALUES (\(next.id), '\(next.table)', 'hot', clock_timestamp());
            GRANT INSERT ON docket.\(next.table) TO docket_writer;
            REVOKE INSERT ON docket.\(old.table) FROM docket_writer;
            COMMIT
            """)
    }

    /// The table of a segment: `events_000001` and so on.
    static func tableName(_ id: Int32) -> String {
        let digits = String(id)
        return "events_" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    /// A hot segment is written and hardly read: it has a BRIN and nothing else. Vacuuming it for its new rows would be
    /// in vain, since sealing freezes them.
    private static func create(_ segment: HotSegment) -> String {
        """
        CREATE TABLE docket.\(segment.table)
            (LIKE docket.events INCLUDING COMMENTS INCLUDING STORAGE INCLUDING CONSTRAINTS)
            WITH (autovacuum_vacuum_insert_threshold = -1, toast.autovacuum_vacuum_insert_threshold = -1);
        ALTER TABLE docket.\(segment.table) ALTER COLUMN segment_id SET DEFAULT \(segment.id);
        CREATE INDEX \(segment.table)_occurred_at ON docket.\(segment.table)
            USING brin (occurred_at) WITH (autosummarize = on);
        ALTER TABLE docket.events ATTACH PARTITION docket.\(segment.table) FOR VALUES IN (\(segment.id));
        COMMENT ON TABLE docket.\(segment.table) IS 'A segment of docket.events.'
        """
    }
}
