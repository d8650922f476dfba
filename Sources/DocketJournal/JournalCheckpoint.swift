/// What a journal knows beside its segments: what was acknowledged, and what was synced. Replaced as a whole.
///
/// | offset | bytes | content, numbers with the least byte first |
/// | --- | --- | --- |
/// | 0 | 8 | `dktjchkp` |
/// | 8 | 4 | version of the format: 1 |
/// | 12 | 4 | how many ranges |
/// | 16 | 16 | the journal's id: two numbers |
/// | 32 | 8 | the index that comes next |
/// | 40 | 8 | the index up to which all are acknowledged |
/// | 48 | 8 | the number of the last segment; 0 when there is none |
/// | 56 | 8 | how many bytes of that segment had been synced |
/// | 64 | 16 each | ranges of acknowledged indexes: the first, and the one behind the last |
/// | end − 4 | 4 | CRC-32 of the bytes before |
package struct JournalCheckpoint: Sendable, Equatable {
    static let magic = Array("dktjchkp".utf8)
    static let formatVersion: UInt32 = 1
    private static let fixedBytes = 68
    /// The most ranges that are kept. Those beyond are forgotten at a restart, and their records sent again.
    static let maxRanges = 1024
    static let maxBytes = Self.fixedBytes + 16 * Self.maxRanges

    package var journalID: JournalID
    package var nextIndex: UInt64
    package var acknowledged: AcknowledgedSet
    package var segment: UInt64
    package var syncedBytes: Int

    package init(
        journalID: JournalID, nextIndex: UInt64, acknowledged: AcknowledgedSet, segment: UInt64, syncedBytes: Int
    ) {
        self.journalID = journalID
        self.nextIndex = nextIndex
        self.acknowledged = acknowledged
        self.segment = segment
        self.syncedBytes = syncedBytes
    }

    package var bytes: [UInt8] {
        let ranges = self.acknowledged.ranges.prefix(Self.maxRanges)
        var bytes = Self.magic
        bytes.reserveCapacity(Self.fixedBytes + 16 * ranges.count)
        bytes.appendNumber(Self.formatVersion)
        bytes.appendNumber(UInt32(ranges.count))
        bytes.appendNumber(self.journalID.high)
        bytes.appendNumber(self.journalID.low)
        bytes.appendNumber(self.nextIndex)
        bytes.appendNumber(self.acknowledged.through)
        bytes.appendNumber(self.segment)
        bytes.appendNumber(UInt64(self.syncedBytes))
        for range in ranges {
            bytes.appendNumber(range.lowerBound)
            bytes.appendNumber(range.upperBound)
        }
        bytes.appendNumber(Checksum.crc32(bytes, 0..<bytes.count))
        return bytes
    }

    /// Reads a checkpoint; `nil` when the bytes aren't one of this version, whatever they are.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= Self.fixedBytes, bytes.count <= Self.maxBytes, bytes.starts(with: Self.magic),
            bytes[number: 8] == Self.formatVersion,
            bytes.count == Self.fixedBytes + 16 * Int(bytes[number: 12] as UInt32),
            bytes[number: bytes.count - 4] == Checksum.crc32(bytes, 0..<bytes.count - 4)
        else { return nil }
        var ranges: [Range<UInt64>] = []
        for offset in stride(from: 64, to: bytes.count - 4, by: 16) {
            let (lower, upper): (UInt64, UInt64) = (bytes[number: offset], bytes[number: offset + 8])
            guard lower < upper else { return nil }
            ranges.append(lower..<upper)
        }
        let (nextIndex, through): (UInt64, UInt64) = (bytes[number: 32], bytes[number: 40])
        let (segment, syncedBytes): (UInt64, UInt64) = (bytes[number: 48], bytes[number: 56])
        guard nextIndex >= 1, nextIndex < UInt64(Int64.max), through < nextIndex,
            ranges.last.map({ $0.upperBound <= nextIndex }) ?? true, segment < UInt64(Int64.max),
            syncedBytes <= UInt64(UInt32.max), let acknowledged = AcknowledgedSet(through: through, ranges: ranges)
        else { return nil }
        self.init(
            journalID: JournalID(high: bytes[number: 16], low: bytes[number: 24]), nextIndex: nextIndex,
            acknowledged: acknowledged, segment: segment, syncedBytes: Int(syncedBytes))
    }
}
