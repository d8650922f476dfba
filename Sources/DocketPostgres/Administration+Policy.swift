extension Administration {
    /// The store's policy.
    package func storePolicy() async throws(PostgresError) -> StorePolicy {
        try await self.pool.run { connection throws(PostgresError) in try StorePolicy.read(connection) }
    }

    /// Changes the store's policy, and gives it back as it is then. Throws `refused` for a value outside its bounds.
    package func changeStorePolicy(_ change: StorePolicy.Change) async throws(PostgresError) -> StorePolicy {
        try await self.pool.run { connection throws(PostgresError) in try StorePolicy.update(change, connection) }
    }

    /// The policies of all tenants, or of the one named. Throws `refused` when there is none of that name.
    package func tenantPolicies(_ slug: String? = nil) async throws(PostgresError) -> [TenantPolicy] {
        try await self.pool.run { connection throws(PostgresError) in try TenantPolicy.read(slug, connection) }
    }

    /// Changes a tenant's policy, and gives it back as it is then. Throws `refused` for an unknown tenant, and for a
    /// value outside its bounds.
    package func changeTenantPolicy(
        _ slug: String, _ change: TenantPolicy.Change
    ) async throws(PostgresError) -> TenantPolicy {
        try await self.pool.run { connection throws(PostgresError) in
            try TenantPolicy.update(slug, change, connection)
        }
    }
}
