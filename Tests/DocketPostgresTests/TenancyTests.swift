import DocketModel
import DocketRegistry
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

@Suite("Tenants and credentials")
struct TenancyTests {
    private static let actor = Actor(kind: "user", id: "olga")
    private static let scopes: CredentialScopes = [.publish, .query]

    private func hash(_ byte: UInt8) -> [UInt8] { Array(repeating: byte, count: 32) }

    private func new(_ byte: UInt8, tenants: [String]? = ["acme"], expiresAt: Timestamp? = nil)
        -> Administration.NewCredential
    {
        .init(
            identity: .token(hash: self.hash(byte)), tenants: tenants, scopes: Self.scopes, label: "checkout",
            expiresAt: expiresAt)
    }

    /// A database with the tenant acme.
    private func acme() async throws -> (TestDatabase, Administration) {
        let database = try await TestDatabase.migrated()
        let administration = try database.administration()
        try await administration.addTenants(["acme"], .init(displayName: "Acme Ltd"), actor: Self.actor)
        return (database, administration)
    }

    /// What Docket has written into a tenant's log: action and resource of each event, oldest first.
    private func log(_ database: TestDatabase, _ tenantID: Int32) async throws -> [String] {
        let page = try await database.reader().query(
            EventQuery(tenantIDs: [tenantID], order: .oldestFirst, limit: 100))
        return page.events.map { stored in
            #expect(stored.event.actor == Self.actor && stored.event.outcome == .success)
            return "\(stored.event.type) \(stored.event.action ?? "") \(stored.event.resource?.id ?? "")"
        }
    }

    private func loaded(_ database: TestDatabase) async throws -> RegistryContents {
        try await PostgresRegistry(settings: database.settings(Roles.writer)).loadRegistry()
    }

    @Test("a tenant is made, changed, suspended, resumed and closed, and its log says so")
    func tenantLife() async throws {
        let (database, administration) = try await self.acme()
        let made = try #require(try await administration.tenants("acme").first)
        #expect(made.displayName == "Acme Ltd" && made.state == .active && made.credentialCount == 0)
        let changed = try await administration.changeTenant(
            "acme", .init(retention: .days(90), hasLegalHold: true), action: "set", actor: Self.actor)
        #expect(changed.retentionDays == 90 && changed.hasLegalHold && changed.displayName == "Acme Ltd")
        for (state, action) in [(TenantState.suspended, "suspend"), (.active, "resume"), (.closing, "close")] {
            _ = try await administration.changeTenant("acme", .init(state: state), action: action, actor: Self.actor)
            #expect(try await self.loaded(database).tenants.map(\.state) == [.active, state])
        }
        #expect(
            try await self.log(database, made.id)
                == ["create", "set", "suspend", "resume", "close"].map { "docket.tenant.changed \($0) acme" })
        #expect(try await administration.tenants().map(\.slug) == ["acme", "default"])
    }

    @Test("a tenant that is there, or isn't, or whose name is too long, is refused, and nothing is written")
    func tenantFaults() async throws {
        let (database, administration) = try await self.acme()
        let before = try await self.log(database, try #require(try await administration.tenants("acme").first).id)
        for fault in [
            { try await administration.addTenants(["new", "acme"], actor: Self.actor) },
            { _ = try await administration.changeTenant("nowhere", .init(), action: "set", actor: Self.actor) },
            {
                let name = String(repeating: "é", count: 128)
                _ = try await administration.changeTenant(
                    "acme", .init(displayName: name), action: "set", actor: Self.actor)
            },
            { _ = try await administration.tenants("nowhere") },
        ] as [() async throws -> Void] {
            let error = await #expect(throws: PostgresError.self) { try await fault() }
            #expect(error?.code == .refused)
        }
        #expect(try await self.log(database, 2) == before)
    }

    @Test("a revoked credential is gone from the registry, stays in the list, and can't be revoked again")
    func revocation() async throws {
        let (database, administration) = try await self.acme()
        let made = try await administration.addCredential(self.new(1), actor: Self.actor)
        #expect(made.state == .active && made.tenants == ["acme"] && made.label == "checkout")
        let contents = try await self.loaded(database)
        #expect(
            contents.credentials == [.init(id: made.id, tokenHash: self.hash(1), tenantIDs: [2], scopes: Self.scopes)])
        try await administration.revokeCredentials([made.id], actor: Self.actor)
        let revoked = try await administration.credential(made.id)
        #expect(revoked.state == .revoked && revoked.revokedAt != nil)
        #expect(try await self.loaded(database).credentials.isEmpty)
        #expect(try await administration.credentials(tenant: "acme") == [revoked])
        let error = await #expect(throws: PostgresError.self) {
            try await administration.revokeCredentials([made.id], actor: Self.actor)
        }
        #expect(error?.message.contains("is revoked already") == true)
        #expect(
            try await self.log(database, 2).suffix(2)
                == ["docket.credential.changed create \(made.id)", "docket.credential.changed revoke \(made.id)"])
    }

    @Test(
        "quotas are shared by collectors, not by who administers meanwhile",
        arguments: [NodeLease.administration, "host:4711"])
    func sharers(_ description: String) async throws {
        let database = try await TestDatabase.migrated()
        let lease = try await NodeLease.acquire(
            settings: database.settings(Roles.maintainer), description: description, seconds: 60, logger: .quiet)
        let rows = try database.connect(Roles.writer).query("SELECT docket.live_collectors()")
        let count: Int64 = try rows.integer(0, 0)
        #expect(count == (description == NodeLease.administration ? 0 : 1))
        await lease.release()
    }

    @Test("several credentials are revoked together, or none where one of them can't be")
    func revocations() async throws {
        let (_, administration) = try await self.acme()
        var ids: [Int32] = []
        for byte in 1...2 as ClosedRange<UInt8> {
            ids.append(try await administration.addCredential(self.new(byte), actor: Self.actor).id)
        }
        let withUnknown = ids + [2_000_000_000]
        await #expect(throws: PostgresError.self) {
            try await administration.revokeCredentials(withUnknown, actor: Self.actor)
        }
        #expect(try await administration.credentials().map(\.state) == [.active, .active])
        try await administration.revokeCredentials(ids, actor: Self.actor)
        #expect(try await administration.credentials().map(\.state) == [.revoked, .revoked])
    }

    @Test("a rotated credential goes on until the overlap is over, and its successor is like it")
    func rotation() async throws {
        let (database, administration) = try await self.acme()
        let made = try await administration.addCredential(self.new(1), actor: Self.actor)
        let end = Timestamp(microsecondsSinceEpoch: Timestamp.now.microsecondsSinceEpoch + 60_000_000)
        let (old, successor) = try await administration.rotateCredential(
            made.id, tokenHash: self.hash(2), end: end, expiresAt: nil, actor: Self.actor)
        #expect(old.expiresAt == end && old.state == .active)
        #expect(successor.replaces == made.id && successor.tenants == ["acme"] && successor.scopes == Self.scopes)
        let contents = try await self.loaded(database)
        #expect(contents.credentials.map(\.expiresAt) == [end, nil])
        // A second rotation doesn't prolong it.
        let later = Timestamp(microsecondsSinceEpoch: end.microsecondsSinceEpoch + 60_000_000)
        let again = try await administration.rotateCredential(
            made.id, tokenHash: self.hash(3), end: later, expiresAt: later, actor: Self.actor)
        #expect(again.old.expiresAt == end && again.new.expiresAt == later)
    }

    @Test("credentials of other kinds are kept by what they are for, one for each that is in force")
    func kinds() async throws {
        let (database, administration) = try await self.acme()
        let longest = String(repeating: "a", count: CredentialIdentity.maxNameBytes)
        let identities: [CredentialIdentity] = [
            .spiffe("spiffe://acme/a"), .subject("CN=a"), .jwt(issuer: "i", subject: "a"),
            .jwt(issuer: "j", subject: "a"),
            .jwt(issuer: String(repeating: "i", count: CredentialIdentity.maxIssuerBytes), subject: longest),
        ]
        var made: [CredentialRecord] = []
        for identity in identities {
            let new = Administration.NewCredential(identity: identity, tenants: ["acme"], scopes: Self.scopes)
            made.append(try await administration.addCredential(new, actor: Self.actor))
            let error = await #expect(throws: PostgresError.self) {
                try await administration.addCredential(new, actor: Self.actor)
            }
            #expect(error?.code == .refused)
        }
        #expect(made.map(\.kind) == identities.map(\.kind) && made.map(\.issuer) == identities.map(\.issuer))
        #expect(try await self.loaded(database).credentials.map(\.identity) == identities)
        // What is revoked can be let in again; it has no token to rotate.
        try await administration.revokeCredentials([made[0].id], actor: Self.actor)
        let again = try await administration.addCredential(
            .init(identity: identities[0], tenants: nil, scopes: .query), actor: Self.actor)
        #expect(again.id > made[0].id && again.subject == "spiffe://acme/a")
        let error = await #expect(throws: PostgresError.self) {
            try await administration.rotateCredential(
                again.id, tokenHash: self.hash(1), end: .now, expiresAt: nil, actor: Self.actor)
        }
        #expect(error?.code == .refused && error?.message.contains("no token") == true)
        #expect(try await administration.credential(again.id).state == .active)
    }

    @Test("a credential that has expired isn't loaded any more")
    func expired() async throws {
        let (database, administration) = try await self.acme()
        let past = Timestamp(microsecondsSinceEpoch: Timestamp.now.microsecondsSinceEpoch - 1_000_000)
        let made = try await administration.addCredential(self.new(1, expiresAt: past), actor: Self.actor)
        #expect(made.state == .expired)
        #expect(try await self.loaded(database).credentials.isEmpty)
    }

    @Test("a credential for all tenants names none, and the log of the tenant default tells of it")
    func allTenants() async throws {
        let (database, administration) = try await self.acme()
        let made = try await administration.addCredential(self.new(1, tenants: nil), actor: Self.actor)
        #expect(made.tenants == nil)
        #expect(try await self.loaded(database).credentials.map(\.tenantIDs) == [nil])
        #expect(try await administration.credentials(tenant: "acme") == [made])
        #expect(try await self.log(database, 1) == ["docket.credential.changed create \(made.id)"])
    }

    @Test("uses are noted, the latest counts, and unknown credentials are left out")
    func uses() async throws {
        let (database, administration) = try await self.acme()
        let made = try await administration.addCredential(self.new(1), actor: Self.actor)
        let registry = try PostgresRegistry(settings: database.settings(Roles.writer))
        let version = try await registry.registryVersion()
        for second in [7, 5] as [Int64] {
            let time = Timestamp(microsecondsSinceEpoch: second * 1_000_000)
            try await registry.noteUses([.init(credentialID: 999, at: time), .init(credentialID: made.id, at: time)])
        }
        let used = try await administration.credential(made.id)
        #expect(used.lastUsedAt == Timestamp(microsecondsSinceEpoch: 7_000_000))
        #expect(try await registry.registryVersion() == version, "using a credential is no change of the registry")
    }

    @Test("whoever waits for changes hears of one at once")
    func notification() async throws {
        let (database, administration) = try await self.acme()
        let registry = try PostgresRegistry(settings: database.settings(Roles.writer))
        let connection = try database.connect(Roles.writer)
        try connection.execute("LISTEN docket_registry")
        #expect(try connection.waitForNotification(milliseconds: 1) == false)
        _ = try await administration.addCredential(self.new(1), actor: Self.actor)
        #expect(try connection.waitForNotification(milliseconds: 60_000))
        #expect(try connection.waitForNotification(milliseconds: 1) == false, "it has all been said")
        try await registry.registryChanges()
    }
}
