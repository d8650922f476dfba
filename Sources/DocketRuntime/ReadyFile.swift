import Foundation

/// What a script that starts a collector wants to know, written whole (by rename) once the collector is ready.
package struct ReadyFile: Codable {
    package var grpc: String
    package var http: String
    package var pid: Int32
    package var token: String?
    package var tenant: String?
    package var psql: String?
    package var conninfo: [String: String]?
    /// The process id of the private PostgreSQL.
    package var postgresPid: Int32?

    enum CodingKeys: String, CodingKey {
        case grpc, http, pid, token, tenant, psql, conninfo
        case postgresPid = "postgres_pid"
    }

    package init(grpc: String, http: String, pid: Int32) {
        self.grpc = grpc
        self.http = http
        self.pid = pid
    }

    package init(contentsOf path: String) throws {
        self = try JSONDecoder().decode(ReadyFile.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }

    /// Writes the file readable by its owner only: it may hold a token.
    package func write(to path: String) throws { try SecretFile.write(self, to: path) }
}
