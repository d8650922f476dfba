import DocketImport
import DocketModel
import Foundation
import Testing

/// The repository's root, also where the folder of tests is reached through a link.
let repository = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

/// The whole data sets, which developers may have next to the repository. `nil` elsewhere.
func dataSet(_ name: String) -> URL? {
    let url = repository.deletingLastPathComponent().appending(path: "shared/data/\(name)")
    return FileManager.default.fileExists(atPath: url.path) ? url : nil
}

func sample(_ name: String) throws -> [UInt8] {
    try Array(Data(contentsOf: repository.appending(path: "Tests/Samples/\(name)")))
}

/// Imports bytes that arrive in chunks of that size.
func imported(
    _ bytes: [UInt8], _ format: ImportFormat, limits: Limits = Limits(), chunkBytes: Int = 65_536,
    maxRecordBytes: Int = Importer.defaultMaxRecordBytes
) -> [ImportedRecord] {
    var importer = Importer(format: format, limits: limits, maxRecordBytes: maxRecordBytes)
    var records: [ImportedRecord] = []
    for start in stride(from: 0, to: bytes.count, by: chunkBytes) {
        importer.push(Array(bytes[start..<min(start + chunkBytes, bytes.count)]))
        while let record = importer.next() { records.append(record) }
    }
    importer.finish()
    while let record = importer.next() { records.append(record) }
    return records
}

func imported(_ text: String, _ format: ImportFormat, limits: Limits = Limits()) -> [ImportedRecord] {
    imported(Array(text.utf8), format, limits: limits)
}

extension ImportedRecord {
    var event: Event? { try? self.result.get() }

    var error: ImportError? {
        guard case .failure(let error) = self.result else { return nil }
        return error
    }
}

/// All that a reader cuts out of bytes that arrive in chunks of that size: records, and errors as text.
func cut(_ bytes: [UInt8], by reader: some RecordReader, chunkBytes: Int = 65_536) -> [Result<RawRecord, ImportError>] {
    var reader = reader
    var results: [Result<RawRecord, ImportError>] = []
    for start in stride(from: 0, to: bytes.count, by: chunkBytes) {
        reader.push(Array(bytes[start..<min(start + chunkBytes, bytes.count)]))
        while let result = reader.next() { results.append(result) }
    }
    reader.finish()
    while let result = reader.next() { results.append(result) }
    return results
}
