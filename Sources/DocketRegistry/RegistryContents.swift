package import DocketModel

/// What the registry tables hold, as the store reads them.
package struct RegistryContents: Sendable, Equatable {
    /// A number that grows with each change of the registry.
    package var version: Int64
    package var tenants: [Tenant]
    package var credentials: [Credential]
    package var eventTypes: [EventType]
    /// The definitions that event types name, by their keys: JSON, as docs/event-types.md describes it.
    package var definitions: [Int32: String]
    /// The keys of the types that only Docket uses, by their names.
    package var reservedTypes: [String: Int32]

    package init(
        version: Int64, tenants: [Tenant], credentials: [Credential], eventTypes: [EventType],
        definitions: [Int32: String] = [:], reservedTypes: [String: Int32] = [:]
    ) {
        self.version = version
        self.tenants = tenants
        self.credentials = credentials
        self.eventTypes = eventTypes
        self.definitions = definitions
        self.reservedTypes = reservedTypes
    }

    /// A registry without any entry, older than any that a database has.
    package static let empty = RegistryContents(version: -1, tenants: [], credentials: [], eventTypes: [])

    /// An isolated log.
    package struct Tenant: Sendable, Equatable {
        /// The surrogate key in the store.
        package var id: Int32
        /// The name in credentials, requests and on the command line.
        package var slug: String
        /// What is done with its log now.
        package var state: TenantState
        /// How strict it is about its event types.
        package var eventTypeMode: EventTypeMode
        /// How far from the collector's clock its events may have happened.
        package var clock: ClockPolicy
        /// What it may send.
        package var quota: TenantQuota

        package init(
            id: Int32, slug: String, state: TenantState = .active, eventTypeMode: EventTypeMode = .enforce,
            clock: ClockPolicy = ClockPolicy(), quota: TenantQuota = .unlimited
        ) {
            self.id = id
            self.slug = slug
            self.state = state
            self.eventTypeMode = eventTypeMode
            self.clock = clock
            self.quota = quota
        }
    }

    /// What a client shows to be let in.
    package struct Credential: Sendable, Equatable {
        package var id: Int32
        /// What it is known by.
        package var identity: CredentialIdentity
        /// The tenants that it covers; `nil` for all there are.
        package var tenantIDs: [Int32]?
        /// What it may do.
        package var scopes: CredentialScopes
        /// From when on it is no longer good; `nil`: never by itself.
        package var expiresAt: Timestamp?

        package init(
            id: Int32, identity: CredentialIdentity, tenantIDs: [Int32]?, scopes: CredentialScopes,
            expiresAt: Timestamp? = nil
        ) {
            self.id = id
            self.identity = identity
            self.tenantIDs = tenantIDs
            self.scopes = scopes
            self.expiresAt = expiresAt
        }

        /// That of a token.
        package init(
            id: Int32, tokenHash: [UInt8], tenantIDs: [Int32]?, scopes: CredentialScopes, expiresAt: Timestamp? = nil
        ) {
            self.init(
                id: id, identity: .token(hash: tokenHash), tenantIDs: tenantIDs, scopes: scopes, expiresAt: expiresAt)
        }
    }

    /// A registered event type.
    package struct EventType: Sendable, Equatable {
        /// The surrogate key in the store.
        package var id: Int32
        /// The tenant that it belongs to; `nil` for a type that every tenant may use.
        package var tenantID: Int32?
        package var name: String
        /// The definition that its events are judged by; `nil` for none.
        package var definitionID: Int32?
        /// Whether nobody has registered it: it has been seen in a tenant that takes such types.
        package var isObserved: Bool

        package init(
            id: Int32, tenantID: Int32?, name: String, definitionID: Int32? = nil, isObserved: Bool = false
        ) {
            self.id = id
            self.tenantID = tenantID
            self.name = name
            self.definitionID = definitionID
            self.isObserved = isObserved
        }
    }
}

/// What is done with a tenant's log.
package enum TenantState: String, Sendable, CaseIterable {
    /// It is written and read.
    case active
    /// Nothing is written or read, until it is resumed.
    case suspended
    /// Nothing is written any more; what is there can be read and exported.
    case closing
}

/// How strict a tenant is about event types.
package enum EventTypeMode: String, Sendable, CaseIterable {
    /// Events of unknown types, and events that break their definition, are rejected.
    case enforce
    /// Such events are stored, marked and counted.
    case observe
    /// Definitions are not looked at, and any type is taken.
    case open
}

/// What a credential may do.
package struct CredentialScopes: OptionSet, Sendable, Hashable {
    package let rawValue: Int32

    package init(rawValue: Int32) { self.rawValue = rawValue }

    package static let publish = CredentialScopes(rawValue: 1)
    package static let query = CredentialScopes(rawValue: 2)
    package static let export = CredentialScopes(rawValue: 4)
    package static let admin = CredentialScopes(rawValue: 8)
    /// To publish events of any age, as imports of older logs have them.
    package static let `import` = CredentialScopes(rawValue: 16)
}
