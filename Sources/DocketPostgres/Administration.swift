package import DocketRegistry

/// Changes the registry, over a connection of `docket_maintainer`.
package final class Administration: Sendable {
    let pool: ConnectionPool

    /// Starts a thread; connects when something is to be done.
    package init(settings: ConnectionSettings) throws(PostgresError) {
        self.pool = try ConnectionPool(settings: settings.writable(as: Roles.maintainer), size: 1, name: "admin")
    }

    /// The id of the tenant of that name, which is made unless it exists. The name has 1 to 63 of `a-z 0-9 . _ -` and
    /// begins with a letter or digit.
    package func ensureTenant(_ slug: String) async throws(PostgresError) -> Int32 {
        try await self.pool.run { connection throws(PostgresError) in
            // Nothing is written for one that exists: the registry's version would count it as a change.
            let find = "SELECT tenant_id FROM docket.tenants WHERE slug = $1"
            if let id = try Self.firstID(connection.query(find, [.text(slug)])) { return id }
            let insert =
                "INSERT INTO docket.tenants (slug) VALUES ($1) ON CONFLICT (slug) DO NOTHING RETURNING tenant_id"
            if let id = try Self.firstID(connection.query(insert, [.text(slug)])) { return id }
            return try connection.query(find, [.text(slug)]).integer(0, 0)
        }
    }

    /// Adds a credential, or gives the one with that token these tenants and scopes.
    ///
    /// - Parameters:
    ///   - tokenHash: SHA-256 of the token: 32 bytes.
    ///   - tenantIDs: The tenants that it covers.
    ///   - label: Whom it is given to.
    /// - Returns: The credential's id.
    package func addCredential(
        tokenHash: [UInt8], tenantIDs: [Int32], scopes: CredentialScopes, label: String = ""
    ) async throws(PostgresError) -> Int32 {
        try await self.pool.run { connection throws(PostgresError) in
            try connection.execute("BEGIN")
            let id: Int32 = try connection.query(
                """
                INSERT INTO docket.credentials (token_hash, scopes, label) VALUES ($1, $2, $3)
                ON CONFLICT (token_hash) DO UPDATE SET scopes = excluded.scopes, label = excluded.label
                RETURNING credential_id
                """, [.bytes(tokenHash), .int4(scopes.rawValue), .text(label)]
            ).integer(0, 0)
            _ = try connection.query(
                "DELETE FROM docket.credential_tenants WHERE credential_id = $1 AND tenant_id <> ALL ($2)",
                [.int4(id), .int4Array(tenantIDs)])
            _ = try connection.query(
                """
                INSERT INTO docket.credential_tenants (credential_id, tenant_id)
                SELECT $1, tenant_id FROM unnest($2) AS tenant_id ON CONFLICT DO NOTHING
                """, [.int4(id), .int4Array(tenantIDs)])
            try connection.execute("COMMIT")
            return id
        }
    }

    /// The ids of event types by name; those that don't exist are registered.
    ///
    /// - Parameter tenant: The tenant that they belong to; `nil` for types that every tenant may use.
    /// - Throws: `refused` for a name that is Docket's own: an emitter could pass its events off as Docket's.
    package func ensureEventTypes(_ names: [String], tenant: Int32?) async throws(PostgresError) -> [String: Int32] {
        try SystemLog.refuseReserved(names)
        let tenantID = tenant.map { PostgresValue.int4($0) } ?? .null
        return try await self.pool.run { connection throws(PostgresError) in
            _ = try Self.register(names, tenant: tenant, connection)
            let rows = try connection.query(
                """
                SELECT name, type_id FROM docket.event_types
                WHERE tenant_id IS NOT DISTINCT FROM $1 AND name = ANY ($2)
                """,
                [tenantID, .textArray(names)])
            var ids: [String: Int32] = [:]
            for row in 0..<rows.count { ids[try rows.text(row, 0)] = try rows.integer(row, 1) }
            return ids
        }
    }

    /// Registers event types, and gives the names of those that weren't registered before, in order.
    static func register(
        _ names: [String], tenant: Int32?, _ connection: PostgresConnection
    ) throws(PostgresError) -> [String] {
        let rows = try connection.query(
            """
            WITH made AS (
                INSERT INTO docket.event_types (tenant_id, name)
                SELECT $1::int4, wanted.name FROM unnest($2) AS wanted (name)
                EXCEPT SELECT tenant_id, name FROM docket.event_types WHERE NOT is_observed
                ON CONFLICT (tenant_id, name) DO UPDATE SET is_observed = false RETURNING name
            ) SELECT name FROM made ORDER BY name
            """, [tenant.map { .int4($0) } ?? .null, .textArray(names)])
        var made: [String] = []
        for row in 0..<rows.count { made.append(try rows.text(row, 0)) }
        return made
    }

    /// Closes the connection.
    package func close() { self.pool.close() }

    private static func firstID(_ rows: PostgresRows) throws(PostgresError) -> Int32? {
        rows.count == 0 ? nil : try rows.integer(0, 0)
    }
}
