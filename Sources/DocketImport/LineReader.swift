/// Cuts a file into lines: the records of JSON lines. Lines end with LF or CR LF, the last one may lack its end; lines
/// of nothing but white space are passed over.
package struct LineReader: RecordReader {
    private let maxRecordBytes: Int
    private var buffer = RecordBuffer()
    /// Whether the line under way is too long, has been reported, and is only looked at for its end.
    private var isSkipping = false

    /// - Parameter maxRecordBytes: The longest line that is taken, in bytes without its end.
    package init(maxRecordBytes: Int) {
        self.maxRecordBytes = maxRecordBytes
    }

    package mutating func push(_ chunk: [UInt8]) { self.buffer.push(chunk) }

    package mutating func finish() { self.buffer.finish() }

    package mutating func next() -> Result<RawRecord, ImportError>? {
        guard self.buffer.skipByteOrderMark() else { return nil }
        while let byte = self.buffer.current {
            if byte == UInt8(ascii: "\n") {
                if let record = self.endLine(endsWithFile: false) { return .success(record) }
            } else if self.isSkipping {
                self.buffer.index += 1
                self.buffer.startRecord(linesFurther: 0)
            } else if self.buffer.recordBytes.count >= self.maxRecordBytes, byte != UInt8(ascii: "\r") {
                self.isSkipping = true
                return .failure(tooLong(line: self.buffer.line, maxRecordBytes: self.maxRecordBytes))
            } else {
                self.buffer.index += 1
            }
        }
        guard self.buffer.isFinished else { return nil }
        return self.endLine(endsWithFile: true).map { .success($0) }
    }

    /// The line that ends at the index; `nil` when it is blank or has been reported.
    private mutating func endLine(endsWithFile: Bool) -> RawRecord? {
        var bytes = self.buffer.recordBytes
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        let isBlank = bytes.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        let record = RawRecord(line: self.buffer.line, bytes: Array(bytes), endsWithFile: endsWithFile)
        let isReported = self.isSkipping
        self.isSkipping = false
        if !endsWithFile { self.buffer.index += 1 }
        self.buffer.startRecord(linesFurther: 1)
        return isBlank || isReported ? nil : record
    }
}

func tooLong(line: Int, maxRecordBytes: Int) -> ImportError {
    ImportError(
        code: .tooLong, line: line,
        message:
            "the record is longer than \(maxRecordBytes) bytes, which is the most that the importer takes; shorten it")
}
