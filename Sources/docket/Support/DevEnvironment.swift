import DevCluster
import DocketPostgres
import DocketRegistry
import Foundation

/// The database of a development environment or a benchmark: a private PostgreSQL with Docket's schema, a tenant, a
/// token and event types.
struct DevEnvironment {
    /// The database's name.
    static let database = "docket"
    /// The tenant that migrations make.
    static let tenant = "default"
    /// The event types that are registered at first: those of the importers, and one for each system of docs/import.md.
    static let eventTypes = [
        "audit.event", "authz.decision", "aws.cloudtrail", "fact.write", "gate.check", "governance.decision",
        "guard.action",
        "kubernetes.audit", "tool.call",
    ]

    let cluster: DevCluster

    /// Starts the cluster of a folder and brings its schema up to date. When that fails nothing is left running.
    static func start(folder: String) async throws -> DevEnvironment {
        let cluster: DevCluster
        do throws(DevClusterError) {
            cluster = try DevCluster(folder: folder)
            try cluster.start()
        } catch {
            throw CommandError(error)
        }
        let environment = DevEnvironment(cluster: cluster)
        do {
            try await environment.prepare()
        } catch {
            environment.stop()
            throw error
        }
        return environment
    }

    /// Makes the database in a running cluster and brings its schema up to date.
    func prepare() async throws {
        do throws(DevClusterError) {
            try self.cluster.createDatabase(Self.database)
        } catch {
            throw CommandError(error)
        }
        _ = try await MigrateCommand.migrate(self.conninfo(role: DevCluster.superuser))
    }

    func conninfo(role: String) -> String {
        self.cluster.conninfo(role: role, database: Self.database)
    }

    /// The line that opens psql as a role that sees everything.
    var psqlLine: String { self.cluster.psqlLine(role: Roles.maintainer, database: Self.database) }

    /// Sees to it that the event types are registered and that a token may do everything. Changes nothing when it is
    /// so.
    func ensure(_ token: AccessToken) async throws {
        do throws(PostgresError) {
            let administration = try Administration(
                settings: ConnectionSettings(
                    conninfo: self.conninfo(role: Roles.maintainer), applicationName: "docket-dev"))
            defer { administration.close() }
            let tenantID = try await administration.ensureTenant(Self.tenant)
            _ = try await administration.ensureEventTypes(Self.eventTypes, tenant: nil)
            _ = try await administration.addCredential(
                tokenHash: token.hash, tenantIDs: [tenantID], scopes: [.publish, .query, .export, .admin],
                label: "docket dev")
        } catch {
            throw CommandError(error)
        }
    }

    /// A new token that ``ensure(_:)`` has been called with.
    func addToken() async throws -> AccessToken {
        var generator = SystemRandomNumberGenerator()
        let token = AccessToken(using: &generator)
        try await self.ensure(token)
        return token
    }

    func stop() {
        do {
            try self.cluster.stop()
        } catch {
            Console.error("the private PostgreSQL did not stop: \(error)")
        }
    }
}
