import DevCluster
import DocketTestSupport
import Foundation
import Testing

@testable import DocketPostgres

/// Faults of a whole server, which need one of their own.
extension Provocation {
    static let ofServer: [Provocation] = [
        Provocation("25006", "the server becomes read-only, and writable again") { bed in
            let cluster = bed.database.cluster
            func setReadOnly(_ isOn: Bool) async throws {
                try cluster.execute("ALTER SYSTEM SET default_transaction_read_only = \(isOn)")
                try cluster.execute("SELECT pg_reload_conf()")
                try await until {
                    try cluster.execute("SHOW default_transaction_read_only") == (isOn ? "on" : "off")
                }
            }
            try await bed.expectUnavailable(
                while: { try await setReadOnly(true) }, until: { try await setReadOnly(false) })
        },
        Provocation("53200", "the lock table is full") { bed in
            let greedy = try bed.database.connect()
            // Locks of a session outlive the statement that fails.
            let all = "SELECT count(pg_advisory_lock(i)) FROM generate_series(1, 10000000) AS i"
            try await bed.expectUnavailable(
                while: {
                    let error = #expect(throws: PostgresError.self) { try greedy.execute(all) }
                    #expect(error?.sqlstate == SQLState("53200"))
                }, until: { try greedy.execute("SELECT pg_advisory_unlock_all()") })
        },
        Provocation("58P01", "a table's file is gone") { bed in
            let file = try bed.file(of: "docket.events_000001")
            try await bed.expectUnavailable(
                while: {
                    try bed.database.connect().execute("CHECKPOINT")
                    try FileManager.default.moveItem(atPath: file, toPath: "\(file).away")
                    // A session that has the file open would not notice.
                    try await bed.endSession()
                }, until: { try FileManager.default.moveItem(atPath: "\(file).away", toPath: file) })
        },
        Provocation("XX001", "a page of a segment is garbage") { bed in
            try await bed.expectUnavailableWhileDamaged("docket.events_000001", with: 0xA5)
        },
        Provocation("XX002", "a page of the index of keys is lost") { bed in
            try await bed.expectUnavailableWhileDamaged("docket.batches_key", with: 0)
        },
    ]

    /// Disk full, on a small file system of its own.
    static let diskFull = Provocation("53100", "the disk is full") { bed in
        let disk = try SmallDisk(in: bed.database.cluster, sizeBytes: 4 << 20)
        defer { disk.remove() }
        let admin = try bed.database.connect()
        try admin.execute("CREATE TABLESPACE small LOCATION '\(disk.folder)'")
        try admin.execute("ALTER TABLE docket.events_000001 SET TABLESPACE small")
        // More than the page that is there already has room for.
        try await bed.expectUnavailable(events: 900, while: { try disk.fill() }, until: { try disk.free() })
        try admin.execute("ALTER TABLE docket.events_000001 SET TABLESPACE pg_default")
        try admin.execute("DROP TABLESPACE small")
    }
}

extension FaultBed {
    /// Where the server keeps a table or an index.
    fileprivate func file(of relation: String) throws -> String {
        let path = try self.database.connect().query("SELECT pg_relation_filepath($1::regclass)", [.text(relation)])
        return "\(self.database.cluster.dataFolder)/\(try path.text(0, 0))"
    }

    /// The first page of a relation is overwritten, and restored.
    fileprivate func expectUnavailableWhileDamaged(_ relation: String, with byte: UInt8) async throws {
        let file = try self.file(of: relation)
        let cluster = self.database.cluster
        var page = Data()
        func replace(_ bytes: Data) throws -> Data {
            // A server that runs has the page in its memory.
            try cluster.stop()
            let handle = try #require(FileHandle(forUpdatingAtPath: file))
            let found = try #require(try handle.read(upToCount: bytes.count))
            try handle.seek(toOffset: 0)
            try handle.write(contentsOf: bytes)
            try handle.close()
            try cluster.start()
            return found
        }
        try await self.expectUnavailable(
            while: { page = try replace(Data(repeating: byte, count: 8192)) }, until: { _ = try replace(page) })
    }
}

/// A file system of a few megabytes in memory, which root alone can make.
struct SmallDisk {
    let folder: String
    private var filler: String { "\(self.folder)/filler" }

    /// Whether this process may mount one; containers mostly may not.
    static let isPossible: Bool = {
        let folder = FileManager.default.temporaryDirectory.appending(path: "docket-mount-\(getpid())").path
        guard geteuid() == 0, mkdir(folder, 0o700) == 0 else { return false }
        defer { rmdir(folder) }
        guard mount("tmpfs", folder, "tmpfs", 0, "size=65536") == 0 else { return false }
        return umount(folder) == 0
    }()

    init(in cluster: DevCluster, sizeBytes: Int) throws {
        self.folder = "\(cluster.folder)/small"
        try #require(mkdir(self.folder, 0o700) == 0)
        try #require(mount("tmpfs", self.folder, "tmpfs", 0, "size=\(sizeBytes),mode=0700") == 0)
        var status = stat()
        try #require(stat(cluster.dataFolder, &status) == 0)
        try #require(chown(self.folder, status.st_uid, status.st_gid) == 0)
    }

    /// Leaves no room.
    func fill() throws {
        try #require(FileManager.default.createFile(atPath: self.filler, contents: nil))
        let handle = try #require(FileHandle(forWritingAtPath: self.filler))
        let page = Data(repeating: 1, count: 4096)
        while (try? handle.write(contentsOf: page)) != nil {}
        try handle.close()
    }

    func free() throws { try FileManager.default.removeItem(atPath: self.filler) }

    func remove() {
        umount2(self.folder, Int32(MNT_DETACH))
        rmdir(self.folder)
    }
}
