import Crypto
import DocketModel
import Foundation

/// Whether an export is what its manifest says: size, hash and number of events.
struct ExportVerification {
    let manifest: ExportManifest
    /// What is different; empty when nothing is.
    private(set) var faults: [String] = []

    /// The manifest of an export.
    static func manifestPath(of path: String) -> String { path + ".manifest.json" }

    /// Reads a manifest.
    static func manifest(at path: String) throws -> ExportManifest {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandError(.noInput, "cannot read the manifest '\(path)'")
        }
        do throws(ModelError) {
            return try ExportManifest(json: Array(data))
        } catch {
            throw CommandError(.dataError, "the manifest '\(path)' can't be used: \(error.message)", cause: error)
        }
    }

    /// Reads an export and holds it against its manifest.
    init(path: String, manifest: ExportManifest) throws {
        self.manifest = manifest
        let source = try ByteSource(path: path)
        var (hash, counter, byteCount) = (SHA256(), RecordCounter(format: manifest.format), Int64(0))
        while true {
            let bytes = try source.read(maxBytes: 1 << 20, at: Int(byteCount))
            guard !bytes.isEmpty else { break }
            hash.update(data: bytes)
            counter.count(bytes)
            byteCount += Int64(bytes.count)
        }
        self.compare("bytes", byteCount, manifest.byteCount)
        self.compare("events", counter.eventCount, manifest.eventCount)
        self.compare("SHA-256", hexadecimal(hash.finalize()), manifest.sha256)
    }

    private mutating func compare<Value: Equatable>(_ name: String, _ found: Value, _ expected: Value) {
        if found != expected { self.faults.append("\(name): the export has \(found), the manifest says \(expected)") }
    }
}

/// Counts the records of an export.
struct RecordCounter {
    private let isCSV: Bool
    private var lines: Int64 = 0
    private var isQuoted = false

    init(format: ExportFormat) { self.isCSV = format == .csv }

    /// The records so far; CSV's header is none.
    var eventCount: Int64 { self.isCSV ? max(0, self.lines - 1) : self.lines }

    mutating func count(_ bytes: [UInt8]) {
        for byte in bytes {
            // A doubled quote within a quoted field closes and opens it again.
            if self.isCSV, byte == UInt8(ascii: "\"") { self.isQuoted.toggle() }
            if byte == UInt8(ascii: "\n"), !self.isQuoted { self.lines += 1 }
        }
    }
}
