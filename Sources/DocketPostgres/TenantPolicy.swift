/// What a tenant has for itself.
package struct TenantPolicy: Sendable, Equatable {
    /// The tenant's slug.
    package var tenant: String
    /// How long its events are kept; `nil`: as the store's policy says.
    package var retentionDays: Int32?
    /// Whether nothing of its log may be removed.
    package var hasLegalHold: Bool

    /// The tenant's key.
    ///
    /// - Throws: `refused` when there is no such tenant.
    static func tenantID(named slug: String, _ connection: PostgresConnection) throws(PostgresError) -> Int32 {
        let rows = try connection.query("SELECT tenant_id FROM docket.tenants WHERE slug = $1", [.text(slug)])
        guard rows.count == 1 else { throw self.unknown(slug) }
        return try rows.integer(0, 0)
    }

    /// All tenants in the order of their slugs, or the one named.
    ///
    /// - Throws: `refused` when there is no tenant of that name.
    static func read(_ slug: String?, _ connection: PostgresConnection) throws(PostgresError) -> [TenantPolicy] {
        let rows = try connection.query(
            """
            SELECT slug, retention_days, legal_hold FROM docket.tenants WHERE slug = $1::text OR $1::text IS NULL ORDER BY slug
            """, [slug.map { .text($0) } ?? .null])
        if let slug, rows.count == 0 { throw self.unknown(slug) }
        var policies: [TenantPolicy] = []
        for row in 0..<rows.count { policies.append(try self.policy(rows, row)) }
        return policies
    }

    private static func policy(_ rows: PostgresRows, _ row: Int) throws(PostgresError) -> TenantPolicy {
        TenantPolicy(
            tenant: try rows.text(row, 0), retentionDays: try rows.optionalInteger(row, 1),
            hasLegalHold: try rows.bool(row, 2))
    }

    static func unknown(_ slug: String) -> PostgresError {
        PostgresError(
            code: .refused,
            message:
                "there is no tenant '\(slug.prefix(64))'; docket tenant list shows all, and docket tenant add makes one"
        )
    }
}
