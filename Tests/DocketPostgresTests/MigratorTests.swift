import DevCluster
import DocketCodec
import DocketModel
import Testing

@testable import DocketPostgres

@Suite("Migrating")
struct MigratorTests {
    private func migrator(_ database: TestDatabase, _ migrations: [Migration] = Migration.all) -> Migrator {
        Migrator(settings: database.settings(DevCluster.superuser), migrations: migrations)
    }

    /// What a migration of an empty database reports.
    private var labels: [String] { Migration.all.map { "\(10_000 + $0.version) \($0.name)".dropFirst().description } }

    @Test("applies each migration once: the second run finds nothing to do")
    func twice() async throws {
        let database = try TestDatabase.empty()
        let first = try await self.migrator(database).migrate()
        #expect(first.applied == self.labels)
        #expect(first.version == Migration.all.last?.version)
        let second = try await self.migrator(database).migrate()
        #expect(second.applied.isEmpty && second.createdRoles.isEmpty)
        #expect(second.version == Migration.all.last?.version)
        #expect(try database.number("SELECT count(*) FROM docket.schema_migrations") == Int64(Migration.all.count))
    }

    @Test("makes the roles on a server that has none, and everything belongs to the maintainer")
    func roles() async throws {
        let database = try TestDatabase.empty(on: "roles")
        let report = try await self.migrator(database).migrate()
        #expect(report.createdRoles == ["docket_maintainer", "docket_writer", "docket_reader", "docket_auditor"])
        #expect(
            try database.number(
                """
                SELECT count(*) FROM pg_class WHERE relnamespace = 'docket'::regnamespace
                AND relowner <> 'docket_maintainer'::regrole
                """) == 0)
        #expect(
            try database.number(
                """
                SELECT count(*) FROM pg_roles
                WHERE rolname LIKE 'docket%' AND (rolsuper OR rolbypassrls OR rolcreaterole)
                """
            ) == 0)
        // With roles and schema in place, the maintainer migrates by itself.
        let maintainer = Migrator(settings: database.settings(Roles.maintainer))
        #expect(try await maintainer.migrate().applied.isEmpty)
    }

    @Test("a role that may not create roles is told which are missing, with the SQL")
    func missingRoles() async throws {
        let database = try TestDatabase.empty(on: "noroles")
        try database.connect().execute("CREATE ROLE plain LOGIN")
        let error = await #expect(throws: PostgresError.self) {
            try await Migrator(settings: database.settings("plain")).migrate()
        }
        let message = try #require(error?.message)
        #expect(
            message.contains("docket_writer, docket_reader") && message.contains("CREATE ROLE docket_writer LOGIN;"))
        #expect(error?.code == .unfit)
    }

    @Test("a role that may not act as the maintainer is told the GRANT")
    func noMember() async throws {
        let database = try await TestDatabase.migrated()
        try database.connect().execute(
            "DO $$ BEGIN CREATE ROLE outsider LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
        let error = await #expect(throws: PostgresError.self) {
            try await Migrator(settings: database.settings("outsider")).migrate()
        }
        #expect(error?.message.contains("GRANT docket_maintainer TO outsider") == true)
    }

    @Test("many at once on one database: each migration is applied by one of them")
    func concurrently() async throws {
        let database = try TestDatabase.empty()
        let migrator = self.migrator(database)
        let applied = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<6 { group.addTask { try await migrator.migrate().applied } }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(applied.sorted() == self.labels)
    }

    @Test("a migration that was changed after it had been applied is refused by name")
    func tampered() async throws {
        let database = try await TestDatabase.migrated()
        var migrations = Migration.all
        migrations[1] = Migration(version: 2, name: "events", sql: migrations[1].sql + "-- changed\n")
        let error = await #expect(throws: PostgresError.self) {
            try await self.migrator(database, migrations).migrate()
        }
        #expect(error?.code == .migration)
        #expect(error?.message.contains("0002 events was changed after it had been applied") == true)
    }

    @Test("a schema newer than this program is refused")
    func newer() async throws {
        let database = try await TestDatabase.migrated()
        let error = await #expect(throws: PostgresError.self) {
            try await self.migrator(database, Array(Migration.all.dropLast())).migrate()
        }
        #expect(error?.message.contains("knows only the first \(Migration.all.count - 1)") == true)
    }

    @Test("a gap in the applied migrations is refused")
    func gap() async throws {
        let database = try await TestDatabase.migrated()
        try database.connect().execute("DELETE FROM docket.schema_migrations WHERE version = 2")
        let error = await #expect(throws: PostgresError.self) { try await self.migrator(database).migrate() }
        #expect(error?.message.contains("lacks migration 0002 events, but has 0003 access") == true)
    }

    @Test("a migration that fails leaves nothing of itself, and those before it stay")
    func failing() async throws {
        let database = try await TestDatabase.migrated()
        let broken = Migration(
            version: Int32(Migration.all.count) + 1, name: "broken",
            sql: "CREATE TABLE docket.half (n int4); SELECT 1 / 0;\n")
        let error = await #expect(throws: PostgresError.self) {
            try await self.migrator(database, Migration.all + [broken]).migrate()
        }
        #expect(error?.message.contains(" broken failed") == true)
        #expect(error?.sqlstate == SQLState("22012"))
        #expect(try database.number("SELECT count(*) FROM pg_class WHERE relname = 'half'") == 0)
        #expect(try await self.migrator(database).migrate().version == Migration.all.last?.version)
    }

    @Test("a database whose encoding is not UTF8 is refused with the remedy")
    func encoding() async throws {
        let database = try TestDatabase.empty(encoding: "SQL_ASCII")
        let error = await #expect(throws: PostgresError.self) { try await self.migrator(database).migrate() }
        #expect(error?.code == .unfit)
        #expect(error?.message.contains("SQL_ASCII") == true && error?.message.contains("ENCODING 'UTF8'") == true)
    }

    @Test("versions count from 1 without gaps, and each file has its own number")
    func numbers() {
        #expect(Migration.all.map(\.version) == Array(1...Int32(Migration.all.count)))
        #expect(Set(Migration.all.map(\.checksum)).count == Migration.all.count)
    }
}

@Suite("The schema")
struct SchemaTests {
    @Test("the events table has exactly the codec's columns, in its order, with its types, and then the segment")
    func columns() async throws {
        let database = try await TestDatabase.migrated()
        for table in ["events", "events_000001"] {
            let rows = try database.connect().query(
                """
                SELECT a.attname::text, a.atttypid::regtype::text, a.attnotnull, coalesce(c.collname::text, '')
                FROM pg_attribute AS a LEFT JOIN pg_collation AS c ON c.oid = a.attcollation
                WHERE attrelid = ('docket.' || $1)::regclass AND attnum > 0 ORDER BY attnum
                """, [.text(table)])
            #expect(rows.count == EventColumn.count + 1)
            let names = [
                "int8": "bigint", "int4": "integer", "int2": "smallint", "float8": "double precision",
                "timestamptz": "timestamp with time zone",
            ]
            for column in EventColumn.allCases {
                #expect(try rows.text(column.rawValue, 0) == column.sqlName)
                #expect(try rows.text(column.rawValue, 1) == names[column.sqlType] ?? column.sqlType)
                #expect(try rows.bool(column.rawValue, 2) == !column.isNullable, "\(column)")
                #expect(try rows.text(column.rawValue, 3) == (column.sqlType == "text" ? "C" : ""))
            }
            #expect(try rows.text(EventColumn.count, 0) == "segment_id")
        }
    }

    @Test("every table, view, column and function of the schema has a comment")
    func comments() async throws {
        let rows = try await TestDatabase.migrated().connect().query(
            """
            SELECT c.relname || '.' || a.attname FROM pg_class AS c
            JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relnamespace = 'docket'::regnamespace AND c.relkind IN ('r', 'p', 'v')
            AND col_description(c.oid, a.attnum) IS NULL
            UNION ALL SELECT relname::text FROM pg_class WHERE relnamespace = 'docket'::regnamespace
            AND relkind IN ('r', 'p', 'v') AND obj_description(oid, 'pg_class') IS NULL
            UNION ALL SELECT proname::text FROM pg_proc AS p WHERE pronamespace = 'docket'::regnamespace
            AND obj_description(oid, 'pg_proc') IS NULL
            AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
            """)
        #expect(try (0..<rows.count).map { try rows.text($0, 0) } == [])
    }

    @Test("the hot segment has the BRIN that further ones are made with, and no other index, check or trigger")
    func hotSegment() async throws {
        let database = try await TestDatabase.migrated()
        let maintainer = try database.connect(Roles.maintainer)
        try Rotation.rotate(from: HotSegment(id: 1, table: "events_000001"), maintainer)
        let rows = try database.connect().query(
            "SELECT replace(indexdef, '000002', '000001') FROM pg_indexes WHERE tablename LIKE 'events_00000_' ORDER BY 1"
        )
        #expect(rows.count == 2)
        let index = try rows.text(0, 0)
        #expect(index.contains("USING brin (occurred_at, ((tenant_id)::bigint) int8_bloom_ops"), "\(index)")
        #expect(try rows.text(1, 0) == index)
        #expect(
            try database.number("SELECT count(*) FROM pg_constraint WHERE conrelid = 'docket.events_000001'::regclass")
                == 0)
        #expect(
            try database.number("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'docket.events_000001'::regclass") == 0
        )
    }

    @Test(
        "received_at of a batch id is the same in SQL and in Swift, to the microsecond",
        arguments: [0, 1, 4_194_303, 4_194_304])
    func receivedAt(id: Int64) async throws {
        let ids = [id, id + 931_465_029_632_000_123, .max]
        let connection = try await TestDatabase.migrated().connect()
        for id in ids {
            let time = try connection.query("SELECT docket.received_at($1)", [.int8(id)]).timestamp(0, 0)
            #expect(time == BatchID.receivedAt(of: id))
        }
    }
}
