import Testing

@testable import DocketJournal

@Suite("Writing to the files of a journal")
struct JournalWriterTests {
    @Test("what is appended is read in order, also after opening it anew")
    func roundTrip() throws {
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk).writer
        for number in 1...300 { #expect(try writer.append(number) == UInt64(number)) }
        let expected = (1...300).map {
            JournalRecord(index: UInt64($0), kind: Samples.entry($0).kind, payload: Samples.payload($0))
        }
        #expect(try writer.readAll() == expected)
        #expect(writer.segments.count == 6)
        try writer.finish()
        let (again, recovery) = try Samples.open(disk)
        #expect(recovery == JournalRecovery())
        #expect(try again.readAll() == expected)
        #expect(again.nextIndex == 301)
        #expect(again.journalID == Samples.journalID)
    }

    @Test("reading stops at as many bytes as are asked for, and goes on behind what was read")
    func reading() throws {
        let writer = try Samples.open(SimulatedDisk()).writer
        for number in 1...200 { try writer.append(number, bytes: 100) }
        var last: UInt64 = 0
        var count = 0
        while true {
            let records = try writer.read(after: last, maxBytes: 950)
            if records.isEmpty { break }
            #expect(records.map(\.index) == Array(last + 1...last + UInt64(records.count)))
            #expect(records.count == (last == 198 ? 2 : 9))
            last = records.last?.index ?? last
            count += records.count
        }
        #expect(count == 200)
        // One record comes, however large it is.
        #expect(try writer.read(after: 0, maxBytes: 0).map(\.index) == [1])
        // Back again, and over what was acknowledged.
        writer.acknowledge(3..<150)
        #expect(try writer.read(after: 1, maxBytes: 250).map(\.index) == [2, 150])
    }

    @Test("a segment is full before it grows above its size, and a record never spans two")
    func rotation() throws {
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk).writer
        // 80 + 2 × (28 + 1980) is exactly 4096.
        for number in 1...6 { try writer.append(number, bytes: 1980) }
        let sizes = disk.contents.filter { $0.key.hasSuffix(".segment") }.sorted { $0.key < $1.key }.map(\.value.count)
        #expect(sizes == [4096, 4096, 4096])
        #expect(writer.segments.map(\.firstIndex) == [1, 3, 5])
    }

    @Test("a segment goes once all its records are acknowledged, the oldest first, and never the last one")
    func deletion() throws {
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk).writer
        for number in 1...6 { try writer.append(number, bytes: 1980) }
        writer.acknowledge(3..<7)
        try writer.deleteAcknowledged()
        #expect(writer.segments.map(\.number) == [1, 2, 3])
        writer.acknowledge(1..<2)
        try writer.deleteAcknowledged()
        #expect(writer.segments.map(\.number) == [1, 2, 3])
        #expect(try writer.readAll().map(\.index) == [2])
        writer.acknowledge(2..<3)
        try writer.deleteAcknowledged()
        #expect(writer.segments.map(\.number) == [3])
        #expect(try writer.readAll().isEmpty)
        // Indexes go on, whatever was deleted.
        try writer.finish()
        let again = try Samples.open(disk).writer
        #expect(try again.readAll().isEmpty)
        #expect(try again.append(7) == 7)
        try again.deleteAcknowledged()
        #expect(again.segments.map(\.number) == [4])
    }

    @Test("limits that were lowered don't keep a journal full whose records are all acknowledged")
    func loweredLimits() throws {
        var options = Samples.options
        options.maxSegmentBytes = 1 << 16
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk, options).writer
        for number in 1...20 { try writer.append(number, bytes: 3000) }
        try writer.finish()
        options.maxSegmentBytes = 4096
        options.maxBytes = 2 * 4096 + JournalOptions.reservedBytes
        let again = try Samples.open(disk, options).writer
        again.acknowledge(1..<21)
        try again.deleteAcknowledged()
        #expect(again.filesBytes == 0)
        var ledger = SpaceLedger(options: options, filesBytes: again.filesBytes)
        #expect(ledger.reserve(3028) != nil)
        let third = try Samples.open(disk, options).writer
        #expect(third.journalID == Samples.journalID)
        #expect(try third.append(21) == 21)
        #expect(third.segments.map(\.number) == [2])
    }

    @Test("acknowledgements amid others are kept by the checkpoint, and forgotten without it")
    func acknowledgements() throws {
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk).writer
        for number in 1...9 { try writer.append(number) }
        writer.acknowledge(1..<3)
        writer.acknowledge(5..<6)
        writer.acknowledge(8..<100)
        try writer.writeCheckpoint()
        writer.acknowledge(7..<8)
        let killed = SimulatedDisk(files: disk.contents)
        #expect(try Samples.open(killed).writer.readAll().map(\.index) == [3, 4, 6, 7])
        var files = disk.contents
        files[FileName.checkpoint] = nil
        #expect(try Samples.open(SimulatedDisk(files: files)).writer.readAll().map(\.index) == Array(1...9))
        files[FileName.checkpoint] = [1, 2, 3]
        let (unread, recovery) = try Samples.open(SimulatedDisk(files: files))
        #expect(try unread.readAll().map(\.index) == Array(1...9))
        #expect(recovery.findings.map(\.kind) == [.unusableCheckpoint])
    }
}
