/// The roles that Docket works with. They belong to the whole server, not to one database.
package enum Roles {
    /// Owns the tables, and changes the registry.
    package static let maintainer = "docket_maintainer"
    /// Stores batches, and reads the registry.
    package static let writer = "docket_writer"
    /// The collector's own reader: sees the tenants that the collector names.
    package static let reader = "docket_reader"
    /// A group without login for people with psql: a member sees the tenants that `docket.tenant_readers` gives it.
    package static let auditor = "docket_auditor"

    /// The statements that make each role. The settings bound what a collector that hangs can hold up; an operator may
    /// change them afterwards.
    private static let statements: [(role: String, sql: [String])] = [
        (maintainer, ["CREATE ROLE docket_maintainer LOGIN"]),
        (
            writer,
            [
                "CREATE ROLE docket_writer LOGIN",
                "ALTER ROLE docket_writer SET statement_timeout = '60s'",
                "ALTER ROLE docket_writer SET lock_timeout = '30s'",
                "ALTER ROLE docket_writer SET idle_in_transaction_session_timeout = '60s'",
            ]
        ),
        (
            reader,
            [
                "CREATE ROLE docket_reader LOGIN",
                "ALTER ROLE docket_reader SET default_transaction_read_only = on",
                "ALTER ROLE docket_reader SET idle_in_transaction_session_timeout = '60s'",
            ]
        ),
        (auditor, ["CREATE ROLE docket_auditor NOLOGIN"]),
    ]

    /// Makes the roles that are missing, and sees to it that the connected role may act as the maintainer.
    ///
    /// - Returns: The roles that were made.
    /// - Throws: `unfit` with the SQL to run when roles are missing and the connected role may not make any.
    static func ensure(_ connection: PostgresConnection) throws(PostgresError) -> [String] {
        let me = try connection.query(
            "SELECT current_user::text, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        let (name, isSuperuser, isCreator) = (try me.text(0, 0), try me.bool(0, 1), try me.bool(0, 2))
        let mayCreate = isSuperuser || isCreator
        let missing = try self.missing(connection)
        if !missing.isEmpty, !mayCreate {
            throw PostgresError(
                code: .unfit,
                message:
                    "the roles \(missing.map(\.role).joined(separator: ", ")) are missing, and \(name) may not create "
                    + "any; let a superuser run:\n"
                    + missing.flatMap(\.sql).map { "\($0);" }.joined(separator: "\n"))
        }
        for role in missing { try self.create(role.sql, connection) }
        try self.checkMembership(connection, name: name, mayCreate: mayCreate)
        return missing.map(\.role)
    }

    private static func missing(_ connection: PostgresConnection) throws(PostgresError) -> [(
        role: String, sql: [String]
    )] {
        let rows = try connection.query(
            "SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1)", [.textArray(self.statements.map(\.role))])
        var found: Set<String> = []
        for row in 0..<rows.count { found.insert(try rows.text(row, 0)) }
        return self.statements.filter { !found.contains($0.role) }
    }

    /// Roles belong to the whole server, so a migrator of another database may make the same ones at the same moment,
    /// and the lock, which belongs to one database, doesn't keep it out.
    private static func create(_ statements: [String], _ connection: PostgresConnection) throws(PostgresError) {
        do {
            try connection.execute(statements.joined(separator: ";"))
        } catch {
            switch error.sqlstate {
            case .duplicateObject, .uniqueViolation, .internalError: return
            default: throw error
            }
        }
    }

    private static func checkMembership(
        _ connection: PostgresConnection, name: String, mayCreate: Bool
    ) throws(PostgresError) {
        // From PostgreSQL 16 on, a member need not have the right to act as the role.
        let right = connection.serverVersion >= 160_000 ? "SET" : "MEMBER"
        let isMember = "SELECT pg_has_role(current_user, 'docket_maintainer', '\(right)')"
        if try connection.query(isMember).bool(0, 0) { return }
        // Whoever creates a role may give it to itself there, but doesn't have it yet.
        if mayCreate { try? connection.execute("GRANT docket_maintainer TO CURRENT_USER") }
        if try connection.query(isMember).bool(0, 0) { return }
        throw PostgresError(
            code: .unfit,
            message:
                "\(name) may not act as docket_maintainer, who owns Docket's tables; connect as docket_maintainer, "
                + "or let a superuser run: GRANT docket_maintainer TO \(name)")
    }
}
