package import DocketModel

/// Everything that the collector knows about tenants, credentials and event types at one moment: immutable, and so
/// shared by all event loops without a lock. A newer one replaces it as a whole.
package final class RegistrySnapshot: Sendable {
    /// Grows with each change of the registry.
    package let version: Int64
    private let tenantsBySlug: [String: RegistryContents.Tenant]
    private let tenantsByID: [Int32: RegistryContents.Tenant]
    private let principals: [CredentialIdentity: Principal]
    private let typesByTenant: [Int32: EventTypeTable]
    private let globalTypes: EventTypeTable
    private let observedTypes: Set<Int32>
    /// The keys of the types that only Docket uses, by their names.
    package let reservedTypes: [String: Int32]
    /// Whether any tenant has a quota.
    package let hasQuotas: Bool

    /// Builds the look-up tables. Credentials that name unknown tenants lose those tenants.
    package init(_ contents: RegistryContents) {
        self.version = contents.version
        let tenantsByID = Dictionary(contents.tenants.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        self.tenantsByID = tenantsByID
        self.tenantsBySlug = Dictionary(
            contents.tenants.map { ($0.slug, $0) }, uniquingKeysWith: { first, _ in first })
        self.principals = Dictionary(
            contents.credentials.map { credential in
                let known = credential.tenantIDs?.filter { tenantsByID[$0] != nil }
                let principal = Principal(
                    id: credential.id, coverage: known.map { .some(Set($0)) } ?? .all, scopes: credential.scopes,
                    expiresAt: credential.expiresAt)
                return (credential.identity, principal)
            }, uniquingKeysWith: { first, _ in first })

        self.reservedTypes = contents.reservedTypes
        self.hasQuotas = contents.tenants.contains { $0.quota != .unlimited }
        self.observedTypes = Set(contents.eventTypes.lazy.filter(\.isObserved).map(\.id))
        let global = contents.eventTypes.filter { $0.tenantID == nil }
        self.globalTypes = EventTypeTable(global.map { ($0.name, $0.id) })
        let own = Dictionary(grouping: contents.eventTypes.filter { $0.tenantID != nil }) { $0.tenantID ?? 0 }
        self.typesByTenant = own.mapValues { types in EventTypeTable(types.map { ($0.name, $0.id) }) }
    }

    /// A registry without any entry: what a collector holds until the first load.
    package static let empty = RegistrySnapshot(.empty)

    /// The principal that a token stands for; `nil` for one that is unknown, revoked or expired.
    package func authenticate(_ token: AccessToken, at now: Timestamp) -> Principal? {
        self.authenticate(token.identity, at: now)
    }

    /// The principal that a caller is who has proved this; `nil` when no credential is for it, or only one that is revoked or
    /// expired.
    package func authenticate(_ identity: CredentialIdentity, at now: Timestamp) -> Principal? {
        guard let principal = self.principals[identity], principal.isValid(at: now) else { return nil }
        principal.lastUse.note(now)
        return principal
    }

    /// Which credentials have been used since this was last asked, and when last.
    package func takeUses() -> [(credentialID: Int32, at: Timestamp)] {
        self.principals.values.compactMap { principal in principal.lastUse.take().map { (principal.id, $0) } }
    }

    /// The tenant that a request is for.
    ///
    /// - Parameter slug: the tenant that the request names; empty when it names none.
    /// - Throws: ``RegistryError`` when the principal lacks the scope, doesn't cover the tenant, or covers several and
    ///   the request names none. An unknown tenant and one that isn't covered look the same, so that nobody can probe.
    package func tenant(
        named slug: String, for principal: Principal, scope: CredentialScopes
    ) throws(RegistryError) -> RegistryContents.Tenant {
        try Self.check(principal, scope)
        let tenant = slug.isEmpty ? try self.onlyTenant(of: principal) : self.tenantsBySlug[slug]
        guard let tenant, principal.coverage.contains(tenant.id) else {
            throw RegistryError(
                code: .tenantNotCovered,
                message: "the credential does not cover the tenant '\(slug.prefix(64))'; use one that does")
        }
        try Self.check(tenant, scope)
        return tenant
    }

    /// All tenants that a credential covers and for which that may be done now; the suspended ones aren't among them.
    ///
    /// - Throws: ``RegistryError`` when the principal lacks the scope.
    package func tenants(
        of principal: Principal, scope: CredentialScopes
    ) throws(RegistryError) -> [RegistryContents.Tenant] {
        try Self.check(principal, scope)
        let covered =
            switch principal.coverage {
            case .all: Array(self.tenantsByID.values)
            case .some(let ids): ids.compactMap { self.tenantsByID[$0] }
            }
        return covered.filter { tenant in (try? Self.check(tenant, scope)) != nil }
    }

    private static func check(_ principal: Principal, _ scope: CredentialScopes) throws(RegistryError) {
        guard principal.scopes.isSuperset(of: scope) else {
            throw RegistryError(
                code: .scopeMissing, message: "the credential lacks the scope '\(scope.names)'; use one that has it")
        }
    }

    private func onlyTenant(of principal: Principal) throws(RegistryError) -> RegistryContents.Tenant? {
        let count: Int
        switch principal.coverage {
        case .all: count = self.tenantsByID.count
        case .some(let ids):
            if ids.count == 1, let only = ids.first { return self.tenantsByID[only] }
            count = ids.count
        }
        throw RegistryError(
            code: .tenantAmbiguous,
            message: "the credential covers \(count) tenants; name one in the field 'tenant'")
    }

    /// Whether that may be done to the tenant's log now.
    private static func check(
        _ tenant: RegistryContents.Tenant, _ scope: CredentialScopes
    ) throws(RegistryError) {
        switch tenant.state {
        case .active: return
        case .closing where scope.isDisjoint(with: [.publish, .import]): return
        case .closing:
            throw RegistryError(
                code: .tenantClosing,
                message: "the tenant '\(tenant.slug)' is being closed and takes no more events; its log can be read")
        case .suspended:
            throw RegistryError(
                code: .tenantSuspended,
                message: "the tenant '\(tenant.slug)' is suspended; ask the operator to resume it")
        }
    }

    /// The event types that a tenant may use.
    package func eventTypes(ofTenant id: Int32) -> TenantEventTypes {
        TenantEventTypes(own: self.typesByTenant[id], global: self.globalTypes)
    }

    /// Whether nobody has registered the type of that key.
    package func isObserved(_ typeID: Int32) -> Bool { self.observedTypes.contains(typeID) }

    /// How many tenants and credentials there are, for the log.
    package var summary: (tenants: Int, credentials: Int, eventTypes: Int) {
        let own = self.typesByTenant.values.reduce(0) { $0 + $1.count }
        return (self.tenantsByID.count, self.principals.count, self.globalTypes.count + own)
    }
}
