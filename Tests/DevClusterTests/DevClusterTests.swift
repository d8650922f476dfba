import Foundation
import Testing

@testable import DevCluster

@Suite("A private cluster", .serialized)
struct DevClusterTests {
    /// A cluster in a folder of its own that is removed after the test.
    private func withCluster(_ folder: String? = nil, _ body: (DevCluster) throws -> Void) throws {
        let folder = folder ?? "/tmp/docket-cluster-\(getpid())-\(UInt32.random(in: .min ... .max))"
        var settings = DevCluster.Settings()
        settings.isDurable = false
        let cluster = try DevCluster(folder: folder, settings: settings)
        defer { try? cluster.remove() }
        try body(cluster)
        try cluster.remove()
        #expect(!FileManager.default.fileExists(atPath: cluster.folder))
        #expect(!FileManager.default.fileExists(atPath: cluster.socketFolder))
    }

    @Test("starts, starts again without effect, stops, stops again without effect, and keeps its data")
    func life() throws {
        try self.withCluster { cluster in
            #expect(cluster.serverProcessID == nil)
            try cluster.start()
            let first = try #require(cluster.serverProcessID)
            try cluster.start()
            #expect(cluster.serverProcessID == first)
            try cluster.createDatabase("kept")
            try cluster.createDatabase("kept")
            try cluster.execute("CREATE TABLE t AS SELECT 7 AS n", database: "kept")
            try cluster.stop()
            #expect(cluster.serverProcessID == nil)
            try cluster.stop()
            try cluster.start()
            #expect(try cluster.execute("SELECT n FROM t", database: "kept") == "7")
        }
    }

    @Test("has encoding UTF8, a locale that sorts by code point, and no TCP port")
    func properties() throws {
        try self.withCluster { cluster in
            try cluster.start()
            #expect(try cluster.execute("SHOW server_encoding") == "UTF8")
            #expect(["C", "C.UTF-8", "C.utf8"].contains(try cluster.execute("SHOW lc_collate")))
            #expect(try cluster.execute("SHOW listen_addresses") == "")
        }
    }

    @Test("its folders can be entered by the server's user alone")
    func closedFolders() throws {
        try self.withCluster { cluster in
            try cluster.start()
            for path in [cluster.folder, cluster.socketFolder, cluster.dataFolder] {
                var status = stat()
                #expect(stat(path, &status) == 0)
                #expect(status.st_mode & 0o777 == 0o700, "\(path)")
                #expect(status.st_uid == cluster.user.userID, "\(path)")
            }
        }
    }

    @Test("starts after its server was killed")
    func killedServer() throws {
        try self.withCluster { cluster in
            try cluster.start()
            let server = try #require(cluster.serverProcessID)
            // An immediate stop and then the lock files of a killed server, put back as they were.
            let pidFile = "\(cluster.dataFolder)/postmaster.pid"
            let lockFile = "\(cluster.socketFolder)/.s.PGSQL.5432.lock"
            let contents = try [pidFile, lockFile].map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
            try cluster.stop(.immediate)
            try contents[0].write(to: URL(fileURLWithPath: pidFile))
            try contents[1].write(to: URL(fileURLWithPath: lockFile))
            #expect(cluster.serverProcessID == nil)
            try cluster.start()
            #expect(try cluster.execute("SELECT 1") == "1")
            #expect(cluster.serverProcessID != server)
        }
    }

    @Test("a process number in postmaster.pid that belongs to another process is not taken for the server")
    func reusedProcessNumber() throws {
        try self.withCluster { cluster in
            try cluster.start()
            let pidFile = "\(cluster.dataFolder)/postmaster.pid"
            let text = try String(contentsOfFile: pidFile, encoding: .utf8)
            try cluster.stop()
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            let forged = (["\(getpid())"] + lines.dropFirst().map(String.init)).joined(separator: "\n")
            try Data(forged.utf8).write(to: URL(fileURLWithPath: pidFile))
            #expect(cluster.serverProcessID == nil)
            try cluster.start()
            #expect(try cluster.execute("SELECT 1") == "1")
        }
    }

    @Test("an initdb that was killed half-way is started over")
    func unfinishedInitdb() throws {
        try self.withCluster { cluster in
            try cluster.start()
            try cluster.stop()
            try FileManager.default.moveItem(atPath: cluster.dataFolder, toPath: "\(cluster.folder)/data.new")
            try FileManager.default.removeItem(atPath: "\(cluster.folder)/data.new/pg_hba.conf")
            try cluster.start()
            #expect(try cluster.execute("SELECT 1") == "1")
        }
    }

    @Test("a path that is too long for a socket gets a short folder for it")
    func longPath() throws {
        let folder = "/tmp/docket-cluster-\(getpid())-\(String(repeating: "long", count: 25))"
        try self.withCluster(folder) { cluster in
            #expect(cluster.folder == folder)
            #expect("\(cluster.socketFolder)/.s.PGSQL.5432".utf8.count <= DevCluster.maxSocketPathBytes)
            try cluster.start()
            #expect(try cluster.execute("SELECT 1") == "1")
        }
    }

    @Test("root's cluster moves to where the user postgres can reach it", .enabled(if: geteuid() == 0))
    func unreachableParent() throws {
        let parent = "/tmp/docket-closed-\(getpid())"
        try FileManager.default.createDirectory(
            atPath: parent, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: parent) }
        try self.withCluster("\(parent)/below/cluster") { cluster in
            #expect(cluster.folder.hasPrefix("/var/lib/docket-dev/"))
            try cluster.start()
            #expect(try cluster.execute("SELECT 1") == "1")
        }
    }

    @Test("a socket folder that somebody else put there is refused")
    func foreignFolder() throws {
        let folder = "/tmp/docket-cluster-\(getpid())-foreign"
        try Data().write(to: URL(fileURLWithPath: folder))
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let cluster = try DevCluster(folder: folder)
        let error = #expect(throws: DevClusterError.self) { try cluster.start() }
        #expect(error?.message.contains("is not a folder") == true)
    }

    @Test("programs of another version than the data folder are refused with the remedy")
    func otherVersion() throws {
        try self.withCluster { cluster in
            try cluster.start()
            try cluster.stop()
            try Data("9\n".utf8).write(to: URL(fileURLWithPath: "\(cluster.dataFolder)/PG_VERSION"))
            let error = #expect(throws: DevClusterError.self) { try cluster.start() }
            #expect(error?.message.contains("set PGBIN to the programs of version 9") == true)
        }
    }

    @Test("a caller's PG variables don't lead to another server")
    func environment() throws {
        setenv("PGHOST", "/nowhere", 1)
        setenv("PGOPTIONS", "-c nonsense=1", 1)
        defer {
            unsetenv("PGHOST")
            unsetenv("PGOPTIONS")
        }
        try self.withCluster { cluster in
            try cluster.start()
            #expect(try cluster.execute("SELECT current_user") == "postgres")
        }
    }
}

@Suite("Finding PostgreSQL's programs")
struct PostgresProgramsTests {
    @Test("PGBIN wins, and a folder without the programs is refused by name")
    func programsByVariable() throws {
        let found = try PostgresPrograms.find()
        #expect(try PostgresPrograms.find(environment: ["PGBIN": found.binFolder]) == found)
        let error = #expect(throws: DevClusterError.self) {
            try PostgresPrograms.find(environment: ["PGBIN": "/nowhere"])
        }
        #expect(error?.message.contains("/nowhere") == true)
    }

    @Test("the newest version in Debian's folder comes before PATH, and 15 is newer than 9")
    func newestFirst() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("docket-bin-\(getpid())").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for version in ["9", "15", "notes"] {
            let bin = "\(folder)/\(version)/bin"
            try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
            for program in ["initdb", "pg_ctl", "postgres", "psql"] {
                #expect(
                    FileManager.default.createFile(
                        atPath: "\(bin)/\(program)", contents: Data(), attributes: [.posixPermissions: 0o755]))
            }
        }
        #expect(try PostgresPrograms.find(environment: [:], debianFolder: folder).binFolder == "\(folder)/15/bin")
        let path = ["PATH": "/nowhere:\(folder)/9/bin"]
        #expect(try PostgresPrograms.find(environment: path, debianFolder: "/nowhere").binFolder == "\(folder)/9/bin")
        let error = #expect(throws: DevClusterError.self) {
            try PostgresPrograms.find(environment: [:], debianFolder: "/nowhere")
        }
        #expect(error?.code == .noPrograms)
    }

    @Test("an ordinary user runs the programs as itself")
    func ordinaryUser() throws {
        #expect(try ServerUser.current(callerID: 1000).prefix.isEmpty)
    }
}

@Suite("Connection strings of a private cluster")
struct ConnectionStringTests {
    @Test("values with spaces, quotes and backslashes are quoted for libpq, and the line for the shell")
    func quoting() throws {
        let cluster = try DevCluster(folder: "/tmp/a folder")
        let text = cluster.conninfo(role: #"o'r\"#, database: "docket")
        #expect(text == #"host='/tmp/a folder/run' port=5432 user='o\'r\\' dbname=docket"#)
        #expect(
            cluster.psqlLine(role: "docket_reader", database: "docket").contains(#"'host='\''/tmp/a folder/run'\'' "#))
    }
}
