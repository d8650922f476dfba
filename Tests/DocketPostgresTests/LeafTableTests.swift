import DocketModel
import DocketStore
import Testing

@testable import DocketPostgres

@Suite("The table of a new segment")
struct LeafTableTests {
    /// What a table says of its columns, apart from their order.
    private func columns(_ table: String, _ connection: PostgresConnection) throws -> [String] {
        let rows = try connection.query(
            """
            SELECT format('%s %s %s %s %s %s %s', attname, format_type(atttypid, atttypmod), attcollation::regcollation,
                attnotnull, attstorage, attcompression, col_description(attrelid, attnum))
            FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 ORDER BY attname
            """, [.text("docket." + table)])
        return try (0..<rows.count).map { try rows.text($0, 0) }
    }

    private func constraints(_ table: String, _ connection: PostgresConnection) throws -> [String] {
        let rows = try connection.query(
            """
            SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
            WHERE conrelid = $1::text::regclass ORDER BY conname
            """, [.text("docket." + table)])
        return try (0..<rows.count).map { try rows.text($0, 0) }
    }

    @Test("has the columns of the parent, with comments and storage, and what an operator has added there")
    func likeTheParent() async throws {
        let database = try await TestDatabase.migrated()
        let superuser = try database.connect()
        try superuser.execute(
            """
            ALTER TABLE docket.events ADD CONSTRAINT "no ""other"" one" CHECK (reason !~ 'secret; DROP TABLE x');
            ALTER TABLE ONLY docket.events ALTER COLUMN attributes SET STORAGE EXTERNAL;
            ALTER TABLE ONLY docket.events ALTER COLUMN reason SET COMPRESSION pglz;
            COMMENT ON COLUMN docket.events.scope IS 'It''s ours; "really"'
            """)
        try database.rotate(try database.leader())
        #expect(try self.columns("events_000002", superuser) == self.columns("events", superuser))
        #expect(try self.constraints("events_000002", superuser) == self.constraints("events", superuser))
        #expect(try self.constraints("events_000002", superuser).count == 1)
    }

    @Test(
        "has its segment's id among the columns that are found without walking the row, and is written and read as any")
    func order() async throws {
        let database = try await TestDatabase.migrated()
        let superuser = try database.connect()
        try database.rotate(try database.leader())
        let behind = try superuser.query(
            """
            SELECT count(*) FROM pg_attribute AS s JOIN pg_attribute AS a USING (attrelid)
            WHERE attrelid = 'docket.events_000002'::regclass AND s.attname = 'segment_id' AND a.attnum > 0
                AND a.attnum < s.attnum AND (a.attlen < 0 OR NOT a.attnotnull)
            """)
        #expect(try behind.integer(0, 0) == Int64(0))
        let store = try await database.store()
        let maker = BatchMaker()
        let events = (0..<50).map { maker.event(UInt64($0), scope: "s\($0)") }
        #expect(await store.store(try maker.batch(1, events)).committed != nil)
        let page = try await database.reader().query(EventQuery(tenantIDs: [1], order: .oldestFirst))
        let scopes = Dictionary(uniqueKeysWithValues: page.events.map { ($0.event.eventID, $0.event.scope) })
        #expect(scopes == Dictionary(uniqueKeysWithValues: events.map { ($0.eventID, $0.scope) }))
        let segment = try superuser.query("SELECT DISTINCT segment_id FROM docket.events")
        #expect(try segment.count == 1 && segment.integer(0, 0) == Int32(2))
    }
}
