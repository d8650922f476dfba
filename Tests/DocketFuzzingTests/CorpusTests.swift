import DocketFuzzing
import Foundation
import Testing

@Suite("The kept corpus of the fuzz targets")
struct CorpusTests {
    /// Tests/Fuzz, from this file's place.
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fuzz")

    /// The files of a target in one of the folders there, in the order of their names.
    private static func files(_ folder: String, _ target: FuzzTarget) throws -> [URL] {
        let folder = self.folder.appending(path: folder).appending(path: target.rawValue)
        guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { !$0.lastPathComponent.hasPrefix(".") }.sorted { $0.path < $1.path }
    }

    init() async { await FuzzTarget.prepare() }

    private static func run(_ files: [URL], _ target: FuzzTarget) throws {
        for file in files {
            let input = [UInt8](try Data(contentsOf: file))
            #expect(throws: Never.self, "scripts/fuzz replay \(target.rawValue) \(file.path)") { try target.run(input) }
        }
    }

    @Test("every input of the corpus passes", arguments: FuzzTarget.allCases)
    func corpus(_ target: FuzzTarget) throws {
        let files = try Self.files("Corpus", target)
        #expect(!files.isEmpty, "the target has no corpus")
        try Self.run(files, target)
    }

    @Test("every input that once broke something passes", arguments: FuzzTarget.allCases)
    func pastFindings(_ target: FuzzTarget) throws { try Self.run(try Self.files("Findings", target), target) }

    @Test("an empty input and one of each byte pass", arguments: FuzzTarget.allCases)
    func smallest(_ target: FuzzTarget) throws {
        try target.run([])
        for byte in UInt8.min...UInt8.max { try target.run([byte]) }
    }
}
