import DocketModel
import DocketOperations
import DocketRegistry
import DocketRuntime
import Foundation
import Testing

@Suite("The file that a collector keeps its registry in")
struct RegistrySnapshotFileTests {
    private let noon = Timestamp(microsecondsSinceEpoch: 1_795_219_200_000_000)
    private let folder: URL
    private let contents = RegistryContents(
        version: 5, tenants: [.init(id: 1, slug: "acme")], credentials: [], eventTypes: [])

    init() throws {
        self.folder = FileManager.default.temporaryDirectory.appendingPathComponent("docket-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: false)
    }

    private func file(place: String = "host=a", maxAgeSeconds: Int = 60) -> RegistrySnapshotFile {
        RegistrySnapshotFile(
            path: self.folder.appendingPathComponent("registry").path, place: place, maxAgeSeconds: maxAgeSeconds)
    }

    private func write(_ file: RegistrySnapshotFile) throws {
        let origin = RegistryFile.Origin(place: file.place, databaseID: "1/2")
        try file.write(
            payload: RegistryFile.payload(origin: origin, contents: self.contents), confirmedAt: self.noon)
    }

    private func after(_ seconds: Int64) -> Timestamp {
        Timestamp(microsecondsSinceEpoch: self.noon.microsecondsSinceEpoch + seconds * 1_000_000)
    }

    /// Why a file isn't used.
    private func refusal(_ file: RegistrySnapshotFile, at time: Timestamp? = nil) throws -> String {
        let error = try #require(throws: OperationsError.self) { try file.read(at: time ?? self.noon) }
        #expect(error.code == .unreadable)
        let prefix = "the registry snapshot '\(file.path)' is not used: "
        #expect(error.message.hasPrefix(prefix))
        return String(error.message.dropFirst(prefix.count))
    }

    @Test("is read as it was written, by its owner only, and leaves nothing else in its folder")
    func roundTrip() throws {
        defer { try? FileManager.default.removeItem(at: self.folder) }
        for _ in 0..<2 { try self.write(self.file()) }
        let read = try self.file().read(at: self.noon)
        #expect(read.contents == self.contents)
        #expect(read.confirmedAt == self.noon)
        let mode = try FileManager.default.attributesOfItem(atPath: self.file().path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: self.folder.path) == ["registry"])
    }

    @Test("is used up to its age, and not when it is of the future")
    func age() throws {
        defer { try? FileManager.default.removeItem(at: self.folder) }
        try self.write(self.file())
        for seconds: Int64 in [-300, 0, 60] { _ = try self.file().read(at: self.after(seconds)) }
        for seconds: Int64 in [-301, 61] {
            let refusal = try self.refusal(self.file(), at: self.after(seconds))
            #expect(refusal.contains("registry.max_snapshot_age_seconds is 60"))
        }
    }

    @Test("is refused when it is of another database")
    func foreign() throws {
        defer { try? FileManager.default.removeItem(at: self.folder) }
        try self.write(self.file())
        #expect(
            try self.refusal(self.file(place: "host=b"))
                == "it is of the database at 'host=a', and postgres.writer names 'host=b'")
    }

    @Test("is refused when it isn't there, is no file, or others can write it")
    func fileFaults() throws {
        defer { try? FileManager.default.removeItem(at: self.folder) }
        let file = self.file()
        #expect(try self.refusal(file) == "No such file or directory")
        try self.write(file)
        try FileManager.default.setAttributes([.posixPermissions: 0o620], ofItemAtPath: file.path)
        #expect(try self.refusal(file).hasPrefix("others than its owner"))
        try FileManager.default.removeItem(atPath: file.path)
        #expect(mkfifo(file.path, 0o600) == 0)
        #expect(try self.refusal(file) == "it is no regular file")
    }

    @Test("is refused when it is damaged")
    func damaged() throws {
        defer { try? FileManager.default.removeItem(at: self.folder) }
        let file = self.file()
        try self.write(file)
        var bytes = try Data(contentsOf: URL(fileURLWithPath: file.path))
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: URL(fileURLWithPath: file.path))
        #expect(try self.refusal(file) == "its checksum is wrong: it was altered or damaged")
        try Data().write(to: URL(fileURLWithPath: file.path))
        #expect(try self.refusal(file) == "it isn't a registry snapshot")
    }

    @Test("that can't be replaced stays as it is")
    func unwritable() throws {
        defer { try? FileManager.default.removeItem(at: self.folder) }
        let lost = RegistrySnapshotFile(
            path: self.folder.appendingPathComponent("gone/registry").path, place: "", maxAgeSeconds: 60)
        let error = try #require(throws: OperationsError.self) { try self.write(lost) }
        #expect(error.code == .cannotCreate)
    }
}
