import Crypto
import DocketImport
import DocketModel
import Foundation

/// Whether an export is what its manifest says: size, hash, number of events, times, tenants, and what of the filter a record shows.
struct ExportVerification {
    let manifest: ExportManifest
    /// What is different; empty when nothing is.
    private(set) var faults: [String] = []

    private let filter: ExportFilterCheck
    private var eventCount: Int64 = 0
    private var occurred: ClosedRange<Timestamp>?
    private var received: ClosedRange<Timestamp>?
    /// Of CSV: whether the header has been read.
    private var hasHeader = false
    /// Whether a record didn't agree: of those that follow it nothing more is told.
    private var hasFaultyRecord = false

    /// More than any format makes of the longest event that the limits can be set to.
    private static let maxRecordBytes = 32 << 20
    private static let chunkBytes = 1 << 20

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
        self.filter = try ExportFilterCheck(manifest)
        let source = try ByteSource(path: path)
        let progress = ProgressLine(unit: "events")
        defer { progress.clear() }
        var reader: any RecordReader =
            manifest.format == .csv
            ? CSVReader(maxRecordBytes: Self.maxRecordBytes) : LineReader(maxRecordBytes: Self.maxRecordBytes)
        var (hash, byteCount) = (SHA256(), Int64(0))
        var bytes: [UInt8]
        repeat {
            bytes = try source.read(maxBytes: Self.chunkBytes, at: Int(byteCount))
            hash.update(data: bytes)
            byteCount += Int64(bytes.count)
            if bytes.isEmpty { reader.finish() } else { reader.push(bytes) }
            while let record = reader.next() { self.take(record) }
            progress.update(done: Int(self.eventCount), total: Int(manifest.eventCount))
        } while !bytes.isEmpty
        self.compare("bytes", byteCount, manifest.byteCount)
        self.compare("events", self.eventCount, manifest.eventCount)
        self.compare("sha256", hexadecimal(hash.finalize()), manifest.sha256)
        self.compareTimes()
    }

    private mutating func take(_ read: Result<RawRecord, ImportError>) {
        do throws(ModelError) {
            let raw: RawRecord
            switch read {
            case .success(let record): raw = record
            case .failure(let error): throw ModelError(code: .invalidField, message: error.message)
            }
            if self.manifest.format == .csv, !self.hasHeader {
                self.hasHeader = true
                return try ExportedRecord.checkHeader(raw.columns)
            }
            self.eventCount += 1
            let record =
                self.manifest.format == .csv
                ? try ExportedRecord(columns: raw.columns)
                : try ExportedRecord(line: raw.bytes, of: self.manifest.format)
            try self.take(record)
        } catch {
            guard !self.hasFaultyRecord else { return }
            self.hasFaultyRecord = true
            self.faults.append("event \(self.eventCount): \(error.message)")
        }
    }

    private mutating func take(_ record: ExportedRecord) throws(ModelError) {
        guard let occurredAt = record.occurredAt, let receivedAt = record.receivedAt else {
            throw ModelError(code: .invalidField, message: "doesn't say when it occurred and was received")
        }
        self.occurred = ExportFile.with(occurredAt, self.occurred)
        self.received = ExportFile.with(receivedAt, self.received)
        try self.filter.check(record)
    }

    private mutating func compareTimes() {
        let format = self.manifest.format
        func told(_ time: Timestamp?) -> String? { time.map { ExportedRecord.told($0, in: format).rfc3339 } }
        self.compare(
            "first_occurred_at", self.occurred?.lowerBound.rfc3339, self.manifest.occurred?.lowerBound.rfc3339)
        self.compare(
            "last_occurred_at", self.occurred?.upperBound.rfc3339, self.manifest.occurred?.upperBound.rfc3339)
        self.compare("first_received_at", told(self.received?.lowerBound), told(self.manifest.received?.lowerBound))
        self.compare("last_received_at", told(self.received?.upperBound), told(self.manifest.received?.upperBound))
    }

    private mutating func compare<Value: Equatable>(_ name: String, _ found: Value?, _ expected: Value?) {
        guard found != expected else { return }
        func text(_ value: Value?) -> String { value.map { "\($0)" } ?? "none" }
        self.faults.append("\(name): the export has \(text(found)), the manifest says \(text(expected))")
    }
}
