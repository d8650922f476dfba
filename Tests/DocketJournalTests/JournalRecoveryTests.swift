import Foundation
import Testing

@testable import DocketJournal

@Suite("Opening a journal")
struct JournalRecoveryTests {
    /// The files of a journal of three segments with two records each.
    private func files(closed: Bool = true) throws -> [String: [UInt8]] {
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk).writer
        for number in 1...6 { try writer.append(number, bytes: 1980) }
        if closed { try writer.finish() }
        return disk.contents
    }

    @Test("after a cut anywhere in the last segment, the records before are there, and appending goes on")
    func tornTail() throws {
        let files = try self.files(closed: false)
        let last = try #require(files[FileName.segment(3)])
        for count in Array(0..<200) + Array(2080..<2120) + [last.count - 1] {
            var cut = files
            cut[FileName.segment(3)] = Array(last.prefix(count))
            let disk = SimulatedDisk(files: cut)
            let (writer, recovery) = try Samples.open(disk)
            let kept = count < 80 + 28 + 1980 ? 4 : 5
            #expect(try writer.readAll().count == kept, "cut to \(count)")
            // Cut between two records, nothing shows.
            #expect(recovery.findings.map(\.kind) == (count == 80 || count == 2088 ? [] : [.tornTail]))
            #expect(try writer.append(9) == UInt64(kept) + 1)
            let (again, second) = try Samples.open(SimulatedDisk(files: disk.contents))
            #expect(second.findings == [])
            #expect(try again.readAll().last?.payload == Samples.payload(9))
        }
    }

    @Test("after a cut anywhere, a journal that had been closed is damaged")
    func cutAfterClose() throws {
        let files = try self.files()
        for number: UInt64 in 1...3 {
            let whole = try #require(files[FileName.segment(number)])
            for count in [0, 1, 79, 80, 81, 2087, 2088, 2089, whole.count - 1] {
                var cut = files
                cut[FileName.segment(number)] = Array(whole.prefix(count))
                let error = #expect(throws: JournalError.self) { try Samples.open(SimulatedDisk(files: cut)) }
                #expect(error?.code == .damaged)
                #expect(error?.message.contains("segment \(number)") == true)
            }
        }
    }

    @Test("any flipped bit of any segment is refused, and nothing is changed by that")
    func flipped() throws {
        let files = try self.files()
        for number: UInt64 in 1...3 {
            let whole = try #require(files[FileName.segment(number)])
            for bit in stride(from: 0, to: whole.count * 8, by: 97) {
                var flipped = files
                flipped[FileName.segment(number)]?[bit / 8] ^= 1 << UInt8(bit % 8)
                let disk = SimulatedDisk(files: flipped)
                let error = #expect(throws: JournalError.self, "bit \(bit)") { try Samples.open(disk) }
                #expect(error?.code == .damaged)
                #expect(error?.place?.segment == number)
                #expect(error?.message.contains("fsck --repair --set-aside") == true)
                #expect(disk.contents == flipped)
            }
        }
    }

    @Test(
        "a damaged segment that is set aside keeps its file, and all others are read", arguments: [1, 2, 3] as [UInt64])
    func setAside(number: UInt64) throws {
        var files = try self.files()
        files[FileName.segment(number)]?[500] ^= 4
        var options = Samples.options
        options.damageResponse = .setAside
        let disk = SimulatedDisk(files: files)
        let (writer, recovery) = try Samples.open(disk, options)
        #expect(recovery.setAside == [number])
        #expect(recovery.findings.map(\.kind) == [.setAside])
        #expect(disk.contents[FileName.aside(number)] == files[FileName.segment(number)])
        let kept = (1...6).filter { ($0 + 1) / 2 != number }.map { UInt64($0) }
        #expect(try writer.readAll().map(\.index) == kept)
        // Its room is taken as long as it is there, and its indexes aren't given again.
        #expect(writer.filesBytes == 3 * 4096)
        #expect(try writer.append(7) == 7)
        #expect(writer.segments.last?.number == 4)
        writer.acknowledge(1..<8)
        try writer.deleteAcknowledged()
        #expect(writer.segments.map(\.number) == [4])
        #expect(disk.contents[FileName.aside(number)] != nil)
        #expect(try Samples.open(SimulatedDisk(files: disk.contents)).recovery.findings.map(\.kind) == [.setAside])
    }

    @Test("indexes of a segment that was set aside aren't given again, even if nothing else is known of them")
    func indexesOfSetAside() throws {
        var files = try self.files()
        files = files.filter { $0.key == FileName.segment(3) }
        files[FileName.segment(3)]?[150] ^= 4
        var options = Samples.options
        options.damageResponse = .setAside
        let (writer, recovery) = try Samples.open(SimulatedDisk(files: files), options)
        #expect(recovery.setAside == [3])
        #expect(writer.journalID == Samples.journalID)
        #expect(try writer.append(7) == 7)
        #expect(writer.segments.map(\.number) == [4])
    }

    @Test("a file that is larger than any segment is damage, and isn't read into memory")
    func giant() async throws {
        let folder = try Folder()
        let journal = try await Journal.open(folder.path)
        _ = try await journal.append(.batch, Samples.payload(1))
        try await journal.close()
        #expect(truncate("\(folder.path)/\(FileName.segment(1))", 1 << 42) == 0)
        let error = await #expect(throws: JournalError.self) { _ = try await Journal.open(folder.path) }
        #expect(error?.code == .damaged)
    }

    @Test("a segment that is missing is damage, unless its records were acknowledged")
    func missing() throws {
        for number: UInt64 in [2, 3] {
            var files = try self.files()
            files[FileName.segment(number)] = nil
            let error = #expect(throws: JournalError.self) { try Samples.open(SimulatedDisk(files: files)) }
            #expect(error?.code == .damaged)
            #expect(error?.message.contains("segment \(number) is missing") == true)
            var options = Samples.options
            options.damageResponse = .setAside
            let disk = SimulatedDisk(files: files)
            let (writer, recovery) = try Samples.open(disk, options)
            #expect(recovery.setAside == [number])
            #expect(disk.contents[FileName.aside(number)] == [])
            #expect(try writer.readAll().count == 4)
            #expect(writer.nextIndex == 7)
        }
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk).writer
        for number in 1...6 { try writer.append(number, bytes: 1980) }
        writer.acknowledge(1..<5)
        try writer.writeCheckpoint()
        var files = disk.contents
        files[FileName.segment(2)] = nil
        #expect(try Samples.open(SimulatedDisk(files: files)).writer.readAll().map(\.index) == [5, 6])
    }

    @Test("acknowledged segments that a crash has left are deleted unread")
    func leftover() throws {
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk).writer
        for number in 1...6 { try writer.append(number, bytes: 1980) }
        writer.acknowledge(1..<5)
        try writer.writeCheckpoint()
        var files = disk.contents
        files[FileName.segment(1)] = [1, 2, 3]
        let again = SimulatedDisk(files: files)
        let (reopened, recovery) = try Samples.open(again)
        #expect(recovery.findings == [])
        #expect(reopened.segments.map(\.number) == [3])
        #expect(again.contents.keys.sorted() == [FileName.segment(3), FileName.checkpoint, FileName.newCheckpoint])
    }

    @Test("a journal of another version is left as it is, and says so")
    func otherVersion() throws {
        var files = try self.files()
        var bytes = Array(try #require(files[FileName.segment(3)]).prefix(76))
        bytes[8] = 2
        bytes.appendNumber(Checksum.crc32(bytes, 0..<76))
        files[FileName.segment(3)]?.replaceSubrange(0..<80, with: bytes)
        var options = Samples.options
        options.damageResponse = .setAside
        let disk = SimulatedDisk(files: files)
        let error = #expect(throws: JournalError.self) { try Samples.open(disk, options) }
        #expect(error?.code == .unsupported)
        #expect(disk.contents == files)
    }

    @Test("foreign files are left alone, and count for the size")
    func foreign() throws {
        var files = try self.files()
        files["notes.txt"] = [UInt8](repeating: 1, count: 100)
        let disk = SimulatedDisk(files: files)
        let writer = try Samples.open(disk).writer
        #expect(writer.filesBytes == 3 * 4096 + 100)
        #expect(disk.contents["notes.txt"]?.count == 100)
    }

    @Test("options outside of their bounds are refused by name")
    func options() {
        let wrong: [(WritableKeyPath<JournalOptions, Int>, Int, String)] = [
            (\.maxSegmentBytes, 4095, "maxSegmentBytes"), (\.maxRecordBytes, 0, "maxRecordBytes"),
            (\.maxRecordBytes, 16 << 20, "maxRecordBytes"), (\.maxBytes, 32 << 20, "maxBytes"),
            (\.maxQueuedBytes, 8 << 20, "maxQueuedBytes"), (\.maxQueuedRecords, 0, "maxQueuedRecords"),
            (\.maxGroupBytes, 0, "maxGroupBytes"),
        ]
        for (option, value, name) in wrong {
            var options = JournalOptions()
            options[keyPath: option] = value
            let error = #expect(throws: JournalError.self) { try options.check() }
            #expect(error?.code == .invalidOptions)
            #expect(error?.message.hasPrefix("\(name) is \(value)") == true)
        }
        #expect(throws: Never.self) { try JournalOptions().check() }
    }
}
