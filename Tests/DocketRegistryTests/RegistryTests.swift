import DocketModel
import DocketRegistry
import Testing

@Suite("An access token")
struct AccessTokenTests {
    @Test("survives being written down and read again")
    func roundTrip() throws {
        var generator = SystemRandomNumberGenerator()
        let token = AccessToken(using: &generator)
        #expect(token.secret.hasPrefix("dkt_"))
        #expect(token.secret.utf8.count == 76)
        #expect(try AccessToken(token.secret) == token)
        #expect(try AccessToken(token.secret).hash == token.hash)
    }

    @Test("is refused when one digit is wrong, and the message doesn't repeat it")
    func checksum() throws {
        var generator = SystemRandomNumberGenerator()
        let secret = AccessToken(using: &generator).secret
        for index in stride(from: 4, to: 76, by: 9) {
            var digits = Array(secret.utf8)
            digits[index] = digits[index] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
            let mistyped = String(decoding: digits, as: UTF8.self)
            let error = try #require(throws: RegistryError.self) { try AccessToken(mistyped) }
            #expect(error.code == .malformedToken)
            #expect(!error.message.contains(mistyped))
        }
    }

    @Test(
        "is refused when it is cut, empty, of another prefix or not hexadecimal",
        arguments: [
            "", "dkt_", "abc_" + String(repeating: "0", count: 72), "dkt_" + String(repeating: "0", count: 71),
            "dkt_" + String(repeating: "g", count: 72), "dkt_" + String(repeating: "é", count: 36),
        ])
    func malformed(_ secret: String) {
        #expect(throws: RegistryError.self) { try AccessToken(secret) }
    }

    @Test("never shows itself in a log line")
    func description() {
        var generator = SystemRandomNumberGenerator()
        #expect("\(AccessToken(using: &generator))" == "dkt_…")
    }
}

@Suite("The event type table")
struct EventTypeTableTests {
    @Test("finds every name that it was given, and no other")
    func lookUp() {
        let names = (0..<1000).map { "type.number_\($0)" }
        let table = EventTypeTable(names.enumerated().map { ($0.element, Int32($0.offset)) })
        #expect(table.count == 1000)
        for (index, name) in names.enumerated() {
            #expect(table.id(ofTypeNamed: Array(name.utf8).span) == Int32(index))
        }
        for absent in ["", "type.number_1000", "type.number_", "TYPE.NUMBER_1"] {
            #expect(table.id(ofTypeNamed: Array(absent.utf8).span) == nil)
        }
    }

    @Test("lets the first of two equal names win")
    func duplicates() {
        let table = EventTypeTable([("a", 1), ("a", 2)])
        #expect(table.id(ofTypeNamed: Array("a".utf8).span) == 1)
        #expect(table.count == 1)
    }

    @Test("finds nothing while it is empty")
    func empty() {
        #expect(EventTypeTable([]).id(ofTypeNamed: Array("a".utf8).span) == nil)
    }

    @Test("of a tenant has its own first, and the global ones behind them", arguments: [true, false])
    func layers(_ hasOwn: Bool) {
        let own = hasOwn ? EventTypeTable([("a", 1), ("b", 2)]) : nil
        let types = TenantEventTypes(own: own, global: EventTypeTable([("b", 12), ("c", 13)]))
        let ids = ["a", "b", "c", "d"].map { types.id(ofTypeNamed: Array($0.utf8).span) }
        #expect(ids == (hasOwn ? [1, 2, 13, nil] : [nil, 12, 13, nil]))
    }
}

@Suite("A registry snapshot")
struct RegistrySnapshotTests {
    private let token: AccessToken
    private let snapshot: RegistrySnapshot

    init() {
        var generator = SystemRandomNumberGenerator()
        let token = AccessToken(using: &generator)
        self.token = token
        self.snapshot = RegistrySnapshot(
            RegistryContents(
                version: 7,
                tenants: [.init(id: 1, slug: "default"), .init(id: 2, slug: "acme"), .init(id: 3, slug: "other")],
                credentials: [
                    .init(id: 10, tokenHash: token.hash, tenantIDs: [1, 2, 99], scopes: [.publish])
                ],
                eventTypes: [
                    .init(id: 100, tenantID: nil, name: "authz.decision"),
                    .init(id: 101, tenantID: 2, name: "authz.decision"),
                    .init(id: 102, tenantID: 2, name: "acme.own"),
                ]))
    }

    @Test("knows a principal by its token, and nobody by another")
    func authentication() throws {
        let principal = try #require(self.snapshot.authenticate(self.token, at: .now))
        #expect(principal.id == 10 && principal.coverage == .some([1, 2]))
        var generator = SystemRandomNumberGenerator()
        #expect(self.snapshot.authenticate(AccessToken(using: &generator), at: .now) == nil)
    }

    @Test("takes the tenant that the request names, if the credential covers it")
    func namedTenant() throws {
        let principal = try #require(self.snapshot.authenticate(self.token, at: .now))
        #expect(try self.snapshot.tenant(named: "acme", for: principal, scope: .publish).id == 2)
    }

    @Test("asks for a name when the credential covers several tenants")
    func ambiguousTenant() throws {
        let principal = try #require(self.snapshot.authenticate(self.token, at: .now))
        let error = try #require(throws: RegistryError.self) {
            try self.snapshot.tenant(named: "", for: principal, scope: .publish)
        }
        #expect(error.code == .tenantAmbiguous)
    }

    @Test("answers alike for a tenant that isn't covered and one that doesn't exist")
    func probing() throws {
        let principal = try #require(self.snapshot.authenticate(self.token, at: .now))
        for slug in ["other", "nowhere"] {
            let error = try #require(throws: RegistryError.self) {
                try self.snapshot.tenant(named: slug, for: principal, scope: .publish)
            }
            #expect(error.code == .tenantNotCovered)
            #expect(error.message.replacing(slug, with: "X").contains("'X'"))
        }
    }

    @Test("refuses what the credential's scopes don't allow")
    func scopes() throws {
        let principal = try #require(self.snapshot.authenticate(self.token, at: .now))
        let error = try #require(throws: RegistryError.self) {
            try self.snapshot.tenant(named: "acme", for: principal, scope: .query)
        }
        #expect(error.code == .scopeMissing)
        #expect(error.message.contains("query"))
    }

    /// A registry with a tenant of each state, and credentials for all of them.
    private func tenantStates(expiresAt: Timestamp? = nil) -> RegistrySnapshot {
        RegistrySnapshot(
            RegistryContents(
                version: 1,
                tenants: [
                    .init(id: 1, slug: "active"), .init(id: 2, slug: "suspended", state: .suspended),
                    .init(id: 3, slug: "closing", state: .closing),
                ],
                credentials: [
                    .init(
                        id: 10, tokenHash: self.token.hash, tenantIDs: nil, scopes: [.publish, .query],
                        expiresAt: expiresAt)
                ],
                eventTypes: []))
    }

    @Test("a suspended tenant is neither written nor read, one that is being closed is read")
    func states() throws {
        let snapshot = self.tenantStates()
        let principal = try #require(snapshot.authenticate(self.token, at: .now))
        func refusal(_ slug: String, _ scope: CredentialScopes) -> RegistryError.Code? {
            do throws(RegistryError) {
                _ = try snapshot.tenant(named: slug, for: principal, scope: scope)
                return nil
            } catch {
                return error.code
            }
        }
        #expect(refusal("active", .publish) == nil && refusal("active", .query) == nil)
        #expect(refusal("suspended", .publish) == .tenantSuspended && refusal("suspended", .query) == .tenantSuspended)
        #expect(refusal("closing", .publish) == .tenantClosing && refusal("closing", .query) == nil)
    }

    @Test("a credential for all tenants covers each by name, those that come later as well, and none without a name")
    func allTenants() throws {
        let snapshot = self.tenantStates()
        let principal = try #require(snapshot.authenticate(self.token, at: .now))
        #expect(principal.coverage == .all)
        #expect(try snapshot.tenant(named: "active", for: principal, scope: .query).id == 1)
        for (slug, code) in [("", RegistryError.Code.tenantAmbiguous), ("nowhere", .tenantNotCovered)] {
            let error = try #require(throws: RegistryError.self) {
                try snapshot.tenant(named: slug, for: principal, scope: .query)
            }
            #expect(error.code == code)
        }
    }

    @Test("a credential is good until it expires, whether or not the registry has been read since")
    func expiry() {
        let end = Timestamp(microsecondsSinceEpoch: 1_000_000)
        let snapshot = self.tenantStates(expiresAt: end)
        #expect(snapshot.authenticate(self.token, at: Timestamp(microsecondsSinceEpoch: 999_999)) != nil)
        #expect(snapshot.authenticate(self.token, at: end) == nil)
    }

    @Test("says of each credential when it was last let in, once")
    func uses() {
        let snapshot = self.tenantStates()
        #expect(snapshot.takeUses().isEmpty)
        for second in [5, 7] as [Int64] {
            _ = snapshot.authenticate(self.token, at: Timestamp(microsecondsSinceEpoch: second * 1_000_000))
        }
        let uses = snapshot.takeUses()
        #expect(uses.map(\.credentialID) == [10] && uses.map(\.at.microsecondsSinceEpoch) == [7_000_000])
        #expect(snapshot.takeUses().isEmpty)
    }

    @Test("prefers a tenant's own event type to a global one of the same name")
    func eventTypes() {
        let name = Array("authz.decision".utf8)
        #expect(self.snapshot.eventTypes(ofTenant: 1).id(ofTypeNamed: name.span) == 100)
        #expect(self.snapshot.eventTypes(ofTenant: 2).id(ofTypeNamed: name.span) == 101)
        #expect(self.snapshot.eventTypes(ofTenant: 1).id(ofTypeNamed: Array("acme.own".utf8).span) == nil)
    }
}
