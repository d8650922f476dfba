import DocketImport
import DocketModel

/// Files of audit records. Where they are cut makes no difference, and what becomes an event the collector takes.
enum ImportsTarget {
    static func run(_ input: [UInt8]) throws(FuzzFinding) {
        var input = FuzzInput(input)
        let flags = input.byte()
        let seed = input.byte()
        let format = ImportFormat.allCases[Int(flags & 15) % ImportFormat.allCases.count]
        let maxRecordBytes = flags & 16 == 0 ? Importer.defaultMaxRecordBytes : 16 << Int(flags >> 5)
        let file = input.remaining()
        func records(seed: UInt8) -> [ImportedRecord] {
            self.records(of: file, seed: seed, Importer(format: format, maxRecordBytes: maxRecordBytes))
        }
        let whole = records(seed: 0)
        try requireEqual(records(seed: seed | 1), whole, "what comes of the file in pieces")
        let lines = whole.map(\.line)
        try require(lines == lines.sorted() && lines.first ?? 1 >= 1, "the lines \(lines) aren't in order")
        for case .success(let event) in whole.map(\.result) { try JSONTarget.checkAcceptance(event) }
    }

    private static func records(of file: [UInt8], seed: UInt8, _ fresh: Importer) -> [ImportedRecord] {
        var importer = fresh
        var records: [ImportedRecord] = []
        for piece in Pieces(of: file, seed: seed) {
            importer.push(piece)
            while let record = importer.next() { records.append(record) }
        }
        importer.finish()
        while let record = importer.next() { records.append(record) }
        return records
    }
}
