import DocketEventTypes
import DocketModel
import DocketRegistry
import DocketStore
import Testing

@testable import DocketPostgres

@Suite("Definitions of event types in the store")
struct EventTypeApplyTests {
    private static let actor = Actor(kind: "user", id: "olga")

    /// A definition of the type call, as a file has it.
    private func file(version: Int, required: [String] = [], name: String = "call") throws
        -> Administration.DefinitionFile
    {
        let fields = required.map { "\"\($0)\"" }.joined(separator: ",")
        let body = #"{"name": "\#(name)", "version": \#(version), "required_fields": [\#(fields)]}"#
        return .init(definition: try EventTypeDefinition(json: Array(body.utf8)), body: body)
    }

    private func loaded(_ database: TestDatabase) async throws -> RegistryContents {
        try await PostgresRegistry(settings: database.settings(Roles.writer)).loadRegistry()
    }

    @Test("a definition is applied once, the collector loads it, and the log of default tells of it")
    func applied() async throws {
        let database = try await TestDatabase.migrated()
        let administration = try database.administration()
        let file = try self.file(version: 1)
        #expect(try await administration.applyEventTypes([file], tenant: nil, actor: Self.actor) == [.defined])
        #expect(try await administration.applyEventTypes([file], tenant: nil, actor: Self.actor) == [.unchanged])
        let contents = try await self.loaded(database)
        let type = try #require(contents.namedByOperators.first)
        #expect(type.name == "call" && type.tenantID == nil)
        #expect(contents.definitions == [try #require(type.definitionID): file.body])
        let page = try await database.reader().query(EventQuery(tenantIDs: [1], order: .oldestFirst, limit: 10))
        #expect(page.events.map(\.event.type) == ["docket.event_type.changed"])
        #expect(page.events.first?.event.resource == Resource(type: "event_type", id: "call"))
        #expect(page.events.first?.event.actor == Self.actor)
    }

    @Test("names without a definition are registered once, and the log tells of each that is new")
    func registered() async throws {
        let database = try await TestDatabase.migrated()
        let administration = try database.administration()
        for names in [["a.one", "a.two"], ["a.two", "a.three"]] {
            try await administration.registerEventTypes(names, tenant: "default", actor: Self.actor)
        }
        let types = try await self.loaded(database).namedByOperators
        #expect(types.map(\.name).sorted() == ["a.one", "a.three", "a.two"] && types.allSatisfy { $0.tenantID == 1 })
        let page = try await database.reader().query(EventQuery(tenantIDs: [1], order: .oldestFirst, limit: 10))
        #expect(page.events.map(\.event.resource?.id) == ["a.one", "a.two", "a.three"])
        #expect(page.events.allSatisfy { $0.event.type == "docket.event_type.changed" && $0.event.action == "add" })
        #expect(page.events.allSatisfy { $0.event.actor == Self.actor })
    }

    @Test("names for a tenant that doesn't exist are refused, and nothing is made")
    func registeredForNobody() async throws {
        let database = try await TestDatabase.migrated()
        let administration = try database.administration()
        let error = await #expect(throws: PostgresError.self) {
            try await administration.registerEventTypes(["a.one"], tenant: "nobody", actor: Self.actor)
        }
        #expect(error?.code == .refused && error?.message.contains("'nobody'") == true)
        let contents = try await self.loaded(database)
        #expect(contents.namedByOperators.isEmpty && contents.tenants.map(\.slug) == ["default"])
    }

    @Test("another content needs a higher version, which says what it breaks; lower ones are refused")
    func versions() async throws {
        let database = try await TestDatabase.migrated()
        let administration = try database.administration()
        func apply(_ file: Administration.DefinitionFile) async throws -> [EventTypeRecord.Outcome] {
            try await administration.applyEventTypes([file], tenant: nil, actor: Self.actor)
        }
        _ = try await apply(self.file(version: 2))
        for taken in [try self.file(version: 2, required: ["action"]), try self.file(version: 1)] {
            let error = await #expect(throws: PostgresError.self) { _ = try await apply(taken) }
            #expect(error?.code == .refused && error?.message.contains("make") == true)
        }
        let next = try self.file(version: 3, required: ["action"])
        guard case .changed(let changes)? = try await apply(next).first else {
            Issue.record("version 3 changes the type")
            return
        }
        #expect(changes.map(\.path) == ["required_fields"])
        #expect(try await Array(self.loaded(database).definitions.values) == [next.body], "the newest is in force")
        let record = try #require(try await administration.eventTypes(name: "call").first)
        #expect(record.version == 3 && record.body == next.body && record.tenant == nil)
    }

    @Test("all or none is applied, and a trial keeps nothing")
    func allOrNone() async throws {
        let database = try await TestDatabase.migrated()
        let administration = try database.administration()
        let files = [try self.file(version: 1), try self.file(version: 1, name: "other")]
        let trial = try await administration.applyEventTypes(files, tenant: nil, isTrial: true, actor: Self.actor)
        #expect(trial == [.defined, .defined])
        #expect(try await administration.eventTypes().isEmpty)
        _ = try await administration.applyEventTypes([files[1]], tenant: nil, actor: Self.actor)
        let broken = [files[0], try self.file(version: 1, required: ["action"], name: "other")]
        await #expect(throws: PostgresError.self) {
            try await administration.applyEventTypes(broken, tenant: nil, actor: Self.actor)
        }
        #expect(try await administration.eventTypes().map(\.name) == ["other"])
    }

    @Test("tenants that take the same definition share it, and each has versions of its own")
    func tenants() async throws {
        let database = try await TestDatabase.migrated()
        let administration = try database.administration()
        try await administration.addTenants(["a", "b"], actor: Self.actor)
        for tenant in ["a", "b"] {
            #expect(
                try await administration.applyEventTypes([self.file(version: 1)], tenant: tenant, actor: Self.actor)
                    == [.defined])
        }
        #expect(try await self.loaded(database).definitions.count == 1)
        _ = try await administration.applyEventTypes([self.file(version: 2)], tenant: "b", actor: Self.actor)
        #expect(try await administration.eventTypes(tenant: "a").map(\.version) == [1])
        #expect(try await administration.eventTypes(tenant: "b").map(\.version) == [2])
        #expect(try await self.loaded(database).definitions.count == 2)
    }

    @Test("an unknown tenant and a name of Docket's own are refused")
    func faults() async throws {
        let administration = try await TestDatabase.migrated().administration()
        let reserved = Administration.DefinitionFile(definition: .init(name: "docket.mine"), body: "{}")
        for (file, tenant) in [(try self.file(version: 1), "nowhere"), (reserved, nil)] as [(_, String?)] {
            let error = await #expect(throws: PostgresError.self) {
                try await administration.applyEventTypes([file], tenant: tenant, actor: Self.actor)
            }
            #expect(error?.code == .refused)
        }
    }
}
