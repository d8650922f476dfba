import DevCluster
import DocketModel
import DocketStore
import DocketTestSupport
import Foundation
import Testing

@testable import DocketPostgres

/// A server that takes TCP connections with TLS and a password alone, at an address of the loopback network of its own,
/// and the files that a client of it has.
private struct TLSServer {
    let database: TestDatabase
    let folder: URL
    /// 127.0.0.0/8 is the machine itself: another server at the same port has another address.
    let host = "127.\(UInt8(truncatingIfNeeded: getpid() >> 8)).\(UInt8(truncatingIfNeeded: getpid())).77"

    var certificate: String { self.folder.appending(path: "server.crt").path }
    var passwords: String { self.folder.appending(path: "pgpass").path }
    var services: String { self.folder.appending(path: "services").path }

    init() async throws {
        self.database = try TestDatabase.empty(on: "tls")
        _ = try await Migrator(settings: self.database.settings(DevCluster.superuser)).migrate()
        self.folder = FileManager.default.temporaryDirectory.appending(path: "docket-pgtls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        let cluster = self.database.cluster
        let key = "\(cluster.dataFolder)/server.key"
        let openssl = Process()
        openssl.executableURL = URL(filePath: "/usr/bin/env")
        openssl.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", "/CN=docket", "-addext", "subjectAltName=IP:\(self.host)",
            "-keyout", key, "-out", self.certificate,
        ]
        openssl.standardError = FileHandle.nullDevice
        try openssl.run()
        openssl.waitUntilExit()
        try #require(openssl.terminationStatus == 0)
        try Data(contentsOf: URL(filePath: self.certificate))
            .write(to: URL(filePath: "\(cluster.dataFolder)/server.crt"))
        var status = stat()
        try #require(stat(cluster.dataFolder, &status) == 0)
        for file in [key, "\(cluster.dataFolder)/server.crt"] {
            try #require(chown(file, status.st_uid, status.st_gid) == 0 && chmod(file, 0o600) == 0)
        }
        try cluster.execute("ALTER SYSTEM SET ssl = on")
        try cluster.execute("ALTER SYSTEM SET listen_addresses = '\(self.host)'")
        try cluster.execute("ALTER ROLE docket_writer PASSWORD 'hunter2'")
        try cluster.stop()
        try cluster.start()
        let access = "\(cluster.dataFolder)/pg_hba.conf"
        let rules = try String(contentsOfFile: access, encoding: .utf8)
        try Data("\(rules)hostssl all all 127.0.0.0/8 scram-sha-256\n".utf8).write(to: URL(filePath: access))
        try cluster.execute("SELECT pg_reload_conf()")
        try Data(
            """
            [docket-test]
            host=\(self.host)
            port=\(DevCluster.port)
            dbname=\(self.database.name)
            user=docket_writer
            sslmode=verify-full
            sslrootcert=\(self.certificate)
            passfile=\(self.passwords)

            """.utf8
        ).write(to: URL(filePath: self.services))
        try self.keep(password: "hunter2")
        // The rules are read by the server when it gets to it.
        await until { (try? PostgresConnection(self.settings(self.direct))) != nil }
    }

    var direct: String {
        "host=\(self.host) dbname=\(self.database.name) user=docket_writer passfile=\(self.passwords)"
    }

    func settings(_ conninfo: String) -> ConnectionSettings { ConnectionSettings(conninfo: conninfo) }

    /// Writes `.pgpass`, which libpq reads only if nobody else can.
    func keep(password: String) throws {
        let line = "\(self.host):\(DevCluster.port):*:docket_writer:\(password)\n"
        try Data(line.utf8).write(to: URL(filePath: self.passwords))
        try #require(chmod(self.passwords, 0o600) == 0)
    }

    func remove() { try? FileManager.default.removeItem(at: self.folder) }
}

/// Sets a variable of this process for the length of a test. Tests run one after the other.
private struct Variable: ~Copyable {
    let name: String

    init(_ name: String, _ value: String) {
        self.name = name
        setenv(name, value, 1)
    }

    deinit { unsetenv(self.name) }
}

@Suite("What libpq reads from elsewhere", .serialized)
struct ConnectionStringTests {
    @Test("a store finds its server by PGSERVICE, its password in .pgpass, and writes over TLS as sslmode asks")
    func service() async throws {
        let server = try await TLSServer()
        defer { server.remove() }
        let file = Variable("PGSERVICEFILE", server.services)
        for conninfo in ["service=docket-test", "connect_timeout=5"] {
            // A service that the string doesn't name is named by the environment.
            let service = Variable("PGSERVICE", "docket-test")
            let store = try await PostgresStore.start(settings: server.settings(conninfo), logger: .quiet)
            let maker = BatchMaker(producer: ProducerID(high: 1, low: UInt64(conninfo.utf8.count)))
            #expect(await store.store(try maker.batch(1, [maker.event(1)])).committed != nil)
            let encrypted = """
                SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                WHERE usename = 'docket_writer' AND datname = current_database() AND ssl AND client_addr IS NOT NULL
                """
            #expect(try server.database.number(encrypted) > 0)
            await store.drain()
            _ = consume service
        }
        _ = consume file
        #expect(try server.database.number("SELECT count(*) FROM docket.events") == 2)
    }

    @Test("sslmode decides: require encrypts, disable is turned away, verify-full asks for the right name")
    func sslmode() async throws {
        let server = try await TLSServer()
        defer { server.remove() }
        let isEncrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        for mode in ["require", "verify-ca", "verify-full"] {
            let conninfo = "\(server.direct) sslmode=\(mode) sslrootcert=\(server.certificate)"
            #expect(try PostgresConnection(server.settings(conninfo)).query(isEncrypted).bool(0, 0), "\(mode)")
        }
        // libpq compares the certificate with the host's name, not with the address that it connects to.
        let misnamed = server.direct.replacing("host=\(server.host)", with: "host=elsewhere hostaddr=\(server.host)")
        for (conninfo, reason) in [
            ("\(server.direct) sslmode=disable", "no encryption"),
            ("\(misnamed) sslmode=verify-full sslrootcert=\(server.certificate)", "does not match host name"),
        ] {
            let error = #expect(throws: PostgresError.self) { _ = try PostgresConnection(server.settings(conninfo)) }
            #expect(error?.code == .connectFailed && error?.message.contains(reason) == true, "\(error as Any)")
        }
    }

    @Test("a wrong password in .pgpass is an error that shows neither it nor the right one")
    func wrongPassword() async throws {
        let server = try await TLSServer()
        defer { server.remove() }
        try server.keep(password: "swordfish")
        let error = await #expect(throws: PostgresError.self) {
            _ = try await PostgresStore.start(settings: server.settings(server.direct), logger: .quiet)
        }
        #expect(error?.code == .connectFailed)
        #expect(error?.message.contains("password authentication failed") == true, "\(error as Any)")
        #expect(error?.message.contains("swordfish") == false && error?.message.contains("hunter2") == false)
    }
}
