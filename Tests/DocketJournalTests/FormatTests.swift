import Testing

@testable import DocketJournal

@Suite("The bytes of a journal")
struct FormatTests {
    private func bytes(_ text: String) -> [UInt8] {
        let digits = text.filter { !$0.isWhitespace }
        return stride(from: 0, to: digits.count, by: 2).compactMap { position in
            let start = digits.index(digits.startIndex, offsetBy: position)
            return UInt8(digits[start...digits.index(after: start)], radix: 16)
        }
    }

    @Test("the checksum is the CRC-32 that everyone knows")
    func checksum() {
        #expect(Checksum.crc32(Array("123456789".utf8), 0..<9) == 0xCBF4_3926)
        let part = Checksum.crc32(Array("123456789".utf8), 0..<4)
        #expect(Checksum.crc32(Array("123456789".utf8), 4..<9, continuing: part) == 0xCBF4_3926)
        #expect(Checksum.crc32([], 0..<0, continuing: part) == part)
        #expect(Checksum.crc32(UInt32(0x3433_3231), continuing: 0) == Checksum.crc32(Array("1234".utf8), 0..<4))
    }

    // These bytes are on disks: a change to them is another version of the format.
    @Test("a segment of two records has these bytes")
    func golden() throws {
        let segment = Samples.segment([Array("docket".utf8), []], number: 3, firstIndex: 17)
        let expected = self.bytes(Self.goldenSegment)
        #expect(segment == expected)
        // By another implementation: Python's zlib.crc32 over the places that docs/journal.md names.
        #expect(segment.count == 80 + 28 + 6 + 28)
    }

    private static let goldenSegment = """
        64 6b 74 6a 6f 75 72 6e 01 00 00 00 50 00 00 00
        ef cd ab 89 67 45 23 01 10 32 54 76 98 ba dc fe
        03 00 00 00 00 00 00 00 11 00 00 00 00 00 00 00
        00 40 1e 18 24 0a 06 00 00 00 00 00 00 00 00 00
        00 00 00 00 00 00 00 00 00 00 00 00 4a 32 ce 6c
        d7 6a 07 00 06 00 00 00 11 00 00 00 00 00 00 00
        00 00 00 00 98 5a 36 1b af 5e 65 37 64 6f 63 6b
        65 74 d7 6a 07 00 00 00 00 00 12 00 00 00 00 00
        00 00 72 00 00 00 00 00 00 00 16 0b 2a 6c
        """

    @Test("a checkpoint has these bytes, and reads back")
    func checkpoint() throws {
        let acknowledged = try #require(AcknowledgedSet(through: 4, ranges: [6..<7, 9..<12]))
        let checkpoint = JournalCheckpoint(
            journalID: Samples.journalID, nextIndex: 20, acknowledged: acknowledged, segment: 3, syncedBytes: 142)
        #expect(checkpoint.bytes == self.bytes(Self.goldenCheckpoint))
        #expect(JournalCheckpoint(checkpoint.bytes) == checkpoint)
    }

    private static let goldenCheckpoint = """
        64 6b 74 6a 63 68 6b 70 01 00 00 00 02 00 00 00
        ef cd ab 89 67 45 23 01 10 32 54 76 98 ba dc fe
        14 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00
        03 00 00 00 00 00 00 00 8e 00 00 00 00 00 00 00
        06 00 00 00 00 00 00 00 07 00 00 00 00 00 00 00
        09 00 00 00 00 00 00 00 0c 00 00 00 00 00 00 00
        d0 b7 49 4b
        """

    @Test("a checkpoint with any bit flipped, or cut anywhere, isn't one")
    func checkpointDamage() throws {
        let acknowledged = try #require(AcknowledgedSet(through: 4, ranges: [6..<7, 9..<12]))
        let bytes = JournalCheckpoint(
            journalID: Samples.journalID, nextIndex: 20, acknowledged: acknowledged, segment: 3, syncedBytes: 142
        ).bytes
        for bit in 0..<bytes.count * 8 {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(JournalCheckpoint(flipped) == nil, "bit \(bit)")
        }
        for count in 0..<bytes.count { #expect(JournalCheckpoint(Array(bytes.prefix(count))) == nil) }
    }

    @Test("a checkpoint keeps as many ranges as it may, and forgets the rest")
    func manyRanges() throws {
        let ranges = (0..<UInt64(JournalCheckpoint.maxRanges + 10)).map { $0 * 2 + 10..<$0 * 2 + 11 }
        let acknowledged = try #require(AcknowledgedSet(through: 4, ranges: ranges))
        let checkpoint = JournalCheckpoint(
            journalID: Samples.journalID, nextIndex: 10_000, acknowledged: acknowledged, segment: 1, syncedBytes: 80)
        #expect(checkpoint.bytes.count == JournalCheckpoint.maxBytes)
        let back = try #require(JournalCheckpoint(checkpoint.bytes))
        #expect(back.acknowledged.ranges == Array(ranges.prefix(JournalCheckpoint.maxRanges)))
    }

    @Test("a header of another version is told from a damaged one")
    func otherVersion() {
        var bytes = Array(Samples.segment([]).prefix(76))
        bytes[8] = 2
        bytes.appendNumber(Checksum.crc32(bytes, 0..<76))
        #expect(SegmentHeader.decode(bytes) == .otherVersion(2))
        bytes[8] = 3
        #expect(SegmentHeader.decode(bytes) == .invalid("the checksum of its header is wrong"))
    }

    @Test("names of files are numbers of 20 digits, and nothing else is a segment")
    func names() {
        #expect(FileName.segment(7) == "00000000000000000007.segment")
        #expect(FileName.segmentNumber("00000000000000000007.segment") == 7)
        #expect(FileName.asideNumber("00000000000000000007.segment.damaged") == 7)
        for name in [
            "7.segment", "00000000000000000000.segment", "99999999999999999999.segment", "0000000000000000000x.segment",
            "+0000000000000000007.segment", "00000000000000000007.segment.damaged", "00000000000000000007.segmen", "",
        ] {
            #expect(FileName.segmentNumber(name) == nil, "\(name)")
        }
    }

    @Test("the key of a batch is the first 24 bytes, and the producer is written as a UUID")
    func batchKey() throws {
        let key = JournalBatchKey(
            producerHigh: 0x0011_2233_4455_6677, producerLow: 0x8899_AABB_CCDD_EEFF, sequence: 258)
        var bytes: [UInt8] = []
        key.append(to: &bytes)
        #expect(bytes == self.bytes("00112233445566778899aabbccddeeff 0201000000000000"))
        #expect(JournalBatchKey(payload: bytes + [9]) == key)
        #expect(JournalBatchKey(payload: Array(bytes.dropLast())) == nil)
        #expect(key.producerText == "00112233-4455-6677-8899-aabbccddeeff")
    }
}
