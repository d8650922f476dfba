@testable import DocketJournal

/// Journals that tests share.
enum Samples {
    static let journalID = JournalID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)

    static let options: JournalOptions = {
        var options = JournalOptions()
        options.maxSegmentBytes = 4096
        options.maxRecordBytes = 3000
        options.maxBytes = 1 << 20
        options.checkpointInterval = .zero
        return options
    }()

    /// A payload without zeros, told from others by its number.
    static func payload(_ number: Int, bytes: Int = 40) -> [UInt8] {
        (0..<bytes).map { UInt8(truncatingIfNeeded: 1 + ($0 * 7 + number * 13) % 255) }
    }

    static func entry(_ number: Int, bytes: Int = 40) -> JournalWriter.Entry {
        JournalWriter.Entry(
            kind: RecordKind(rawValue: UInt8(number % 250)), payload: self.payload(number, bytes: bytes))
    }

    /// Opens the journal on a disk.
    static func open(
        _ disk: SimulatedDisk, _ options: JournalOptions = Samples.options
    ) throws(JournalError) -> (writer: JournalWriter, recovery: JournalRecovery) {
        var generator = SeededIDs()
        return try JournalWriter.recover(disk, options: options, using: &generator, now: { 1_700_000_000_000_000 })
    }

    /// The bytes of a segment with a record for each payload, each group of one synced before the next was written.
    static func segment(_ payloads: [[UInt8]], number: UInt64 = 1, firstIndex: UInt64 = 1) -> [UInt8] {
        var bytes = SegmentHeader(
            journalID: self.journalID, number: number, firstIndex: firstIndex,
            createdAtMicroseconds: 1_700_000_000_000_000,
            previousBytes: 0, previousSyncedBytes: 0
        ).bytes
        let seed = RecordFrame.seed(self.journalID, segment: number)
        for (position, payload) in payloads.enumerated() {
            RecordFrame.append(
                RecordKind(rawValue: 7), payload, index: firstIndex + UInt64(position),
                syncedBytes: position == 0 ? 0 : bytes.count, seed: seed, offset: bytes.count, to: &bytes)
        }
        return bytes
    }

    /// Gives journals the id of the samples.
    private struct SeededIDs: RandomNumberGenerator {
        private var values = [Samples.journalID.high, Samples.journalID.low]
        mutating func next() -> UInt64 { self.values.isEmpty ? 0 : self.values.removeFirst() }
    }
}

extension JournalWriter {
    /// Appends one record, and syncs it.
    @discardableResult
    func append(_ number: Int, bytes: Int = 40) throws(JournalError) -> UInt64 {
        try self.append([Samples.entry(number, bytes: bytes)], synchronizes: true)
    }

    /// All records that aren't acknowledged.
    func readAll() throws(JournalError) -> [JournalRecord] { try self.read(after: 0, maxBytes: .max) }
}

extension RecordFrame {
    /// Appends a record to the bytes of its segment.
    static func append(
        _ kind: RecordKind, _ payload: [UInt8], index: UInt64, syncedBytes: Int, seed: UInt32, to bytes: inout [UInt8]
    ) {
        self.append(
            kind, payload, index: index, syncedBytes: syncedBytes, seed: seed, offset: bytes.count, to: &bytes)
    }
}
