/// Everything that the collector knows about tenants, credentials and event types at one moment: immutable, and so
/// shared by all event loops without a lock. A newer one replaces it as a whole.
package final class RegistrySnapshot: Sendable {
    /// Grows with each change of the registry.
    package let version: Int64
    private let tenantsBySlug: [String: RegistryContents.Tenant]
    private let tenantsByID: [Int32: RegistryContents.Tenant]
    private let principals: [[UInt8]: Principal]
    private let typesByTenant: [Int32: EventTypeTable]
    private let globalTypes: EventTypeTable

    /// Builds the look-up tables. Credentials that name unknown tenants lose those tenants.
    package init(_ contents: RegistryContents) {
        self.version = contents.version
        let tenantsByID = Dictionary(contents.tenants.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        self.tenantsByID = tenantsByID
        self.tenantsBySlug = Dictionary(
            contents.tenants.map { ($0.slug, $0) }, uniquingKeysWith: { first, _ in first })
        self.principals = Dictionary(
            contents.credentials.map { credential in
                let covered = credential.tenantIDs.compactMap { tenantsByID[$0] }
                return (credential.tokenHash, Principal(id: credential.id, tenants: covered, scopes: credential.scopes))
            }, uniquingKeysWith: { first, _ in first })

        let global = contents.eventTypes.filter { $0.tenantID == nil }
        self.globalTypes = EventTypeTable(global.map { ($0.name, $0.id) })
        // A tenant's own definition comes first and so hides a global one of the same name.
        let own = Dictionary(grouping: contents.eventTypes.filter { $0.tenantID != nil }) { $0.tenantID ?? 0 }
        self.typesByTenant = own.mapValues { types in
            EventTypeTable(types.map { ($0.name, $0.id) } + global.map { ($0.name, $0.id) })
        }
    }

    /// A registry without any entry: what a collector holds until the first load.
    package static let empty = RegistrySnapshot(
        RegistryContents(version: -1, tenants: [], credentials: [], eventTypes: []))

    /// The principal that a token stands for; `nil` for a malformed or unknown one.
    package func authenticate(_ token: AccessToken) -> Principal? {
        self.principals[token.hash]
    }

    /// The tenant that a request is for.
    ///
    /// - Parameter slug: the tenant that the request names; empty when it names none.
    /// - Throws: ``RegistryError`` when the principal lacks the scope, doesn't cover the tenant, or covers several and
    ///   the request names none. An unknown tenant and one that isn't covered look the same, so that nobody can probe.
    package func tenant(
        named slug: String, for principal: Principal, scope: CredentialScopes
    ) throws(RegistryError) -> RegistryContents.Tenant {
        guard principal.scopes.isSuperset(of: scope) else {
            throw RegistryError(
                code: .scopeMissing, message: "the credential lacks the scope '\(scope.names)'; use one that has it")
        }
        if slug.isEmpty {
            guard principal.tenants.count == 1, let only = principal.tenants.first else {
                throw RegistryError(
                    code: .tenantAmbiguous,
                    message: "the credential covers \(principal.tenants.count) tenants; name one in the field 'tenant'")
            }
            return only
        }
        guard let tenant = self.tenantsBySlug[slug], principal.tenants.contains(tenant) else {
            throw RegistryError(
                code: .tenantNotCovered,
                message: "the credential does not cover the tenant '\(slug.prefix(64))'; use one that does")
        }
        return tenant
    }

    /// The event types that a tenant may use.
    package func eventTypes(ofTenant id: Int32) -> EventTypeTable {
        self.typesByTenant[id] ?? self.globalTypes
    }

    /// How many tenants and credentials there are, for the log.
    package var summary: (tenants: Int, credentials: Int, eventTypes: Int) {
        let own = self.typesByTenant.values.reduce(0) { $0 + $1.count - self.globalTypes.count }
        return (self.tenantsByID.count, self.principals.count, self.globalTypes.count + own)
    }
}

/// Who is calling, and what they may do.
package struct Principal: Sendable, Equatable {
    /// The credential's key in the store.
    package let id: Int32
    /// The tenants that it covers.
    package let tenants: [RegistryContents.Tenant]
    /// What it may do.
    package let scopes: CredentialScopes
}

/// Why a caller may not do something.
package struct RegistryError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// The credential lacks a scope.
        case scopeMissing
        /// The credential covers several tenants (or none), and the request names none.
        case tenantAmbiguous
        /// The tenant is unknown, or the credential doesn't cover it.
        case tenantNotCovered
        /// A token isn't of the form that ``AccessToken`` documents.
        case malformedToken
    }

    package let code: Code
    /// Names the value and the remedy.
    package let message: String

    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { self.message }
}

extension CredentialScopes {
    /// The names of all scopes, in the order in which they are listed.
    private static let named: [(CredentialScopes, String)] = [
        (.publish, "publish"), (.query, "query"), (.export, "export"), (.admin, "admin"),
    ]

    /// The scope of that name; `nil` when there is none.
    package init?(named name: String) {
        guard let found = Self.named.first(where: { $0.1 == name }) else { return nil }
        self = found.0
    }

    /// The scopes' names, separated by commas.
    package var names: String {
        Self.named.filter { self.contains($0.0) }.map(\.1).joined(separator: ",")
    }
}
