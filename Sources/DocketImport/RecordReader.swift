/// A record of a file, cut out but not yet understood.
package struct RawRecord: Sendable, Equatable {
    /// The line of the file that it starts on, from 1.
    package var line: Int
    /// Its bytes, without the line's end.
    package var bytes: [UInt8]
    /// Its columns, unquoted; empty for formats without columns.
    package var columns: [[UInt8]] = []
    /// Whether the file ended before a line's end did: the record may be incomplete.
    package var endsWithFile = false
}

/// Cuts a stream of bytes, which arrives in chunks of any size, into records.
///
/// Nothing but the record under way and the last chunk is kept in memory, as long as the caller takes all records
/// between two chunks. A record at fault costs its first line only: reading goes on with the next line.
package protocol RecordReader: Sendable {
    /// Adds the next bytes of the file.
    mutating func push(_ chunk: [UInt8])

    /// Says that the file has no more bytes.
    mutating func finish()

    /// The next record; `nil` when more bytes are needed or, after ``finish()``, when there is none.
    mutating func next() -> Result<RawRecord, ImportError>?
}

/// The bytes that a record reader still needs: a queue with places in it.
struct RecordBuffer: Sendable {
    private(set) var bytes: [UInt8] = []
    /// Where the record under way starts.
    private(set) var start = 0
    /// The next byte to look at.
    var index = 0
    /// The line that the record under way starts on.
    private(set) var line = 1
    private(set) var isFinished = false
    private var isAtFileStart = true

    mutating func push(_ chunk: [UInt8]) {
        self.bytes.removeSubrange(..<self.start)
        self.index -= self.start
        self.start = 0
        self.bytes.append(contentsOf: chunk)
    }

    mutating func finish() { self.isFinished = true }

    /// The byte at the index; `nil` when there is none yet.
    var current: UInt8? { self.index < self.bytes.count ? self.bytes[self.index] : nil }

    /// The bytes of the record under way up to the index.
    var recordBytes: ArraySlice<UInt8> { self.bytes[self.start..<self.index] }

    /// The next record starts at the index, that many lines further on.
    mutating func startRecord(linesFurther lines: Int) {
        self.start = self.index
        self.line += lines
    }

    /// Looks at the record under way from its first byte again.
    mutating func rewind() { self.index = self.start }

    /// Moves past the byte order mark that some programs put before UTF-8. False when too few bytes are here to tell.
    mutating func skipByteOrderMark() -> Bool {
        guard self.isAtFileStart else { return true }
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        guard self.bytes.count >= mark.count || self.isFinished || !mark.starts(with: self.bytes) else { return false }
        self.isAtFileStart = false
        if self.bytes.starts(with: mark) {
            self.index = mark.count
            self.start = mark.count
        }
        return true
    }
}
