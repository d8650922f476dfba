package import DocketModel
package import DocketRegistry

/// A credential as its operator sees it: everything but a token, which is nowhere.
package struct CredentialRecord: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        case active, expired, revoked
    }

    package var id: Int32
    /// What a caller proves.
    package var kind: CredentialKind
    /// The claim `iss` of a JWT; `nil` for other kinds.
    package var issuer: String?
    /// The SPIFFE ID, the subject of a certificate, or the claim `sub`; `nil` for a token.
    package var subject: String?
    /// Whom it was given to.
    package var label: String
    /// The slugs of the tenants that it covers, sorted; `nil` for all there are.
    package var tenants: [String]?
    package var scopes: CredentialScopes
    package var state: State
    package var createdAt: Timestamp
    /// From when on it is no longer good; `nil`: never by itself.
    package var expiresAt: Timestamp?
    package var revokedAt: Timestamp?
    /// When it was last used, about a minute late; `nil`: not yet.
    package var lastUsedAt: Timestamp?
    /// The credential that it was made for in a rotation.
    package var replaces: Int32?

    /// All credentials in the order of their making, those of a tenant, or the one of that id.
    ///
    /// - Throws: `refused` when there is none of that id.
    static func read(
        id: Int32? = nil, tenant: String? = nil, _ connection: PostgresConnection
    ) throws(PostgresError) -> [CredentialRecord] {
        let rows = try connection.query(
            """
            SELECT c.credential_id, c.label, c.covers_all_tenants, c.scopes, c.created_at, c.expires_at, c.revoked_at,
                u.last_used_at, c.replaces, c.expires_at <= now(), array_to_string(ARRAY(
                    SELECT t.slug FROM docket.credential_tenants AS ct JOIN docket.tenants AS t USING (tenant_id)
                    WHERE ct.credential_id = c.credential_id ORDER BY t.slug), ','), c.kind, c.issuer, c.subject
            FROM docket.credentials AS c LEFT JOIN docket.credential_uses AS u USING (credential_id)
            WHERE ($1::int4 IS NULL OR c.credential_id = $1) AND ($2::text IS NULL OR c.covers_all_tenants OR EXISTS (
                SELECT FROM docket.credential_tenants AS ct JOIN docket.tenants AS t USING (tenant_id)
                WHERE ct.credential_id = c.credential_id AND t.slug = $2))
            ORDER BY c.credential_id
            """, [id.map { .int4($0) } ?? .null, tenant.map { .text($0) } ?? .null])
        if let id, rows.count == 0 { throw self.unknown(id) }
        var records: [CredentialRecord] = []
        for row in 0..<rows.count { records.append(try self.record(rows, row)) }
        return records
    }

    /// The credential in force that is known by that; `nil` when there is none. One that has expired counts.
    static func holder(
        of identity: CredentialIdentity, _ connection: PostgresConnection
    ) throws(PostgresError) -> Int32? {
        guard let name = identity.name else { return nil }
        let rows = try connection.query(
            """
            SELECT credential_id FROM docket.credentials
            WHERE kind = $1 AND issuer IS NOT DISTINCT FROM $2::text AND subject = $3 AND revoked_at IS NULL
            """, [.text(identity.kind.rawValue), identity.issuer.map { .text($0) } ?? .null, .text(name)])
        return rows.count == 0 ? nil : try rows.integer(0, 0)
    }

    /// Ends a credential in the caller's open transaction: at that time, or now.
    ///
    /// - Throws: `refused` when there is none of that id, or it has ended already.
    static func end(
        _ id: Int32, at time: Timestamp?, _ connection: PostgresConnection
    ) throws(PostgresError) {
        let rows = try connection.query(
            """
            UPDATE docket.credentials SET
                revoked_at = CASE WHEN $2::timestamptz IS NULL THEN now() END,
                expires_at = CASE WHEN $2::timestamptz IS NULL THEN expires_at ELSE least($2, expires_at) END
            WHERE credential_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
            RETURNING credential_id
            """, [.int4(id), time.map { .timestamp($0) } ?? .null])
        guard rows.count == 0 else { return }
        let state = try self.read(id: id, connection)[0].state
        throw PostgresError(
            code: .refused,
            message: "the credential \(id) is \(state.rawValue) already; docket token list --all shows all")
    }

    private static func record(_ rows: PostgresRows, _ row: Int) throws(PostgresError) -> CredentialRecord {
        let revokedAt = try rows.optionalTimestamp(row, 6)
        let isExpired = rows.isNull(row, 9) ? false : try rows.bool(row, 9)
        let slugs = try rows.text(row, 10).split(separator: ",").map(String.init)
        return CredentialRecord(
            id: try rows.integer(row, 0), kind: try rows.named(row, 11),
            issuer: try rows.optionalText(row, 12),
            subject: try rows.optionalText(row, 13), label: try rows.text(row, 1),
            tenants: try rows.bool(row, 2) ? nil : slugs,
            scopes: CredentialScopes(rawValue: try rows.integer(row, 3)),
            state: revokedAt != nil ? .revoked : isExpired ? .expired : .active,
            createdAt: try rows.timestamp(row, 4), expiresAt: try rows.optionalTimestamp(row, 5), revokedAt: revokedAt,
            lastUsedAt: try rows.optionalTimestamp(row, 7), replaces: try rows.optionalInteger(row, 8))
    }

    private static func unknown(_ id: Int32) -> PostgresError {
        PostgresError(code: .refused, message: "there is no credential \(id); docket token list shows all")
    }
}
