import DevCluster
import DocketPostgres
import DocketRegistry
import Foundation

/// The database of a development environment or a benchmark: a private PostgreSQL with Docket's schema, a tenant, a token
/// and event types.
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

    /// Starts the cluster and brings its schema up to date.
    static func start(folder: String) async throws -> DevEnvironment {
        do {
            let cluster = try DevCluster(folder: folder)
            try cluster.start()
            try cluster.createDatabase(self.database)
            let environment = DevEnvironment(cluster: cluster)
            _ = try await MigrateCommand.migrate(environment.conninfo(role: DevCluster.superuser))
            return environment
        } catch let error as DevClusterError {
            throw CommandError(.osError, error.message, cause: error.cause)
        }
    }

    func conninfo(role: String) -> String {
        self.cluster.conninfo(role: role, database: Self.database)
    }

    /// The line that opens psql as a role that sees everything.
    var psqlLine: String { self.cluster.psqlLine(role: Roles.maintainer, database: Self.database) }

    /// Registers the event types and a new token for everything; returns the token.
    func addToken() async throws -> AccessToken {
        do throws(PostgresError) {
            let administration = try Administration(
                settings: ConnectionSettings(
                    conninfo: self.conninfo(role: Roles.maintainer), applicationName: "docket-dev"))
            defer { administration.close() }
            let tenantID = try await administration.ensureTenant(Self.tenant)
            _ = try await administration.ensureEventTypes(Self.eventTypes, tenant: nil)
            var generator = SystemRandomNumberGenerator()
            let token = AccessToken(using: &generator)
            _ = try await administration.addCredential(
                tokenHash: token.hash, tenantIDs: [tenantID], scopes: [.publish, .query, .export, .admin],
                label: "docket dev")
            return token
        } catch {
            throw CommandError(error)
        }
    }

    func stop() {
        do {
            try self.cluster.stop()
        } catch {
            Console.error("the private PostgreSQL did not stop: \(error)")
        }
    }
}
