/// Cuts a file into the records of CSV (RFC 4180): columns separated by commas, quoted where they hold commas,
/// quotation marks (doubled) or line breaks. Records end with LF or CR LF, the last one may lack its end; empty lines
/// are passed over.
///
/// A record that breaks these rules costs its first line only. A quotation mark that is never closed thus costs one
/// line, not the rest of the file.
package struct CSVReader: RecordReader {
    private enum State {
        case columnStart
        case unquoted
        case quoted
        /// Behind a quotation mark inside a quoted column: its end, or the first half of a doubled one.
        case quoteInQuoted
        /// Behind a CR outside quotes, which only an LF may follow.
        case carriageReturn
        /// On the first line of a record that has been reported.
        case skippingLine
    }

    private let maxRecordBytes: Int
    private var buffer = RecordBuffer()
    private var state = State.columnStart
    private var columns: [[UInt8]] = []
    private var column: [UInt8] = []
    /// How many lines have ended inside the record under way.
    private var lineBreaks = 0

    /// - Parameter maxRecordBytes: The longest record that is taken, in bytes.
    package init(maxRecordBytes: Int) {
        self.maxRecordBytes = maxRecordBytes
    }

    package mutating func push(_ chunk: [UInt8]) { self.buffer.push(chunk) }

    package mutating func finish() { self.buffer.finish() }

    package mutating func next() -> Result<RawRecord, ImportError>? {
        guard self.buffer.skipByteOrderMark() else { return nil }
        while let byte = self.buffer.current {
            if self.state == .skippingLine {
                self.skip(byte)
                continue
            }
            if byte == UInt8(ascii: "\n"), self.state != .quoted {
                if let record = self.endRecord(endsWithFile: false) { return .success(record) }
                continue
            }
            if self.buffer.recordBytes.count >= self.maxRecordBytes, byte != UInt8(ascii: "\r") {
                return .failure(self.abandon(tooLong(line: self.buffer.line, maxRecordBytes: self.maxRecordBytes)))
            }
            if let fault = self.take(byte) { return .failure(self.abandon(fault)) }
            self.buffer.index += 1
        }
        return self.buffer.isFinished ? self.endOfFile() : nil
    }

    /// Takes one byte of a record, which is no line end outside quotes; returns what is wrong with it.
    private mutating func take(_ byte: UInt8) -> ImportError? {
        switch (self.state, byte) {
        case (.quoted, UInt8(ascii: "\"")):
            self.state = .quoteInQuoted
        case (.quoted, _):
            if byte == UInt8(ascii: "\n") { self.lineBreaks += 1 }
            self.column.append(byte)
        case (.columnStart, UInt8(ascii: "\"")):
            self.state = .quoted
        case (.quoteInQuoted, UInt8(ascii: "\"")):
            self.column.append(byte)
            self.state = .quoted
        case (.carriageReturn, _):
            return self.fault("a CR stands outside quotes without an LF behind it; quote the column")
        case (_, UInt8(ascii: ",")):
            self.endColumn()
        case (_, UInt8(ascii: "\r")):
            self.state = .carriageReturn
        case (.quoteInQuoted, _):
            return self.fault(
                "text follows the closing quotation mark of column \(self.columns.count + 1); double the mark")
        case (_, UInt8(ascii: "\"")):
            return self.fault("a quotation mark stands inside column \(self.columns.count + 1), which isn't quoted")
        default:
            self.column.append(byte)
            self.state = .unquoted
        }
        return nil
    }

    private mutating func endColumn() {
        self.columns.append(self.column)
        self.column.removeAll(keepingCapacity: true)
        self.state = .columnStart
    }

    /// The record that ends at the index; `nil` for an empty line.
    private mutating func endRecord(endsWithFile: Bool) -> RawRecord? {
        let bytes = self.state == .carriageReturn ? self.buffer.recordBytes.dropLast() : self.buffer.recordBytes
        self.endColumn()
        let record = RawRecord(
            line: self.buffer.line, bytes: Array(bytes), columns: self.columns, endsWithFile: endsWithFile)
        if !endsWithFile { self.buffer.index += 1 }
        self.startRecord(linesFurther: self.lineBreaks + 1)
        return bytes.isEmpty ? nil : record
    }

    private mutating func startRecord(linesFurther lines: Int) {
        self.buffer.startRecord(linesFurther: lines)
        self.columns.removeAll(keepingCapacity: true)
        self.column.removeAll(keepingCapacity: true)
        self.state = .columnStart
        self.lineBreaks = 0
    }

    private mutating func endOfFile() -> Result<RawRecord, ImportError>? {
        switch self.state {
        case .skippingLine: return nil
        case .quoted:
            let fault = ImportError(
                code: .cutOff, line: self.buffer.line,
                message:
                    "the file ends inside quoted column \(self.columns.count + 1); close the quotation mark, or fetch "
                    + "the file again if it was cut off")
            let error = self.abandon(fault)
            return .failure(error)
        default: return self.endRecord(endsWithFile: true).map { .success($0) }
        }
    }

    /// Gives the record under way up, all but its first line.
    private mutating func abandon(_ fault: ImportError) -> ImportError {
        self.buffer.rewind()
        self.startRecord(linesFurther: 0)
        self.state = .skippingLine
        return fault
    }

    private mutating func skip(_ byte: UInt8) {
        self.buffer.index += 1
        let isLineEnd = byte == UInt8(ascii: "\n")
        self.buffer.startRecord(linesFurther: isLineEnd ? 1 : 0)
        if isLineEnd { self.state = .columnStart }
    }

    private func fault(_ message: String) -> ImportError {
        ImportError(code: .malformed, line: self.buffer.line, message: message)
    }
}
