/// What a segment file begins with. It also seals the segment before it: says how far that one counts, and how far it was synced.
///
/// | offset | bytes | content, numbers with the least byte first |
/// | --- | --- | --- |
/// | 0 | 8 | `dktjourn` |
/// | 8 | 4 | version of the format: 1 |
/// | 12 | 4 | length of this header: 80 |
/// | 16 | 16 | the journal's id: two numbers |
/// | 32 | 8 | the segment's number |
/// | 40 | 8 | the index of the first record |
/// | 48 | 8 | when it was created: microseconds since 1970 |
/// | 56 | 8 | how many bytes of the segment before count |
/// | 64 | 8 | how many of those had been synced |
/// | 72 | 4 | zero |
/// | 76 | 4 | CRC-32 of the bytes before |
package struct SegmentHeader: Sendable, Equatable {
    static let magic = Array("dktjourn".utf8)
    static let formatVersion: UInt32 = 1
    package static let byteCount = 80

    package let journalID: JournalID
    package let number: UInt64
    package let firstIndex: UInt64
    package let createdAtMicroseconds: Int64
    /// Of the segment before: what lies beyond isn't part of the journal. 0 when there is none.
    package let previousBytes: Int
    /// Of the segment before: faults in front of this are damage.
    package let previousSyncedBytes: Int

    package init(
        journalID: JournalID, number: UInt64, firstIndex: UInt64, createdAtMicroseconds: Int64, previousBytes: Int,
        previousSyncedBytes: Int
    ) {
        self.journalID = journalID
        self.number = number
        self.firstIndex = firstIndex
        self.createdAtMicroseconds = createdAtMicroseconds
        self.previousBytes = previousBytes
        self.previousSyncedBytes = previousSyncedBytes
    }

    package var bytes: [UInt8] {
        var bytes = Self.magic
        bytes.reserveCapacity(Self.byteCount)
        bytes.appendNumber(Self.formatVersion)
        bytes.appendNumber(UInt32(Self.byteCount))
        bytes.appendNumber(self.journalID.high)
        bytes.appendNumber(self.journalID.low)
        bytes.appendNumber(self.number)
        bytes.appendNumber(self.firstIndex)
        bytes.appendNumber(self.createdAtMicroseconds)
        bytes.appendNumber(UInt64(self.previousBytes))
        bytes.appendNumber(UInt64(self.previousSyncedBytes))
        bytes.appendNumber(UInt32(0))
        bytes.appendNumber(Checksum.crc32(bytes, 0..<bytes.count))
        return bytes
    }

    /// What the beginning of a file is.
    enum Decoded: Equatable {
        case header(SegmentHeader)
        /// Whole, but of another version of the format.
        case otherVersion(UInt32)
        case invalid(String)
    }

    static func decode(_ bytes: [UInt8]) -> Decoded {
        guard bytes.count >= Self.byteCount else {
            return .invalid("it ends within its header, after \(bytes.count) bytes")
        }
        guard bytes.starts(with: Self.magic) else { return .invalid("it doesn't begin as a segment does") }
        let version: UInt32 = bytes[number: 8]
        // Every version has its length here and its checksum in the last four bytes: so another version is told from damage.
        let length = Int(bytes[number: 12] as UInt32)
        guard length >= 20, length <= bytes.count, length <= 4096,
            bytes.number(at: length - 4) == Checksum.crc32(bytes, 0..<length - 4)
        else { return .invalid("the checksum of its header is wrong") }
        guard version == Self.formatVersion else { return .otherVersion(version) }
        let previousBytes: UInt64 = bytes[number: 56]
        let previousSyncedBytes: UInt64 = bytes[number: 64]
        let firstIndex: UInt64 = bytes[number: 40]
        guard length == Self.byteCount, previousBytes <= UInt64(UInt32.max), previousSyncedBytes <= previousBytes,
            firstIndex >= 1, firstIndex < UInt64(Int64.max), bytes[number: 72] == UInt32(0)
        else { return .invalid("its header says what no segment can") }
        return .header(
            SegmentHeader(
                journalID: JournalID(high: bytes[number: 16], low: bytes[number: 24]), number: bytes[number: 32],
                firstIndex: firstIndex, createdAtMicroseconds: bytes[number: 48], previousBytes: Int(previousBytes),
                previousSyncedBytes: Int(previousSyncedBytes)))
    }
}

// MARK: - Names

/// The names of a journal's files.
enum FileName {
    static let lock = "lock"
    static let checkpoint = "checkpoint"
    static let newCheckpoint = "checkpoint.new"
    static let asideCheckpoint = "checkpoint.damaged"
    private static let segmentSuffix = ".segment"
    private static let asideSuffix = ".segment.damaged"
    private static let digits = 20

    static func segment(_ number: UInt64) -> String { self.padded(number) + self.segmentSuffix }
    static func aside(_ number: UInt64) -> String { self.padded(number) + self.asideSuffix }

    /// The number of a segment's file; `nil` for another file.
    static func segmentNumber(_ name: String) -> UInt64? { self.number(name, self.segmentSuffix) }
    /// The number of a segment that was set aside.
    static func asideNumber(_ name: String) -> UInt64? { self.number(name, self.asideSuffix) }

    private static func padded(_ number: UInt64) -> String {
        let text = String(number)
        return String(repeating: "0", count: self.digits - text.utf8.count) + text
    }

    private static func number(_ name: String, _ suffix: String) -> UInt64? {
        guard name.utf8.count == self.digits + suffix.utf8.count, name.hasSuffix(suffix) else { return nil }
        let digits = name.utf8.prefix(self.digits)
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        // Numbers begin with 1, and stay far from where adding one would trap.
        return UInt64(String(decoding: digits, as: UTF8.self)).flatMap {
            (1..<UInt64(Int64.max)).contains($0) ? $0 : nil
        }
    }
}
