/// What a connection must be like before a collector writes through it. A writer that owns the tables or is a superuser
/// could change the log that it writes, and no REVOKE would bind it.
struct WriterFitness {
    let segment: HotSegment

    /// The checks of every new connection; the server behind it may be another one after a failover.
    init(checking connection: PostgresConnection) throws(PostgresError) {
        try Migrator.checkServer(connection)
        try Self.checkSession(connection)
        try Self.checkSchema(connection)
        try Self.checkRole(connection)
        let rows = try connection.query("SELECT segment_id, table_name::text FROM docket.segments WHERE state = 'hot'")
        guard rows.count == 1 else {
            throw PostgresError(
                code: .unfit,
                message: "docket.segments names \(rows.count) hot segments; there must be one: run docket migrate")
        }
        self.segment = HotSegment(id: try rows.integer(0, 0), table: try rows.text(0, 1))
        try Self.checkPrivilege(connection, table: self.segment.table, privilege: "INSERT")
    }

    private static func checkSession(_ connection: PostgresConnection) throws(PostgresError) {
        guard connection.reportedParameter("standard_conforming_strings") == "on" else {
            throw PostgresError(
                code: .unfit, message: "standard_conforming_strings is off; ALTER ROLE docket_writer SET it on again")
        }
        let row = try connection.query(
            """
            SELECT current_setting('synchronous_commit'), pg_is_in_recovery(), current_setting('transaction_read_only')
            """
        )
        guard try row.text(0, 0) != "off" else {
            throw PostgresError(
                code: .unfit,
                message: "synchronous_commit is off, so that a commit would not be durable; "
                    + "ALTER ROLE docket_writer SET synchronous_commit = on")
        }
        let (isStandby, isReadOnly) = (try row.bool(0, 1), try row.text(0, 2) == "on")
        guard !isStandby, !isReadOnly else {
            throw PostgresError(
                code: .connectFailed,
                message: "the server is read-only (\(isStandby ? "a standby" : "default_transaction_read_only is on"))")
        }
    }

    /// An older collector keeps working with a newer schema; a newer one wants its own.
    private static func checkSchema(_ connection: PostgresConnection) throws(PostgresError) {
        let needed = Migration.all.last?.version ?? 0
        let table = try connection.query(
            """
            SELECT has_schema_privilege(n.oid, 'USAGE')
            FROM pg_namespace AS n JOIN pg_class AS c ON c.relnamespace = n.oid
            WHERE n.nspname = 'docket' AND c.relname = 'schema_migrations'
            """)
        guard table.count == 1 else {
            throw PostgresError(code: .unfit, message: "the database has no schema docket yet; run docket migrate")
        }
        // Without it, the version can't be read; checkRole will say what is missing.
        guard try table.bool(0, 0) else { return }
        let row = try connection.query("SELECT coalesce(max(version), 0)::int4 FROM docket.schema_migrations")
        let version: Int32 = try row.integer(0, 0)
        guard version >= needed else {
            throw PostgresError(
                code: .unfit,
                message:
                    "the schema's version is \(version), but this version of docket needs \(needed); run docket migrate"
            )
        }
    }

    private static func checkRole(_ connection: PostgresConnection) throws(PostgresError) {
        let row = try connection.query(
            """
            SELECT r.rolname::text, r.rolsuper OR r.rolbypassrls,
                pg_has_role(current_user, 'docket_maintainer', 'MEMBER'),
                EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = 'docket'::regnamespace
                    AND pg_has_role(current_user, c.relowner, 'MEMBER'))
            FROM pg_roles AS r WHERE r.rolname = current_user
            """)
        let (name, isMighty, isMaintainer, isOwner) =
            (try row.text(0, 0), try row.bool(0, 1), try row.bool(0, 2), try row.bool(0, 3))
        guard !isMighty, !isMaintainer, !isOwner else {
            let what = isMighty ? "is a superuser or has BYPASSRLS" : "owns Docket's tables"
            throw PostgresError(
                code: .unfit,
                message:
                    "the collector is to write as \(name), who \(what), so that nothing would keep it from changing "
                    + "the log; connect as docket_writer, or as a role that has its rights and no others: "
                    + "CREATE ROLE collector LOGIN; GRANT docket_writer TO collector")
        }
        try self.checkPrivilege(connection, table: "batches", privilege: "INSERT")
        try self.checkPrivilege(connection, table: "batches", privilege: "SELECT")
        try self.checkPrivilege(connection, table: "quarantine", privilege: "INSERT")
        try self.checkPrivilege(connection, table: "segments", privilege: "SELECT")
    }

    private static func checkPrivilege(
        _ connection: PostgresConnection, table: String, privilege: String
    ) throws(PostgresError) {
        let row = try connection.query(
            """
            SELECT current_user::text, coalesce(bool_or(has_schema_privilege(relnamespace, 'USAGE')
                AND has_table_privilege(oid, $2)), false)
            FROM pg_class WHERE relnamespace = 'docket'::regnamespace AND relname = $1
            """, [.text(table), .text(privilege)])
        guard try row.bool(0, 1) else {
            let name = try row.text(0, 0)
            throw PostgresError(
                code: .unfit,
                message: "\(name) lacks a privilege; connect as docket_writer, or let the maintainer run: "
                    + "GRANT USAGE ON SCHEMA docket TO \(name); GRANT \(privilege) ON docket.\(table) TO \(name)")
        }
    }
}
