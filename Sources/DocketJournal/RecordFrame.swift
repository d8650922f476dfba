/// What stands before the payload of a record.
///
/// | offset | bytes | content, numbers with the least byte first |
/// | --- | --- | --- |
/// | 0 | 2 | `D7 6A` |
/// | 2 | 1 | kind |
/// | 3 | 1 | zero |
/// | 4 | 4 | length of the payload |
/// | 8 | 8 | index |
/// | 16 | 4 | how many bytes of this segment had been synced when this was written |
/// | 20 | 4 | CRC-32 of the payload |
/// | 24 | 4 | CRC-32 of the journal's id, the segment's number, the record's offset in the file and the 24 bytes before |
///
/// The last checksum is over the place as well, so that bytes of another journal or segment, or of a record's payload, never pass
/// for a record. The synced length tells later whether a fault in front of it is damage or what a crash left.
struct RecordFrame: Equatable {
    static let magic: UInt16 = 0x6AD7
    static let byteCount = 28

    let kind: RecordKind
    let payloadBytes: Int
    let index: UInt64
    let syncedBytes: Int
    let payloadChecksum: UInt32

    /// What the headers' checksums of a segment begin with.
    static func seed(_ journalID: JournalID, segment: UInt64) -> UInt32 {
        Checksum.crc32(
            segment,
            continuing: Checksum.crc32(journalID.low, continuing: Checksum.crc32(journalID.high)))
    }

    /// Appends a record, whose first byte will be at `offset` of its segment.
    static func append(
        _ kind: RecordKind, _ payload: [UInt8], index: UInt64, syncedBytes: Int, seed: UInt32, offset: Int,
        to bytes: inout [UInt8]
    ) {
        let start = bytes.count
        bytes.appendNumber(Self.magic)
        bytes.append(kind.rawValue)
        bytes.append(0)
        bytes.appendNumber(UInt32(payload.count))
        bytes.appendNumber(index)
        bytes.appendNumber(UInt32(syncedBytes))
        bytes.appendNumber(Checksum.crc32(payload, 0..<payload.count))
        bytes.appendNumber(Self.checksum(bytes, at: start, seed: seed, offset: offset))
        bytes += payload
    }

    /// The header at `position` of some bytes, which is at `offset` of the segment; `nil` when there is none.
    static func decode(_ bytes: [UInt8], at position: Int, seed: UInt32, offset: Int) -> RecordFrame? {
        guard position <= bytes.count - Self.byteCount, bytes[number: position] == Self.magic, bytes[position + 3] == 0
        else { return nil }
        guard bytes[number: position + 24] == Self.checksum(bytes, at: position, seed: seed, offset: offset) else {
            return nil
        }
        return RecordFrame(
            kind: RecordKind(rawValue: bytes[position + 2]), payloadBytes: Int(bytes[number: position + 4] as UInt32),
            index: bytes[number: position + 8], syncedBytes: Int(bytes[number: position + 16] as UInt32),
            payloadChecksum: bytes[number: position + 20])
    }

    private static func checksum(_ bytes: [UInt8], at position: Int, seed: UInt32, offset: Int) -> UInt32 {
        let place = Checksum.crc32(UInt64(truncatingIfNeeded: offset), continuing: seed)
        return Checksum.crc32(bytes, position..<position + 24, continuing: place)
    }

    /// Header and payload.
    var totalBytes: Int { Self.byteCount + self.payloadBytes }

    /// Whether the payload behind the header is what was written.
    func matches(_ bytes: [UInt8], payload: Range<Int>) -> Bool {
        Checksum.crc32(bytes, payload) == self.payloadChecksum
    }
}
