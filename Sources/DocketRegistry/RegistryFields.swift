import DocketModel

// What a registry file holds of each value, in the order in which it is written and read. A field that is added here, or moved,
// makes another format: RegistryFile.formatVersion rises with it. RegistryFileTests fails when a property is missing.

extension RegistryFile.Origin {
    mutating func code(_ coder: inout RegistryCoder) {
        coder.text(&self.place)
        coder.text(&self.databaseID)
    }
}

extension RegistryContents {
    mutating func code(_ coder: inout RegistryCoder) {
        coder.number(&self.version)
        coder.list(&self.tenants, blank: Tenant(id: 0, slug: "")) { $1.code(&$0) }
        let credential = Credential(id: 0, tokenHash: [], tenantIDs: nil, scopes: [])
        coder.list(&self.credentials, blank: credential) { $1.code(&$0) }
        coder.list(&self.eventTypes, blank: EventType(id: 0, tenantID: nil, name: "")) { $1.code(&$0) }
        var definitions = self.definitions.sorted { $0.key < $1.key }.map { Pair(key: $0.key, name: $0.value) }
        coder.list(&definitions, blank: Pair()) { $1.code(&$0) }
        self.definitions = Dictionary(definitions.map { ($0.key, $0.name) }, uniquingKeysWith: { first, _ in first })
        var reserved = self.reservedTypes.sorted { $0.value < $1.value }.map { Pair(key: $0.value, name: $0.key) }
        coder.list(&reserved, blank: Pair()) { $1.code(&$0) }
        self.reservedTypes = Dictionary(reserved.map { ($0.name, $0.key) }, uniquingKeysWith: { first, _ in first })
    }

    private struct Pair {
        var key: Int32 = 0
        var name = ""

        mutating func code(_ coder: inout RegistryCoder) {
            coder.number(&self.key)
            coder.text(&self.name)
        }
    }
}

extension RegistryContents.Tenant {
    fileprivate mutating func code(_ coder: inout RegistryCoder) {
        coder.number(&self.id)
        coder.text(&self.slug)
        coder.choice(&self.state)
        coder.choice(&self.eventTypeMode)
        self.clock.code(&coder)
        self.quota.code(&coder)
    }
}

extension RegistryContents.Credential {
    fileprivate mutating func code(_ coder: inout RegistryCoder) {
        coder.number(&self.id)
        self.identity.code(&coder)
        coder.optional(&self.tenantIDs, blank: []) { coder, ids in
            coder.list(&ids, blank: 0) { $0.number(&$1) }
        }
        self.scopes.code(&coder)
        coder.optional(&self.expiresAt, blank: .earliest) { $0.time(&$1) }
    }
}

extension CredentialIdentity {
    /// SHA-256's.
    private static let tokenHashBytes = 32

    fileprivate mutating func code(_ coder: inout RegistryCoder) {
        var kind = self.kind
        coder.choice(&kind)
        switch kind {
        case .token:
            var hash: [UInt8] = if case .token(let hash) = self { hash } else { [] }
            coder.bytes(&hash, count: Self.tokenHashBytes)
            self = .token(hash: hash)
        case .spiffe: self = .spiffe(Self.text(self.name, &coder))
        case .subject: self = .subject(Self.text(self.name, &coder))
        case .jwt:
            let issuer = Self.text(self.issuer, &coder)
            self = .jwt(issuer: issuer, subject: Self.text(self.name, &coder))
        }
    }

    private static func text(_ value: String?, _ coder: inout RegistryCoder) -> String {
        var text = value ?? ""
        coder.text(&text)
        return text
    }
}

extension RegistryContents.EventType {
    fileprivate mutating func code(_ coder: inout RegistryCoder) {
        coder.number(&self.id)
        coder.optional(&self.tenantID, blank: 0) { $0.number(&$1) }
        coder.text(&self.name)
        coder.optional(&self.definitionID, blank: 0) { $0.number(&$1) }
        coder.flag(&self.isObserved)
    }
}

extension CredentialScopes {
    fileprivate mutating func code(_ coder: inout RegistryCoder) {
        var bits = self.rawValue
        coder.number(&bits)
        self = CredentialScopes(rawValue: bits)
    }
}

extension ClockPolicy {
    fileprivate mutating func code(_ coder: inout RegistryCoder) {
        coder.choice(&self.mode)
        coder.optional(&self.maxAheadSeconds, blank: 0) { $0.number(&$1, in: Self.seconds) }
        coder.optional(&self.maxBehindSeconds, blank: 0) { $0.number(&$1, in: Self.seconds) }
    }
}

extension TenantQuota {
    fileprivate mutating func code(_ coder: inout RegistryCoder) {
        func limit(_ value: inout Int64?, _ limit: Limit) {
            coder.optional(&value, blank: 0) { $0.number(&$1, in: limit.bounds) }
        }
        limit(&self.eventsPerSecond, .eventsPerSecond)
        limit(&self.bytesPerSecond, .bytesPerSecond)
        coder.number(&self.burstSeconds, in: Self.burstSecondsBounds)
        limit(&self.bytesPerDay, .bytesPerDay)
        limit(&self.batchesInFlight, .batchesInFlight)
    }
}
