import DevCluster
import DocketTestSupport
import Foundation
import Testing

@testable import DocketPostgres

@Suite("An administrator's connection that can't write", .serialized)
struct ReadOnlyTests {
    private func failure(_ settings: ConnectionSettings) async throws -> PostgresError {
        let administration = try Administration(settings: settings)
        let error = await #expect(throws: PostgresError.self) { try await administration.ensureTenant("acme") }
        return try #require(error)
    }

    @Test("is told that its role may only read")
    func role() async throws {
        let database = try await TestDatabase.migrated()
        let error = try await self.failure(database.settings(Roles.reader))
        #expect(error.code == .connectFailed && error.sqlstate == .readOnlyTransaction, "\(error)")
        #expect(error.message.contains("the role may only read"), "\(error)")
    }

    @Test("is told of a standby, or a server that nobody may write to, and not to change the role")
    func server() async throws {
        let database = try TestDatabase.empty(on: "read-only")
        _ = try await Migrator(settings: database.settings(DevCluster.superuser)).migrate()
        let cluster = database.cluster
        try cluster.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        try cluster.execute("SELECT pg_reload_conf()")
        try await until { try cluster.execute("SHOW default_transaction_read_only") == "on" }
        let closed = try await self.failure(database.settings(Roles.maintainer))
        #expect(closed.sqlstate == nil && closed.message.contains("default_transaction_read_only is on"), "\(closed)")

        try cluster.stop()
        try Data().write(to: URL(filePath: "\(cluster.dataFolder)/standby.signal"))
        try cluster.start()
        for role in [Roles.maintainer, Roles.reader] {
            let error = try await self.failure(database.settings(role))
            #expect(error.sqlstate == nil && error.message.contains("a standby: name the primary"), "\(error)")
        }
    }
}
