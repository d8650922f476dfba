import DocketTestSupport
import Testing

@testable import DocketJournal

@Suite("Reading a segment back")
struct SegmentScanTests {
    private static let payloads = (0..<12).map { Samples.payload($0, bytes: 20 + $0 * 17) }
    private static let segment = Samples.segment(payloads)
    /// Where each record ends.
    private static let ends = payloads.reduce(into: [80]) { $0.append(($0.last ?? 0) + 28 + $1.count) }

    private func scan(
        _ bytes: [UInt8], _ extent: SegmentScan.Extent = .last(syncedBytes: 0)
    ) -> (scan: SegmentScan, payloads: [[UInt8]]) {
        var payloads: [[UInt8]] = []
        let scan = SegmentScan(bytes, number: 1, journalID: Samples.journalID, extent: extent) { _, _, range in
            payloads.append(Array(bytes[range]))
        }
        return (scan, payloads)
    }

    @Test("a whole segment gives every record, whatever is known of it")
    func whole() {
        let size = Self.segment.count
        for extent: SegmentScan.Extent in [
            .last(syncedBytes: 0), .last(syncedBytes: size), .sealed(bytes: size, syncedBytes: size),
            .sealed(bytes: size, syncedBytes: 0),
        ] {
            let (scan, payloads) = self.scan(Self.segment, extent)
            #expect(scan.ending == .whole)
            #expect(payloads == Self.payloads)
            #expect(scan.validBytes == size)
            #expect(scan.lastIndex == 12)
        }
    }

    @Test("cut anywhere, the whole records before are there, and the end is torn, or whole between two records")
    func truncated() {
        for count in 0..<Self.segment.count {
            let (scan, payloads) = self.scan(Array(Self.segment.prefix(count)))
            let whole = max(0, Self.ends.filter { $0 <= count }.count - 1)
            #expect(payloads == Array(Self.payloads.prefix(whole)), "cut to \(count)")
            let isBetween = Self.ends.contains(count)
            #expect(scan.ending.isTorn == !isBetween, "cut to \(count): \(scan.ending)")
            #expect((scan.ending == .whole) == isBetween)
        }
    }

    @Test("cut below what is known to have been synced, it is damaged")
    func truncatedBelowSynced() {
        for count in 0..<Self.segment.count {
            for extent: SegmentScan.Extent in [
                .last(syncedBytes: count + 1), .sealed(bytes: Self.segment.count, syncedBytes: count + 1),
            ] {
                #expect(self.scan(Array(Self.segment.prefix(count)), extent).scan.ending.isDamaged, "cut to \(count)")
            }
            let unsynced = self.scan(
                Array(Self.segment.prefix(count)), .sealed(bytes: Self.segment.count, syncedBytes: min(count, 80)))
            if count >= 80 { #expect(unsynced.scan.ending.isLost) }
        }
    }

    @Test("with any bit flipped it is damaged: torn sectors end with zeros, and these don't")
    func flipped() {
        for bit in 0..<Self.segment.count * 8 {
            var bytes = Self.segment
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            let (scan, payloads) = self.scan(bytes)
            #expect(scan.ending.isDamaged, "bit \(bit): \(scan.ending)")
            let before = max(0, Self.ends.filter { $0 <= bit / 8 }.count - 1)
            #expect(payloads == Array(Self.payloads.prefix(before)), "bit \(bit)")
        }
    }

    @Test("with any bit flipped in payloads of zeros the flip is found, though it may pass for torn at the very end")
    func flippedZeros() {
        let segment = Samples.segment((0..<6).map { [UInt8](repeating: 0, count: 100 + $0) })
        let lastRecord = segment.count - 28 - 105
        for bit in 0..<segment.count * 8 {
            var bytes = segment
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            let scan = self.scan(bytes).scan
            #expect(scan.ending != .whole, "bit \(bit)")
            // What stands in front of a whole record had been synced when that was written.
            if bit / 8 < lastRecord { #expect(scan.ending.isDamaged, "bit \(bit): \(scan.ending)") }
            // With a checkpoint that knows of all of it, nothing passes for torn.
            #expect(self.scan(bytes, .last(syncedBytes: segment.count)).scan.ending.isDamaged, "bit \(bit)")
        }
    }

    @Test("zeroed from any sector on, it is torn there: what a crash leaves of sectors that were never written")
    func zeroed() {
        // One group: nothing says that any of it was synced.
        var bytes = Array(Self.segment.prefix(80))
        let seed = RecordFrame.seed(Samples.journalID, segment: 1)
        for (position, payload) in Self.payloads.enumerated() {
            RecordFrame.append(
                RecordKind(rawValue: 7), payload, index: UInt64(position) + 1, syncedBytes: 0, seed: seed, to: &bytes)
        }
        for sector in 0..<(bytes.count + 511) / 512 {
            let range = sector * 512..<min(bytes.count, sector * 512 + 512)
            var torn = bytes
            for position in range { torn[position] = 0 }
            let (scan, payloads) = self.scan(torn)
            #expect(scan.ending.isTorn, "sector \(sector): \(scan.ending)")
            #expect(payloads == Array(Self.payloads.prefix(payloads.count)))
            // Whole records behind it say that nothing was synced; one that says it was makes the same bytes damage.
            #expect(self.scan(torn, .last(syncedBytes: range.lowerBound + 1)).scan.ending.isDamaged)
        }
    }

    @Test("what stands behind the bytes that count is not part of the journal, whatever it is")
    func surplus() {
        let sealed = Self.ends[5]
        var bytes = Self.segment
        for extra in [bytes, Array(bytes.prefix(sealed + 13)), Array(bytes.prefix(sealed)) + [1, 2, 3]] {
            bytes = extra
            let (scan, payloads) = self.scan(bytes, .sealed(bytes: sealed, syncedBytes: sealed))
            #expect(scan.ending == .whole)
            #expect(payloads == Array(Self.payloads.prefix(5)))
            #expect(scan.validBytes == sealed)
        }
    }

    @Test("records that were moved, repeated or left out are damage")
    func moved() {
        let (start, middle, end) = (Self.ends[3], Self.ends[4], Self.ends[5])
        let without = Array(Self.segment[..<start] + Self.segment[middle...])
        let repeated = Array(Self.segment[..<middle] + Self.segment[start..<middle] + Self.segment[middle...])
        let swapped = Array(
            Self.segment[..<start] + Self.segment[middle..<end] + Self.segment[start..<middle] + Self.segment[end...])
        for bytes in [without, repeated, swapped] { #expect(self.scan(bytes).scan.ending.isDamaged) }
    }

    @Test("a segment of another journal, or under another number, is damage")
    func foreign() {
        let other = SegmentScan(
            Self.segment, number: 1, journalID: JournalID(high: 1, low: 2), extent: .last(syncedBytes: 0))
        #expect(other.ending.isDamaged)
        let renamed = SegmentScan(
            Self.segment, number: 2, journalID: Samples.journalID, extent: .last(syncedBytes: 0))
        #expect(renamed.ending.isDamaged)
    }

    @Test("a journal inside a payload is a payload")
    func nested() {
        let outer = Samples.segment([Self.segment, Samples.payload(1)])
        for count in 0..<outer.count {
            let scan = self.scan(Array(outer.prefix(count))).scan
            #expect(scan.ending.isTorn || scan.ending == .whole, "cut to \(count): \(scan.ending)")
        }
    }

    @Test("any bytes at all give a verdict")
    func anyBytes() {
        var generator = SeededGenerator.ofRun()
        for _ in 0..<3000 {
            var bytes = Self.segment
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                let position = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0...3, using: &generator) {
                case 0: bytes[position] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes.removeLast(bytes.count - max(1, position))
                case 2: bytes.insert(contentsOf: generator.bytes(9), at: position)
                default: bytes.replaceSubrange(position..<min(bytes.count, position + 40), with: generator.bytes(40))
                }
            }
            let synced = Int.random(in: 0...bytes.count, using: &generator)
            let (scan, payloads) = self.scan(
                bytes,
                generator.oneIn(2) ? .last(syncedBytes: synced) : .sealed(bytes: bytes.count, syncedBytes: synced))
            #expect(payloads == Array(Self.payloads.prefix(payloads.count)))
            if bytes != Self.segment { #expect(scan.ending != .whole || payloads.count < 12) }
        }
    }
}

extension SegmentScan.Ending {
    var isTorn: Bool { if case .torn = self { true } else { false } }
    var isDamaged: Bool { if case .damaged = self { true } else { false } }
    var isLost: Bool { if case .lost = self { true } else { false } }
}
