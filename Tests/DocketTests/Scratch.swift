import Foundation

/// A folder of one test, removed when the test lets go of it.
final class Scratch {
    let folder: String

    init() throws {
        let name = "docket-tests-\(UUID().uuidString)"
        self.folder = FileManager.default.temporaryDirectory.appendingPathComponent(name).path
        try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.folder) }

    /// A file with this content; returns its path.
    func file(_ name: String, _ content: some Sequence<UInt8>) throws -> String {
        let path = "\(self.folder)/\(name)"
        try Data(content).write(to: URL(fileURLWithPath: path))
        return path
    }
}
