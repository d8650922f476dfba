package import DocketModel
package import DocketRegistry

// The operator's hand on tenants and credentials. Each act is an event in the log of every tenant that it is about, in the same
// transaction; what is about all tenants is one in the log of the tenant `default`.

extension Administration {
    /// The name of the tenant that every store begins with.
    package static let defaultTenant = "default"

    /// All tenants, or the one named. Throws `refused` when there is none of that name.
    package func tenants(_ slug: String? = nil) async throws(PostgresError) -> [TenantRecord] {
        try await self.pool.run { connection throws(PostgresError) in try TenantRecord.read(slug, connection) }
    }

    /// Makes tenants, all or none. A name has 1 to 63 of `a-z 0-9 . _ -` and begins with a letter or digit.
    ///
    /// - Throws: `refused` when there is one of such a name already.
    package func addTenants(
        _ slugs: [String], _ change: TenantRecord.Change = TenantRecord.Change(), actor: Actor
    ) async throws(PostgresError) {
        try await self.recording { connection, log throws(PostgresError) in
            for slug in slugs {
                let made = try connection.query(
                    "INSERT INTO docket.tenants (slug) VALUES ($1) ON CONFLICT (slug) DO NOTHING RETURNING tenant_id",
                    [.text(slug)])
                guard made.count == 1 else {
                    throw PostgresError(
                        code: .refused,
                        message: "there is a tenant '\(slug.prefix(64))' already; docket tenant set changes it")
                }
                let tenant = try TenantRecord.update(slug, change, connection)
                try log.write(.tenant(tenant, action: "create", change.attributes, actor), connection)
            }
        }
    }

    /// Changes a tenant, and gives it back as it is then.
    ///
    /// - Parameter action: what is done, for the log: `set`, `suspend`, `resume`, `close`.
    /// - Throws: `refused` for an unknown tenant, and for a value outside its bounds.
    package func changeTenant(
        _ slug: String, _ change: TenantRecord.Change, action: String, actor: Actor
    ) async throws(PostgresError) -> TenantRecord {
        try await self.recording { connection, log throws(PostgresError) in
            let tenant = try TenantRecord.update(slug, change, connection)
            try log.write(.tenant(tenant, action: action, change.attributes, actor), connection)
            return tenant
        }
    }

    /// All credentials, or those that cover a tenant. Throws `refused` for an unknown tenant.
    package func credentials(tenant: String? = nil) async throws(PostgresError) -> [CredentialRecord] {
        try await self.pool.run { connection throws(PostgresError) in
            if let tenant { _ = try TenantPolicy.tenantID(named: tenant, connection) }
            return try CredentialRecord.read(tenant: tenant, connection)
        }
    }

    /// One credential. Throws `refused` when there is none of that id.
    package func credential(_ id: Int32) async throws(PostgresError) -> CredentialRecord {
        try await self.pool.run { connection throws(PostgresError) in try CredentialRecord.read(id: id, connection)[0] }
    }

    /// A credential to be made.
    package struct NewCredential: Sendable, Equatable {
        /// What it is known by.
        package var identity: CredentialIdentity
        /// The slugs of the tenants that it covers; `nil` for all there are.
        package var tenants: [String]?
        package var scopes: CredentialScopes
        /// Whom it is given to.
        package var label: String
        /// From when on it is no longer good; `nil`: never by itself.
        package var expiresAt: Timestamp?

        package init(
            identity: CredentialIdentity, tenants: [String]?, scopes: CredentialScopes, label: String = "",
            expiresAt: Timestamp? = nil
        ) {
            self.identity = identity
            self.tenants = tenants
            self.scopes = scopes
            self.label = label
            self.expiresAt = expiresAt
        }
    }

    /// Makes a credential. Throws `refused` for an unknown tenant, and when there is one already that is known by the same name.
    package func addCredential(
        _ new: NewCredential, actor: Actor
    ) async throws(PostgresError) -> CredentialRecord {
        try await self.recording { connection, log throws(PostgresError) in
            let made = try Self.insert(new, replaces: nil, connection)
            try log.write(about: made, action: "create", actor, connection)
            return made
        }
    }

    /// Ends credentials now, all or none. Throws `refused` when there is none of such an id, or it has ended already.
    package func revokeCredentials(_ ids: [Int32], actor: Actor) async throws(PostgresError) {
        try await self.recording { connection, log throws(PostgresError) in
            for id in ids {
                try CredentialRecord.end(id, at: nil, connection)
                let revoked = try CredentialRecord.read(id: id, connection)[0]
                try log.write(about: revoked, action: "revoke", actor, connection)
            }
        }
    }

    /// Makes a credential for the same tenants and scopes in the place of another, which ends later: whoever holds it has until
    /// then to take the new one.
    ///
    /// - Parameters:
    ///   - tokenHash: SHA-256 of the new token: 32 bytes.
    ///   - end: when the old one is no longer good.
    ///   - expiresAt: when the new one is no longer good; `nil`: never by itself.
    package func rotateCredential(
        _ id: Int32, tokenHash: [UInt8], end: Timestamp, expiresAt: Timestamp?, actor: Actor
    ) async throws(PostgresError) -> (old: CredentialRecord, new: CredentialRecord) {
        try await self.recording { connection, log throws(PostgresError) in
            try CredentialRecord.end(id, at: end, connection)
            let old = try CredentialRecord.read(id: id, connection)[0]
            guard old.kind == .token else {
                throw PostgresError(
                    code: .refused,
                    message: "the credential \(id) is of the kind \(old.kind.rawValue): it has no token to rotate")
            }
            let new = NewCredential(
                identity: .token(hash: tokenHash), tenants: old.tenants, scopes: old.scopes, label: old.label,
                expiresAt: expiresAt)
            let made = try Self.insert(new, replaces: id, connection)
            try log.write(about: made, action: "rotate", actor, connection)
            return (old, made)
        }
    }

    private static func insert(
        _ new: NewCredential, replaces: Int32?, _ connection: PostgresConnection
    ) throws(PostgresError) -> CredentialRecord {
        var tenantIDs: [Int32] = []
        for slug in new.tenants ?? [] { tenantIDs.append(try TenantPolicy.tenantID(named: slug, connection)) }
        if let holder = try CredentialRecord.holder(of: new.identity, connection) {
            throw PostgresError(
                code: .refused,
                message:
                    "the credential \(holder) is for '\(new.identity.name?.prefix(128) ?? "")' already; revoke it first"
            )
        }
        let hash: [UInt8]? = if case .token(let hash) = new.identity { hash } else { nil }
        let id: Int32 = try connection.query(
            """
            INSERT INTO docket.credentials
                (token_hash, kind, issuer, subject, scopes, label, covers_all_tenants, expires_at, replaces)
            VALUES (coalesce($1::bytea, uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
                $2, $3::text, $4::text, $5, $6, $7, $8::timestamptz, $9::int4) RETURNING credential_id
            """,
            [
                hash.map { .bytes($0) } ?? .null, .text(new.identity.kind.rawValue),
                new.identity.issuer.map { .text($0) } ?? .null, new.identity.name.map { .text($0) } ?? .null,
                .int4(new.scopes.rawValue), .text(new.label), .bool(new.tenants == nil),
                new.expiresAt.map { .timestamp($0) } ?? .null, replaces.map { .int4($0) } ?? .null,
            ]
        ).integer(0, 0)
        _ = try connection.query(
            """
            INSERT INTO docket.credential_tenants (credential_id, tenant_id)
            SELECT DISTINCT $1, tenant_id FROM unnest($2) AS tenant_id
            """, [.int4(id), .int4Array(tenantIDs)])
        return try CredentialRecord.read(id: id, connection)[0]
    }

    /// Does something in a transaction together with the events that tell of it.
    func recording<Result: Sendable>(
        _ body: @escaping @Sendable (PostgresConnection, SystemLog) throws(PostgresError) -> Result
    ) async throws(PostgresError) -> Result {
        try await self.numberingBatches { ids throws(PostgresError) in
            let log = SystemLog(nextBatchID: { ids.next() })
            return try await self.pool.run(isRepeatable: false) { connection throws(PostgresError) in
                try connection.inTransaction { () throws(PostgresError) in try body(connection, log) }
            }
        }
    }
}

extension SystemLog.Entry {
    /// That something was done to a tenant.
    static func tenant(_ tenant: TenantRecord, action: String, _ attributes: String, _ actor: Actor) -> Self {
        Self(
            tenantID: tenant.id, type: .tenantChanged, action: action,
            resource: Resource(type: "tenant", id: tenant.slug), reason: "", actor: actor, attributes: attributes)
    }
}

extension SystemLog {
    /// Writes that something was done to a credential into the logs of the tenants that it covers.
    func write(
        about credential: CredentialRecord, action: String, _ actor: Actor, _ connection: PostgresConnection
    ) throws(PostgresError) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("kind")
        writer.string(credential.kind.rawValue)
        for (key, value) in [("issuer", credential.issuer), ("subject", credential.subject)] {
            guard let value else { continue }
            writer.key(key)
            writer.string(value)
        }
        writer.key("label")
        writer.string(credential.label)
        writer.key("scopes")
        writer.string(credential.scopes.names)
        if let expiresAt = credential.expiresAt {
            writer.key("expires_at")
            writer.string(expiresAt.rfc3339)
        }
        if let replaces = credential.replaces {
            writer.key("replaces")
            writer.integer(replaces)
        }
        writer.endObject()
        for slug in credential.tenants ?? [Administration.defaultTenant] {
            try self.write(
                Entry(
                    tenantID: try TenantPolicy.tenantID(named: slug, connection), type: .credentialChanged,
                    action: action, resource: Resource(type: "credential", id: "\(credential.id)"), reason: "",
                    actor: actor, attributes: writer.text), connection)
        }
    }
}
