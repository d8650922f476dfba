import Foundation
import Testing

@testable import DocketJournal

@Suite("Looking at a journal, and mending it")
struct JournalCheckTests {
    private func batch(_ producer: UInt64, _ sequence: Int64) -> JournalWriter.Entry {
        var payload: [UInt8] = []
        JournalBatchKey(producerHigh: producer, producerLow: 0, sequence: sequence).append(to: &payload)
        return JournalWriter.Entry(kind: .batch, payload: payload + Samples.payload(Int(sequence), bytes: 1980 - 24))
    }

    /// Three segments of two batches each, of two producers; 1, 2, 3 and 5 are acknowledged.
    private func disk() throws -> SimulatedDisk {
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk).writer
        for sequence: Int64 in 1...6 {
            _ = try writer.append([self.batch(sequence == 6 ? 0xB : 0xA, sequence)], synchronizes: true)
        }
        writer.acknowledge(1..<4)
        writer.acknowledge(5..<6)
        try writer.finish()
        return disk
    }

    @Test("shows segments, producers and what is acknowledged")
    func inspection() throws {
        let disk = try self.disk()
        let inspection = try JournalInspection(disk)
        #expect(inspection.isSound)
        #expect(inspection.journalID == Samples.journalID)
        #expect(inspection.acknowledgedThrough == 3)
        #expect(inspection.nextIndex == 7)
        #expect(inspection.recordCount == 6)
        #expect(inspection.unacknowledgedCount == 2)
        #expect(inspection.segments.map(\.unacknowledgedCount) == [0, 1, 1])
        #expect(inspection.segments.map(\.firstIndex) == [1, 3, 5])
        #expect(inspection.segments.map(\.lastIndex) == [2, 4, 6])
        #expect(inspection.totalBytes == disk.contents.values.reduce(0) { $0 + $1.count })
        #expect(
            inspection.producers == [
                .init(
                    id: "00000000-0000-000a-0000-000000000000", recordCount: 5, unacknowledgedCount: 1, minSequence: 1,
                    maxSequence: 5),
                .init(
                    id: "00000000-0000-000b-0000-000000000000", recordCount: 1, unacknowledgedCount: 1, minSequence: 6,
                    maxSequence: 6),
            ])
    }

    @Test("a sound journal stays as it is, whatever may be repaired")
    func sound() throws {
        let disk = try self.disk()
        let files = disk.contents
        for repair: JournalCheck.Repair in [.nothing, .tornTail, .tornTailAndDamage] {
            let check = try JournalCheck(disk, repair: repair)
            #expect(check.isSound)
            #expect(check.findings == [])
            #expect(check.recordCount == 6)
            #expect(disk.contents == files)
        }
    }

    @Test("a torn tail is sound, and cut only when that is asked for")
    func tornTail() throws {
        var files = try self.disk().contents
        files[FileName.checkpoint] = nil
        files[FileName.segment(3)]?.removeLast(5)
        let disk = SimulatedDisk(files: files)
        let looked = try JournalCheck(disk, repair: .nothing)
        #expect(looked.isSound)
        #expect(looked.findings.map(\.kind) == [.tornTail])
        #expect(disk.contents == files)
        #expect(try JournalInspection(disk).segments.map(\.state) == [.sound, .sound, .torn])
        let repaired = try JournalCheck(disk, repair: .tornTail)
        #expect(repaired.cutBytes == 2003)
        #expect(repaired.isSound)
        #expect(disk.contents[FileName.segment(3)]?.count == 2088)
        #expect(try JournalCheck(disk, repair: .nothing).findings == [])
    }

    @Test("damage is told, never mended unless it is set aside, and then kept whole")
    func damage() throws {
        var files = try self.disk().contents
        files[FileName.segment(1)]?[300] ^= 1
        files[FileName.checkpoint]?[30] ^= 1
        let disk = SimulatedDisk(files: files)
        for repair: JournalCheck.Repair in [.nothing, .tornTail] {
            let check = try JournalCheck(disk, repair: repair)
            #expect(!check.isSound)
            #expect(check.findings.map(\.kind) == [.unusableCheckpoint, .damaged])
            #expect(disk.contents == files)
        }
        #expect(try JournalInspection(disk).segments.map(\.state) == [.damaged, .sound, .sound])
        let check = try JournalCheck(disk, repair: .tornTailAndDamage)
        #expect(check.setAside == [1])
        #expect(check.isSound)
        #expect(disk.contents[FileName.aside(1)] == files[FileName.segment(1)])
        #expect(disk.contents[FileName.asideCheckpoint] == files[FileName.checkpoint])
        #expect(try JournalInspection(disk).segments.map(\.state) == [.setAside, .sound, .sound])
        #expect(try Samples.open(disk).writer.readAll().map(\.index) == [3, 4, 5, 6])
    }

    @Test("the end of a damaged last segment is no torn tail")
    func damagedEnd() throws {
        var files = try self.disk().contents
        files[FileName.segment(3)]?[2100] ^= 1
        let disk = SimulatedDisk(files: files)
        let check = try JournalCheck(disk, repair: .tornTail)
        #expect(check.findings.map(\.kind) == [.damaged])
        #expect(check.cutBytes == 0)
        #expect(disk.contents == files)
    }

    @Test("a check makes no directory, and gives way to an owner")
    func owner() async throws {
        let folder = try Folder()
        let missing = #expect(throws: JournalError.self) { try JournalCheck(path: folder.path, repair: .tornTail) }
        #expect(missing?.code == .unusableDirectory)
        #expect(!FileManager.default.fileExists(atPath: folder.path))
        let unseen = #expect(throws: JournalError.self) { try JournalInspection(path: folder.path) }
        #expect(unseen?.code == .unusableDirectory)
        let journal = try await Journal.open(folder.path)
        _ = try await journal.append(.batch, Samples.payload(1))
        let error = #expect(throws: JournalError.self) { try JournalCheck(path: folder.path, repair: .tornTail) }
        #expect(error?.code == .inUse)
        #expect(try JournalInspection(path: folder.path).recordCount == 1)
        try await journal.close()
        #expect(try JournalCheck(path: folder.path, repair: .tornTail).isSound)
    }
}
