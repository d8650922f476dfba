import DocketRegistry
import Testing

@testable import DocketPostgres

@Suite("The registry's tables")
struct RegistryTests {
    private static let hash = [UInt8](0..<32)

    @Test("a new database has the tenant default and nothing else")
    func initial() async throws {
        let database = try await TestDatabase.migrated()
        let contents = try await PostgresRegistry(settings: database.settings(Roles.writer)).loadRegistry()
        #expect(contents.tenants == [.init(id: 1, slug: "default")])
        #expect(contents.credentials.isEmpty)
        // Emitters report what they had to drop.
        #expect(contents.eventTypes.map(\.name) == ["docket.events_dropped"])
    }

    @Test("what administration writes, the collector reads")
    func contents() async throws {
        let database = try await TestDatabase.migrated()
        let administration = try database.administration()
        let other = try await administration.ensureTenant("other")
        let credential = try await administration.addCredential(
            tokenHash: Self.hash, tenantIDs: [other, 1], scopes: [.publish, .query], label: "test")
        let global = try await administration.ensureEventTypes(["b", "a"], tenant: nil)
        let own = try await administration.ensureEventTypes(["a"], tenant: other)
        let contents = try await PostgresRegistry(settings: database.settings(Roles.writer)).loadRegistry()
        #expect(contents.tenants == [.init(id: 1, slug: "default"), .init(id: other, slug: "other")])
        #expect(
            contents.credentials
                == [.init(id: credential, tokenHash: Self.hash, tenantIDs: [1, other], scopes: [.publish, .query])])
        let expected: [RegistryContents.EventType] = [
            .init(id: try #require(global["a"]), tenantID: nil, name: "a"),
            .init(id: try #require(global["b"]), tenantID: nil, name: "b"),
            .init(id: try #require(own["a"]), tenantID: other, name: "a"),
        ]
        #expect(contents.namedByOperators.sorted { $0.id < $1.id } == expected.sorted { $0.id < $1.id })
    }

    @Test("ensuring again gives the same ids and changes nothing")
    func ensuring() async throws {
        let database = try await TestDatabase.migrated()
        let administration = try database.administration()
        let registry = try PostgresRegistry(settings: database.settings(Roles.writer))
        let tenant = try await administration.ensureTenant("other")
        let types = try await administration.ensureEventTypes(["a", "b"], tenant: tenant)
        let before = try await registry.loadRegistry()
        #expect(try await administration.ensureTenant("other") == tenant)
        #expect(try await administration.ensureEventTypes(["b", "a"], tenant: tenant) == types)
        let after = try await registry.loadRegistry()
        #expect(after.tenants == before.tenants && after.eventTypes == before.eventTypes)
    }

    @Test("adding a credential again gives it the new tenants and scopes")
    func credentialAgain() async throws {
        let database = try await TestDatabase.migrated()
        let administration = try database.administration()
        let other = try await administration.ensureTenant("other")
        let first = try await administration.addCredential(tokenHash: Self.hash, tenantIDs: [1], scopes: .publish)
        let second = try await administration.addCredential(tokenHash: Self.hash, tenantIDs: [other], scopes: .query)
        #expect(first == second)
        let contents = try await PostgresRegistry(settings: database.settings(Roles.writer)).loadRegistry()
        #expect(contents.credentials == [.init(id: first, tokenHash: Self.hash, tenantIDs: [other], scopes: .query)])
    }

    @Test("the version grows with each change of tenants, credentials and event types, and with nothing else")
    func version() async throws {
        let database = try await TestDatabase.migrated()
        let administration = try database.administration()
        let registry = try PostgresRegistry(settings: database.settings(Roles.writer))
        var last = try await registry.registryVersion()
        func grew() async throws -> Bool {
            let version = try await registry.registryVersion()
            defer { last = version }
            return version > last
        }
        #expect(try await !grew())
        _ = try await administration.ensureTenant("other")
        #expect(try await grew())
        _ = try await administration.ensureEventTypes(["a"], tenant: nil)
        #expect(try await grew())
        _ = try await administration.addCredential(tokenHash: Self.hash, tenantIDs: [1], scopes: .publish)
        #expect(try await grew())
        try database.connect(Roles.maintainer).execute("DELETE FROM docket.credentials")
        #expect(try await grew())
        let maker = BatchMaker()
        _ = await (try database.store()).store(try maker.batch(1, [maker.event(1)]))
        #expect(try await !grew())
        #expect(try await registry.loadRegistry().version == last)
    }

    @Test("a tenant's name that is no slug is refused by the database", arguments: ["", "Upper", "-x", "a b", "ü"])
    func slugs(slug: String) async throws {
        let administration = try await TestDatabase.migrated().administration()
        let error = await #expect(throws: PostgresError.self) { try await administration.ensureTenant(slug) }
        #expect(error?.sqlstate == SQLState("23514"))
    }

    @Test("a failed change leaves the connection usable")
    func afterFailure() async throws {
        let administration = try await TestDatabase.migrated().administration()
        await #expect(throws: PostgresError.self) {
            try await administration.addCredential(tokenHash: Self.hash, tenantIDs: [4711], scopes: .publish)
        }
        #expect(try await administration.ensureTenant("default") == 1)
    }
}

@Suite("Node leases")
struct NodeLeaseTests {
    private func lease(_ database: TestDatabase, seconds: Int32 = 600) async throws -> NodeLease {
        try await NodeLease.acquire(
            settings: database.settings(Roles.writer), description: "test", seconds: seconds, logger: .quiet)
    }

    private func expire(_ lease: NodeLease, _ database: TestDatabase) throws {
        try database.connect(Roles.maintainer).execute(
            "UPDATE docket.collector_nodes SET expires_at = now() - interval '1 h' WHERE node_id = \(lease.node)")
    }

    @Test("collectors that start at the same moment get different numbers")
    func unique() async throws {
        let database = try await TestDatabase.migrated()
        let nodes = try await withThrowingTaskGroup(of: Int32.self) { group in
            for _ in 0..<20 { group.addTask { try await self.lease(database).node } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(nodes.sorted() == Array(0..<20))
    }

    @Test("a lease is valid, can be renewed, and is not valid once it was given back")
    func life() async throws {
        let database = try await TestDatabase.migrated()
        let lease = try await self.lease(database)
        #expect(lease.isValid)
        #expect(try await lease.renew())
        await lease.release()
        #expect(!lease.isValid)
        #expect(try database.number("SELECT count(*) FROM docket.collector_nodes WHERE expires_at > now()") == 0)
    }

    @Test(
        "a number given back or run out is given again only after those never used, and then the longest unused first")
    func order() async throws {
        let database = try await TestDatabase.migrated()
        let (first, second) = (try await self.lease(database), try await self.lease(database))
        await second.release()
        try self.expire(first, database)
        #expect(try await self.lease(database).node == 2)
        try database.connect(Roles.maintainer).execute(
            """
            INSERT INTO docket.collector_nodes
            SELECT n, gen_random_uuid(), '', now(), now() + interval '1 h' FROM generate_series(3, 1023) AS n
            """)
        #expect(try await self.lease(database).node == first.node, "it ran out before the other was given back")
        #expect(try await self.lease(database).node == second.node)
        let error = await #expect(throws: PostgresError.self) { try await self.lease(database) }
        #expect(error?.code == .overloaded)
    }

    @Test("a lease that ran out is renewed as long as nobody else has the number, and lost once somebody has")
    func runOut() async throws {
        let database = try await TestDatabase.migrated()
        let lease = try await self.lease(database)
        try self.expire(lease, database)
        #expect(try await lease.renew())
        #expect(lease.isValid)
        try database.connect(Roles.maintainer).execute("UPDATE docket.collector_nodes SET owner = gen_random_uuid()")
        #expect(try await !lease.renew())
        #expect(!lease.isValid)
        await lease.release()
        #expect(
            try database.number("SELECT count(*) FROM docket.collector_nodes WHERE expires_at > now()") == 1,
            "somebody else's lease is not ended")
    }

    @Test("keeping a lease ends with giving it back when the task is cancelled")
    func keeping() async throws {
        let database = try await TestDatabase.migrated()
        let lease = try await self.lease(database)
        let task = Task { try await lease.keep() }
        task.cancel()
        try await task.value
        #expect(try database.number("SELECT count(*) FROM docket.collector_nodes WHERE expires_at > now()") == 0)
    }

    @Test("a length that the database doesn't allow is refused", arguments: [0, -5, 3601])
    func lengths(seconds: Int32) async throws {
        let database = try await TestDatabase.migrated()
        let error = await #expect(throws: PostgresError.self) { try await self.lease(database, seconds: seconds) }
        #expect(error?.sqlstate == SQLState("22023"))
    }
}
