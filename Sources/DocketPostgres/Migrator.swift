/// Brings a database's schema to what this version of Docket needs: each migration in order, once, in a transaction of
/// its own, under a lock that keeps a second migrator waiting.
///
/// It wants a role that may create roles, or one that is a member of `docket_maintainer` when the roles are there
/// already (``Roles``). Everything it makes belongs to `docket_maintainer`.
package struct Migrator: Sendable {
    /// What a run did.
    package struct Report: Sendable, Equatable {
        /// The roles that were made.
        package var createdRoles: [String] = []
        /// The migrations that were applied, such as `0002 events`.
        package var applied: [String] = []
        /// The schema's version now.
        package var version: Int32 = 0
    }

    /// The oldest server: `security_invoker` views came with PostgreSQL 15.
    package static let minServerVersion = 150_000
    /// Names the advisory lock; any number that nobody else uses.
    private static let lockKey: Int64 = 0x646F_636B_6574

    /// How often a migration is tried while somebody holds a lock that it needs.
    private static let lockAttempts = 120

    package let settings: ConnectionSettings
    package let migrations: [Migration]

    package init(settings: ConnectionSettings, migrations: [Migration] = Migration.all) {
        self.settings = settings
        self.migrations = migrations
    }

    /// Runs on a thread of its own, so that a task may wait for it.
    package func migrate() async throws(PostgresError) -> Report {
        let pool = try ConnectionPool(settings: self.settings.writable, size: 1, name: "migrate")
        defer { pool.close() }
        return try await pool.run(isRepeatable: false) { connection throws(PostgresError) in
            try self.migrate(connection)
        }
    }

    private func migrate(_ connection: PostgresConnection) throws(PostgresError) -> Report {
        try Self.checkServer(connection)
        var report = Report()
        report.createdRoles = try Roles.ensure(connection)
        // Held by the session, so that it spans the transactions; it ends with the connection at the latest.
        try connection.execute("SET lock_timeout = 0; SELECT pg_advisory_lock(\(Self.lockKey))")
        try Self.prepareSchema(connection)
        let known = try self.checkApplied(connection)
        for migration in self.migrations where migration.version > known {
            for name in migration.extensions { try Self.ensureExtension(name, connection) }
            try self.apply(migration, connection)
            report.applied.append(Self.label(migration.version, migration.name))
        }
        report.version = max(known, self.migrations.last?.version ?? 0)
        try connection.execute("SELECT pg_advisory_unlock(\(Self.lockKey))")
        return report
    }

    /// Refuses a server that is too old and a database whose encoding would lose text.
    static func checkServer(_ connection: PostgresConnection) throws(PostgresError) {
        guard connection.serverVersion >= self.minServerVersion else {
            throw PostgresError(
                code: .unfit,
                message: "PostgreSQL's version number is \(connection.serverVersion); Docket needs 15 "
                    + "(\(self.minServerVersion)) or later")
        }
        let row = try connection.query("SELECT current_database()::text, getdatabaseencoding()::text")
        let (database, encoding) = (try row.text(0, 0), try row.text(0, 1))
        guard encoding == "UTF8" else {
            throw PostgresError(
                code: .unfit,
                message: "the database \(database) has encoding \(encoding); Docket needs UTF8: make one with "
                    + "CREATE DATABASE docket TEMPLATE template0 ENCODING 'UTF8'")
        }
    }

    /// Makes the schema and the table of applied migrations unless they are there.
    private static func prepareSchema(_ connection: PostgresConnection) throws(PostgresError) {
        let found = try connection.query(
            "SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'docket'")
        if found.count == 0 {
            do {
                try connection.execute("CREATE SCHEMA docket AUTHORIZATION docket_maintainer")
            } catch {
                throw PostgresError(
                    code: .migration,
                    message: "the schema can't be made (\(error)); let the database's owner or a superuser run: "
                        + "CREATE SCHEMA docket AUTHORIZATION docket_maintainer",
                    sqlstate: error.sqlstate, cause: error)
            }
        } else if try found.text(0, 0) != Roles.maintainer {
            throw PostgresError(
                code: .migration,
                message: "the schema docket belongs to \(try found.text(0, 0)); it must belong to docket_maintainer: "
                    + "ALTER SCHEMA docket OWNER TO docket_maintainer")
        }
        try connection.execute(
            """
            BEGIN;
            SET LOCAL ROLE docket_maintainer;
            SET LOCAL client_min_messages = warning;
            CREATE TABLE IF NOT EXISTS docket.schema_migrations (
                version int4 PRIMARY KEY,
                name text COLLATE "C" NOT NULL,
                checksum text COLLATE "C" NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now()
            );
            COMMENT ON TABLE docket.schema_migrations IS 'The steps of the schema that have been applied.';
            COMMENT ON COLUMN docket.schema_migrations.version IS 'The number of the step.';
            COMMENT ON COLUMN docket.schema_migrations.name IS 'Its name.';
            COMMENT ON COLUMN docket.schema_migrations.checksum IS 'SHA-256 of its SQL.';
            COMMENT ON COLUMN docket.schema_migrations.applied_at IS 'When it was applied.';
            COMMIT
            """)
    }

    /// The version of the schema; refuses one that this program doesn't know, and one that was made by other SQL.
    private func checkApplied(_ connection: PostgresConnection) throws(PostgresError) -> Int32 {
        let rows = try connection.query("SELECT version, name, checksum FROM docket.schema_migrations ORDER BY version")
        for row in 0..<rows.count {
            let version = try rows.integer(row, 0, as: Int32.self)
            let label = Self.label(version, try rows.text(row, 1))
            guard row < self.migrations.count else {
                throw PostgresError(
                    code: .migration,
                    message: "the schema has migration \(label), but this version of docket knows only the first "
                        + "\(self.migrations.count); run the newer docket that applied it")
            }
            let known = self.migrations[row]
            guard known.version == version else {
                throw PostgresError(
                    code: .migration,
                    message: "the schema lacks migration \(Self.label(known.version, known.name)), but has \(label); "
                        + "restore the table docket.schema_migrations")
            }
            guard known.checksum == (try rows.text(row, 2)) else {
                throw PostgresError(
                    code: .migration,
                    message: "migration \(label) was changed after it had been applied: its checksum is "
                        + "\(known.checksum), the applied one's \(try rows.text(row, 2)); run the docket that applied "
                        + "it, and put changes into a new migration")
            }
        }
        return Int32(rows.count)
    }

    /// Whoever may create objects in the database may install a trusted extension; the maintainer need not.
    private static func ensureExtension(_ name: String, _ connection: PostgresConnection) throws(PostgresError) {
        let found = try connection.query("SELECT count(*) FROM pg_extension WHERE extname = $1", [.text(name)])
        guard try found.integer(0, 0, as: Int64.self) == 0 else { return }
        do {
            try connection.execute("CREATE EXTENSION \(name) SCHEMA docket")
        } catch {
            throw PostgresError(
                code: .migration,
                message: "the extension \(name) can't be installed (\(error)); it is part of PostgreSQL's contributed "
                    + "modules: let the database's owner run CREATE EXTENSION \(name) SCHEMA docket",
                sqlstate: error.sqlstate, cause: error)
        }
    }

    /// Waits for locks in short turns: whoever queues up behind a waiting ALTER TABLE, writers and readers alike, stands
    /// still for no longer than one of them.
    private func apply(_ migration: Migration, _ connection: PostgresConnection) throws(PostgresError) {
        for _ in 1..<Self.lockAttempts {
            do throws(PostgresError) {
                return try self.tryToApply(migration, connection)
            } catch  where (error.cause as? PostgresError)?.sqlstate == .lockNotAvailable {
                continue
            }
        }
        try self.tryToApply(migration, connection)
    }

    private func tryToApply(_ migration: Migration, _ connection: PostgresConnection) throws(PostgresError) {
        do {
            try connection.execute(
                """
                BEGIN;
                SET LOCAL lock_timeout = '1s';
                SET LOCAL ROLE docket_maintainer;
                SET LOCAL search_path = pg_catalog, pg_temp;
                SET LOCAL client_min_messages = warning;
                \(migration.sql)
                INSERT INTO docket.schema_migrations (version, name, checksum)
                VALUES (\(migration.version), '\(migration.name)', '\(migration.checksum)');
                COMMIT
                """)
        } catch {
            if connection.isAlive { try connection.execute("ROLLBACK") }
            throw PostgresError(
                code: .migration,
                message:
                    "migration \(Self.label(migration.version, migration.name)) failed, and nothing of it was kept: "
                    + error.description,
                sqlstate: error.sqlstate, cause: error)
        }
    }

    private static func label(_ version: Int32, _ name: String) -> String {
        let digits = String(version)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits + " " + name
    }
}
