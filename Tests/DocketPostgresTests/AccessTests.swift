import DevCluster
import DocketCodec
import DocketModel
import DocketStore
import Testing

@testable import DocketPostgres

@Suite("Who may do what")
struct AccessTests {
    /// A database with two tenants, 1 (default) and `other`, each with a stored event and a quarantined one.
    private func twoTenants() async throws -> (database: TestDatabase, other: Int32) {
        let database = try await TestDatabase.migrated()
        let administration = try database.administration()
        let other = try await administration.ensureTenant("other")
        _ = try await administration.ensureEventTypes(["private.type"], tenant: other)
        let store = try await database.store()
        for tenant in [1, other] {
            let maker = BatchMaker(tenantID: tenant)
            let batch = try maker.batch(1, [maker.event(UInt64(tenant)), maker.event(9, type: "unknown")])
            #expect(await store.store(batch).committed != nil)
        }
        return (database, other)
    }

    private func refusal(_ sql: String, _ connection: PostgresConnection) -> String? {
        do throws(PostgresError) {
            _ = try connection.query(sql)
            return nil
        } catch {
            if !connection.isIdle { try? connection.execute("ROLLBACK") }
            return error.sqlstate?.text
        }
    }

    @Test(
        "the writer can't read, change or delete events, nor change what it has written",
        arguments: [
            "SELECT 1 FROM docket.events", "SELECT 1 FROM docket.events_000001", "SELECT 1 FROM docket.audit_log",
            "UPDATE docket.events SET scope = 'x'", "UPDATE docket.events_000001 SET scope = 'x'",
            "DELETE FROM docket.events", "DELETE FROM docket.events_000001", "TRUNCATE docket.events_000001",
            "UPDATE docket.batches SET verdict = ''", "DELETE FROM docket.batches", "TRUNCATE docket.batches",
            "SELECT 1 FROM docket.quarantine", "DELETE FROM docket.quarantine", "DROP TABLE docket.events_000001",
            "INSERT INTO docket.tenants (slug) VALUES ('mine')", "UPDATE docket.credentials SET scopes = 15",
            "INSERT INTO docket.event_types (name) VALUES ('mine')", "UPDATE docket.registry_version SET version = 0",
            "UPDATE docket.collector_nodes SET expires_at = now()", "DELETE FROM docket.segments",
            "ALTER TABLE docket.events_000001 ADD COLUMN x int4", "SET ROLE docket_maintainer",
        ])
    func writer(sql: String) async throws {
        let connection = try await TestDatabase.migrated().connect(Roles.writer)
        #expect(self.refusal(sql, connection) == "42501")
    }

    @Test(
        "the reader can't write anything, can't reach a segment, and can't see credentials",
        arguments: [
            "SELECT 1 FROM docket.events_000001", "SELECT 1 FROM docket.credentials", "SELECT 1 FROM docket.batches",
            "SELECT 1 FROM docket.tenant_readers", "SELECT 1 FROM docket.segment_tenants",
            "SELECT 1 FROM docket.credential_tenants", "SELECT docket.lease_node(gen_random_uuid(), '', 1)",
            "INSERT INTO docket.tenants (slug) VALUES ('mine')", "DELETE FROM docket.events", "SET ROLE docket_writer",
            "INSERT INTO docket.tenant_readers VALUES ('docket_auditor', 1)",
        ])
    func reader(sql: String) async throws {
        let connection = try await TestDatabase.migrated().connect(Roles.reader)
        try connection.execute("SET default_transaction_read_only = off")
        #expect(self.refusal(sql, connection) == "42501")
    }

    private static let readable = ["events", "audit_log", "quarantine", "tenants"]

    @Test("the collector's reader sees the tenants that are set, and without a setting none", arguments: Self.readable)
    func readerTenants(table: String) async throws {
        let (database, other) = try await self.twoTenants()
        let connection = try database.connect(Roles.reader)
        func count() throws -> Int64 { try connection.query("SELECT count(*) FROM docket.\(table)").integer(0, 0) }
        #expect(try count() == 0)
        for (setting, expected) in [("1", 1), ("\(other)", 1), ("1,\(other)", 2), ("", 0), ("999", 0)]
            as [(String, Int64)]
        {
            try connection.execute("SET docket.tenant_ids = '\(setting)'")
            #expect(try count() == expected, "docket.tenant_ids = '\(setting)'")
        }
    }

    @Test("another role sees the tenants that it is bound to, whatever it sets", arguments: Self.readable)
    func auditors(table: String) async throws {
        let (database, other) = try await self.twoTenants()
        let superuser = try database.connect()
        let role = "auditor_of_\(database.name)_\(table)"
        try superuser.execute("CREATE ROLE \(role) LOGIN IN ROLE docket_auditor")
        let connection = try database.connect(role)
        func count() throws -> Int64 { try connection.query("SELECT count(*) FROM docket.\(table)").integer(0, 0) }
        try connection.execute("SET docket.tenant_ids = '1,\(other)'")
        #expect(try count() == 0, "a role that is bound to no tenant")
        try database.connect(Roles.maintainer).execute("INSERT INTO docket.tenant_readers VALUES ('\(role)', \(other))")
        #expect(try count() == 1)
        #expect(self.refusal("SELECT 1 FROM docket.events_000001", connection) == "42501")
        #expect(self.refusal("SET SESSION AUTHORIZATION docket_reader", connection) == "42501")
    }

    @Test("a role without membership can't even look", arguments: Self.readable)
    func strangers(table: String) async throws {
        let database = try await TestDatabase.migrated()
        let role = "stranger_of_\(database.name)_\(table)"
        try database.connect().execute("CREATE ROLE \(role) LOGIN")
        #expect(self.refusal("SELECT 1 FROM docket.\(table)", try database.connect(role)) == "42501")
    }

    @Test("a tenant's own event types are seen by its readers, and global ones by all")
    func eventTypes() async throws {
        let (database, other) = try await self.twoTenants()
        let connection = try database.connect(Roles.reader)
        let count = "SELECT count(*) FROM docket.event_types WHERE name = 'private.type'"
        try connection.execute("SET docket.tenant_ids = '1'")
        #expect(try connection.query(count).integer(0, 0) == Int64(0))
        try connection.execute("SET docket.tenant_ids = '\(other)'")
        #expect(try connection.query(count).integer(0, 0) == Int64(1))
    }

    @Test("the tenants are looked up once a query, not once a row")
    func initPlan() async throws {
        let connection = try await TestDatabase.migrated().connect(Roles.reader)
        let rows = try connection.query("EXPLAIN (COSTS off) SELECT * FROM docket.events")
        let plan = try (0..<rows.count).map { try rows.text($0, 0) }.joined(separator: "\n")
        #expect(plan.contains("InitPlan"), "\(plan)")
        #expect(plan.contains("= ANY ($"), "\(plan)")
    }

    @Test("the view shows names and words instead of numbers")
    func view() async throws {
        let database = try await TestDatabase.migrated()
        let typeID = try #require(
            try await database.administration().ensureEventTypes(["test.event"], tenant: nil)["test.event"])
        let maker = BatchMaker(typeID: typeID)
        var event = maker.event(1)
        event.decision = .mask
        event.outcome = .error
        event.traceID = TraceID(high: 0x0102_0304_0506_0708, low: 0x090A_0B0C_0D0E_0F10)
        event.spanID = SpanID(0xFF)
        event.attributes = #"{"k":"v"}"#
        let batch = try maker.batch(1, [event, maker.event(2)])
        _ = await (try database.store()).store(batch)
        let connection = try database.connect(Roles.reader)
        try connection.execute("SET docket.tenant_ids = '1'")
        let rows = try connection.query(
            """
            SELECT tenant, type, decision, outcome, trace_id::text, span_id::text, attributes->>'k', received_at
            FROM docket.audit_log ORDER BY position
            """)
        let texts = try (0..<7).map { try rows.text(0, $0) }
        #expect(
            texts == [
                "default", "test.event", "mask", "error", #"\x0102030405060708090a0b0c0d0e0f10"#,
                #"\x00000000000000ff"#, "v",
            ])
        #expect(try rows.timestamp(0, 7) == batch.receivedAt)
        #expect(try (2..<7).map { try rows.optionalText(1, $0) } == [nil, nil, nil, nil, nil])
    }
}

@Suite("What a collector refuses to write to")
struct FitnessTests {
    private func refusal(_ database: TestDatabase, role: String = Roles.writer) async -> PostgresError? {
        do throws(PostgresError) {
            _ = try await PostgresStore.start(settings: database.settings(role), logger: .quiet)
            return nil
        } catch {
            return error
        }
    }

    @Test("a connection as superuser or as owner", arguments: [DevCluster.superuser, Roles.maintainer])
    func mightyRole(role: String) async throws {
        let error = try #require(await self.refusal(try .migrated(), role: role))
        #expect(error.code == .unfit)
        #expect(error.message.contains(role) && error.message.contains("connect as docket_writer"), "\(error)")
    }

    @Test("a role that may become the owner")
    func member() async throws {
        let database = try await TestDatabase.migrated()
        let role = "member_of_\(database.name)"
        try database.connect().execute("CREATE ROLE \(role) LOGIN NOINHERIT IN ROLE docket_writer, docket_maintainer")
        #expect(await self.refusal(database, role: role)?.message.contains("owns Docket's tables") == true)
    }

    @Test("a role that lacks a privilege is told the GRANTs")
    func privileges() async throws {
        let database = try await TestDatabase.migrated()
        try database.connect(Roles.maintainer).execute("REVOKE INSERT ON docket.quarantine FROM docket_writer")
        let error = await self.refusal(database)
        #expect(
            error?.message.contains("GRANT INSERT ON docket.quarantine TO docket_writer") == true, "\(error as Any)")
    }

    @Test("a database without the schema, or with an older one")
    func schema() async throws {
        _ = try await TestDatabase.migrated()
        #expect(await self.refusal(try .empty())?.message.contains("run docket migrate") == true)
        let older = try await TestDatabase.migrated()
        try older.connect().execute("DELETE FROM docket.schema_migrations WHERE version = \(Migration.all.count)")
        #expect(
            await self.refusal(older)?.message.contains("the schema's version is \(Migration.all.count - 1), but")
                == true)
    }

    @Test("a database whose encoding is not UTF8")
    func encoding() async throws {
        _ = try await TestDatabase.migrated()
        #expect(await self.refusal(try .empty(encoding: "SQL_ASCII"))?.message.contains("SQL_ASCII") == true)
    }

    @Test(
        "settings under which an acknowledgement would not be durable, or quoting not safe",
        arguments: [
            "synchronous_commit = off", "standard_conforming_strings = off", "default_transaction_read_only = on",
        ])
    func settings(setting: String) async throws {
        let database = try await TestDatabase.migrated()
        try database.connect().execute("ALTER ROLE docket_writer IN DATABASE \(database.name) SET \(setting)")
        let error = try #require(await self.refusal(database))
        #expect(error.message.contains(String(setting.prefix { $0 != " " })), "\(error)")
    }

    @Test("the reader refuses to read as another role")
    func reader() async throws {
        let reader = try PostgresReader(settings: try await TestDatabase.migrated().settings(Roles.writer))
        let error = await #expect(throws: StoreError.self) { try await reader.query(EventQuery(tenantIDs: [1])) }
        #expect(error?.message.contains("connect as docket_reader") == true)
    }
}
