import DevCluster
import DocketTestSupport
import DocketThreads
import Foundation
import Testing

@testable import DocketPostgres

/// A host that answers nobody, until it refuses everybody: its queue is full, so the system drops what comes, and comes again.
private final class SilentHost: Sendable {
    let port: UInt16
    private let (listener, neighbour): (CInt, CInt)

    init() throws {
        self.listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        self.neighbour = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (listener, neighbour) = (self.listener, self.neighbour)
        let isFull = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 0) == 0
                    && getsockname(listener, address, &length) == 0 && connect(neighbour, address, length) == 0
            }
        }
        self.port = UInt16(bigEndian: address.sin_port)
        try #require(isFull)
    }

    deinit { close(self.neighbour) }

    /// Whether somebody tries to connect (proc(5): the state of such a socket is 02, and ports are in hexadecimal).
    var isTried: Bool {
        get throws {
            let peer = ":" + String(String(Int(self.port) + 0x10000, radix: 16, uppercase: true).dropFirst())
            // It comes in pieces of a page each: what reads the file at once takes the first for all of it.
            let table = try FileHandle(forReadingFrom: URL(filePath: "/proc/net/tcp"))
            defer { try? table.close() }
            let text = String(decoding: try table.readToEnd() ?? Data(), as: UTF8.self)
            return text.split(separator: "\n").contains { line in
                let columns = line.split(separator: " ")
                return columns.count > 3 && columns[2].hasSuffix(peer) && columns[3] == "02"
            }
        }
    }

    func refuse() { close(self.listener) }
}

/// A server that refuses everybody: each connection with the next of its answers, and all after those with the last.
private final class RefusingServer: Sendable {
    let port: UInt16
    private let listener: CInt

    init(_ answers: [(code: String, message: String)]) throws {
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listens = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 8) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        self.listener = listener
        self.port = UInt16(bigEndian: address.sin_port)
        try #require(listens)
        let packets = answers.map { Self.refusal($0.code, $0.message) }
        try OwnedThread.start(name: "refusing-server") { Self.serve(listener, packets) }
    }

    /// Ends what waits in `accept`, which closing alone doesn't.
    deinit { shutdown(self.listener, CInt(SHUT_RDWR)) }

    private static func serve(_ listener: CInt, _ packets: [[UInt8]]) {
        var index = 0
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { break }
            // What it would be told, which nobody reads, but a socket that is closed before would be reset.
            var startup = [UInt8](repeating: 0, count: 4096)
            _ = recv(client, &startup, startup.count, 0)
            let packet = packets[min(index, packets.count - 1)]
            _ = send(client, packet, packet.count, CInt(MSG_NOSIGNAL))
            close(client)
            index += 1
        }
        close(listener)
    }

    /// An ErrorResponse (PostgreSQL, "Message Formats").
    private static func refusal(_ code: String, _ message: String) -> [UInt8] {
        let fields = Array("SFATAL\0VFATAL\0C\(code)\0M\(message)\0\0".utf8)
        let length = withUnsafeBytes(of: UInt32(fields.count + 4).bigEndian) { Array($0) }
        return [UInt8(ascii: "E")] + length + fields
    }
}

@Suite("Whether PostgreSQL is away")
struct AbsenceTests {
    private func failure(_ settings: ConnectionSettings) async throws -> PostgresError {
        let error = await #expect(throws: PostgresError.self) { try await PostgresStore.check(settings: settings) }
        return try #require(error)
    }

    @Test("it is when nobody listens, and the error has no SQLSTATE")
    func nobody() async throws {
        let error = try await self.failure(ConnectionSettings(conninfo: "host=/nonexistent dbname=docket"))
        #expect((error.code, error.sqlstate, error.isAbsence) == (.connectFailed, nil, true))
    }

    @Test("it isn't when the server answers that it knows no such role, or no such database")
    func refused() async throws {
        let database = try await TestDatabase.migrated()
        let role = try await self.failure(database.settings("no_such_role"))
        #expect((role.code, role.sqlstate?.classCode, role.isAbsence) == (.connectFailed, "28", false))
        let conninfo = database.cluster.conninfo(role: Roles.writer, database: "no_such_database")
        let missing = try await self.failure(ConnectionSettings(conninfo: conninfo))
        #expect((missing.code, missing.sqlstate?.text, missing.isAbsence) == (.connectFailed, "3D000", false))
    }

    @Test("it isn't when only the first of two hosts is, and takes its time to say so")
    func secondHost() async throws {
        let database = try await TestDatabase.migrated()
        let silent = try SilentHost()
        let hosts = "host=127.0.0.1,\(database.cluster.socketFolder) port=\(silent.port),\(DevCluster.port)"
        let settings = ConnectionSettings(conninfo: "\(hosts) user=no_such_role dbname=\(database.name)")
        async let answer = ConnectionRefusal.sqlstate(of: settings)
        try await until { try silent.isTried }
        silent.refuse()
        #expect(await answer?.classCode == "28")
    }

    @Test("a server that came to refuse while it was asked is heard with why it refuses, not with that it started")
    func startedMeanwhile() async throws {
        let starting = ("57P03", "the database system is starting up")
        let server = try RefusingServer([starting, ("28000", "role \"docket_writer\" is not permitted to log in")])
        let settings = "host=127.0.0.1 port=\(server.port) user=docket_writer dbname=docket"
        let error = try await self.failure(
            ConnectionSettings(conninfo: "\(settings) sslmode=disable gssencmode=disable"))
        #expect((error.code, error.sqlstate?.text, error.isAbsence) == (.connectFailed, "28000", false))
        #expect(error.message.contains("is not permitted to log in"), "\(error.message)")
    }

    @Test("it is while the server starts, has no room, or can't be written to; not when the installation is at fault")
    func answers() {
        func error(_ code: PostgresError.Code, _ sqlstate: String? = nil) -> PostgresError {
            PostgresError(code: code, message: "", sqlstate: sqlstate.map { SQLState($0) })
        }
        for sqlstate in ["57P03", "53300"] { #expect(error(.connectFailed, sqlstate).isAbsence) }
        for sqlstate in ["57P01", "25006", "53100"] { #expect(error(.statementFailed, sqlstate).isAbsence) }
        #expect(error(.connectionLost).isAbsence)
        for sqlstate in ["42501", "42P01", "3F000"] { #expect(!error(.statementFailed, sqlstate).isAbsence) }
        for code: PostgresError.Code in [.unfit, .invalidSettings, .overloaded, .unexpectedAnswer] {
            #expect(!error(code).isAbsence)
        }
    }

    @Test("an unfit database isn't away")
    func unfit() async throws {
        let error = try await self.failure(try TestDatabase.empty().settings(Roles.writer))
        #expect(error.code == .unfit && !error.isAbsence)
    }

    @Test(
        "the code of a refusal is what its message ends with",
        arguments: [
            ("connection to server on socket \"/run/.s.PGSQL.5432\" failed: FATAL:  28P01\n", "28P01"),
            ("… FATAL:  57P03\n… FATAL:  3D000", "3D000"), ("Connection refused\n\tIs the server running?", nil),
            ("", nil),
        ])
    func code(message: String, code: String?) {
        #expect(ConnectionRefusal.sqlstate(in: message)?.text == code)
    }
}

@Suite("Which database it is")
struct DatabaseIdentityTests {
    @Test("a database says the same each time, and another one of the same server something else")
    func identity() async throws {
        let (first, second) = (try await TestDatabase.migrated(), try await TestDatabase.migrated())
        let id = try await PostgresStore.check(settings: first.settings(Roles.writer))
        #expect(try await PostgresStore.check(settings: first.settings(Roles.writer)) == id)
        let other = try await PostgresStore.check(settings: second.settings(Roles.writer))
        #expect(other != id && other.split(separator: "/").first == id.split(separator: "/").first)
    }

    @Test("a place has neither user nor password, and is the same in both forms of a connection string")
    func place() {
        let pairs = ConnectionSettings(conninfo: "host=db.example port=5433 dbname=docket user=a password=secret")
        let uri = ConnectionSettings(conninfo: "postgresql://b:other@db.example:5433/docket?sslmode=require")
        #expect(pairs.place == "host=db.example port=5433 dbname=docket")
        #expect(uri.place == pairs.place)
        #expect(ConnectionSettings(conninfo: "host=db port=1 user=a").place == "host=db port=1 dbname=a")
    }
}
