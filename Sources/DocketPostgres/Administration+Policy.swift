package import DocketModel

extension Administration {
    /// The store's policy.
    package func storePolicy() async throws(PostgresError) -> StorePolicy {
        try await self.pool.run { connection throws(PostgresError) in try StorePolicy.read(connection) }
    }

    /// Changes the store's policy, and gives it back as it is then. That is an event in the log of the tenant `default`.
    ///
    /// - Throws: `refused` for a value outside its bounds.
    package func changeStorePolicy(
        _ change: StorePolicy.Change, actor: Actor
    ) async throws(PostgresError) -> StorePolicy {
        try await self.recording { connection, log throws(PostgresError) in
            let policy = try StorePolicy.update(change, connection)
            let entry = SystemLog.Entry(
                tenantID: try TenantPolicy.tenantID(named: Self.defaultTenant, connection), type: .policyChanged,
                action: "set", resource: Resource(type: "policy", id: "store"), reason: "", actor: actor,
                attributes: change.attributes)
            try log.write(entry, connection)
            return policy
        }
    }

    /// The policies of all tenants, or of the one named. Throws `refused` when there is none of that name.
    package func tenantPolicies(_ slug: String? = nil) async throws(PostgresError) -> [TenantPolicy] {
        try await self.pool.run { connection throws(PostgresError) in try TenantPolicy.read(slug, connection) }
    }
}
