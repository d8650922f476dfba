/// Makes another segment hot.
enum Rotation {
    /// Makes and attaches the next leaf, makes it hot, and takes the old one from the writers, in one transaction. What is
    /// under way into the old one goes on; whoever comes later gets an error there, and finds the new one.
    ///
    /// CREATE TABLE and ATTACH take no lock on the parent that a reader could hold up, and hold none up (`PARTITION OF` does
    /// both).
    static func rotate(from old: HotSegment, _ connection: PostgresConnection) throws(PostgresError) {
        let next = HotSegment(id: old.id + 1, table: Self.tableName(old.id + 1))
        // What is read of the parent must still be so when the leaf is attached.
        try connection.execute("BEGIN; LOCK TABLE ONLY docket.events IN ACCESS SHARE MODE")
        try connection.execute(
            """
            \(try LeafTable(name: next.table).statements(connection).joined(separator: ";\n"));
            \(Self.attach(next));
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

    /// A hot segment is written more than it is read: it has one index, which costs hardly anything to write.
    private static func attach(_ segment: HotSegment) -> String {
        """
        ALTER TABLE docket.\(segment.table) ALTER COLUMN segment_id SET DEFAULT \(segment.id);
        \(HotIndex.create(on: segment.table));
        ALTER TABLE docket.events ATTACH PARTITION docket.\(segment.table) FOR VALUES IN (\(segment.id));
        COMMENT ON TABLE docket.\(segment.table) IS 'A segment of docket.events.'
        """
    }
}
