import DevCluster
import DocketTestSupport
import Foundation
import Testing

@testable import DocketPostgres

/// A PgBouncer in transaction mode in front of a cluster, on a Unix socket, for as long as it is held.
final class PgBouncer {
    private static let port = 6432
    /// Debian puts it where ordinary users don't look.
    private static let program = ["/usr/sbin", "/usr/bin", "/usr/local/bin"].map { "\($0)/pgbouncer" }
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    /// Never doubted in continuous integration, where a missing program is to be noticed.
    static var isPossible: Bool { self.program != nil || ProcessInfo.processInfo.environment["CI"] != nil }

    private let folder: URL
    private let process = Process()

    /// Starts it, and waits until it takes connections.
    ///
    /// - Parameter poolSize: The most connections to the server for each role and database.
    init(_ cluster: DevCluster, poolSize: Int = 3) async throws {
        // Short, as a socket's path must be, and within reach of the user that it runs as.
        self.folder = URL(filePath: "/tmp/docket-pool-\(getpid())-\(UInt32.random(in: 0...UInt32.max))")
        let program = try #require(Self.program, "install the package pgbouncer: scripts/bootstrap test")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: false)
        let roles = [Roles.writer, Roles.reader, DevCluster.superuser]
        try self.write(roles.map { "\"\($0)\" \"\"\n" }.joined(), to: "users.txt")
        try self.write(
            """
            [databases]
            * = host=\(cluster.socketFolder) port=\(DevCluster.port)
            [pgbouncer]
            unix_socket_dir = \(self.folder.path)
            listen_port = \(Self.port)
            auth_type = trust
            auth_file = \(self.folder.path)/users.txt
            pool_mode = transaction
            default_pool_size = \(poolSize)
            server_login_retry = 0.1

            """, to: "pgbouncer.ini")
        var arguments = ["\(self.folder.path)/pgbouncer.ini"]
        if geteuid() == 0 {
            // It refuses to be root; who owns the server's files can reach the server.
            var status = stat()
            try #require(stat(cluster.dataFolder, &status) == 0)
            try #require(chown(self.folder.path, status.st_uid, status.st_gid) == 0)
            arguments = ["-u", "postgres"] + arguments
        }
        self.process.executableURL = URL(filePath: program)
        self.process.arguments = arguments
        self.process.standardOutput = FileHandle.nullDevice
        self.process.standardError = FileHandle.nullDevice
        try self.process.run()
        let settings = ConnectionSettings(conninfo: self.conninfo(role: Roles.writer, database: "postgres"))
        await until { (try? PostgresConnection(settings)) != nil }
    }

    deinit {
        // Threads of a test block signals, and what they start inherits that: no other signal would reach it.
        kill(self.process.processIdentifier, SIGKILL)
        self.process.waitUntilExit()
        try? FileManager.default.removeItem(at: self.folder)
    }

    func conninfo(role: String, database: String) -> String {
        "host=\(self.folder.path) port=\(Self.port) user=\(role) dbname=\(database)"
    }

    func settings(_ role: String, _ database: TestDatabase) -> ConnectionSettings {
        ConnectionSettings(conninfo: self.conninfo(role: role, database: database.name))
    }

    private func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: self.folder.appending(path: name))
    }
}
