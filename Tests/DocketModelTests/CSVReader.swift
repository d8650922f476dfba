/// A field of CSV as it was written.
struct CSVField: Equatable {
    let bytes: [UInt8]
    let isQuoted: Bool

    /// The field of an absent text, or of one that is there.
    init(_ text: String?) {
        self.bytes = Array((text ?? "").utf8)
        self.isQuoted = false
    }

    init(bytes: [UInt8], isQuoted: Bool) {
        self.bytes = bytes
        self.isQuoted = isQuoted
    }

    /// `nil` for an empty field without quotes: an absent one.
    var text: String? { self.bytes.isEmpty && !self.isQuoted ? nil : String(decoding: self.bytes, as: UTF8.self) }
}

/// Reads CSV by the grammar of RFC 4180 section 2 and nothing beside it: lines end with CR LF, the last one too; quotes
/// stand around whole fields; a field without them has no quote, comma, CR or LF.
struct CSVReader {
    struct Fault: Error, Equatable {
        let byte: Int
        let what: String
    }

    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    static func records(_ bytes: [UInt8]) throws -> [[CSVField]] {
        var reader = CSVReader(bytes)
        var records: [[CSVField]] = []
        while reader.index < bytes.count { records.append(try reader.record()) }
        return records
    }

    private mutating func record() throws -> [CSVField] {
        var fields = [try self.field()]
        while self.skip(",") { fields.append(try self.field()) }
        guard self.skip("\r"), self.skip("\n") else { throw self.fault("expected ',' or CR LF") }
        return fields
    }

    private mutating func field() throws -> CSVField {
        guard self.skip("\"") else {
            let start = self.index
            while let byte = self.current, !",\"\r\n".utf8.contains(byte) { self.index += 1 }
            return CSVField(bytes: Array(self.bytes[start..<self.index]), isQuoted: false)
        }
        var content: [UInt8] = []
        while let byte = self.current {
            self.index += 1
            guard byte == UInt8(ascii: "\"") else {
                content.append(byte)
                continue
            }
            guard self.skip("\"") else { return CSVField(bytes: content, isQuoted: true) }
            content.append(byte)
        }
        throw self.fault("the quotes have no end")
    }

    private var current: UInt8? { self.index < self.bytes.count ? self.bytes[self.index] : nil }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard self.current == UInt8(ascii: character) else { return false }
        self.index += 1
        return true
    }

    private func fault(_ what: String) -> Fault { Fault(byte: self.index, what: what) }
}
