import DocketTestSupport
import Synchronization
import Testing

@testable import DocketJournal

@Suite("A journal whose disk refuses")
struct JournalFaultTests {
    @Test("a group whose sync fails is no part of the journal, and the next one goes into a new segment")
    func failedSync() throws {
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk).writer
        try writer.append(1)
        disk.set { $0.failingSyncs = 1 }
        let error = #expect(throws: JournalError.self) { try writer.append(2) }
        #expect(error?.code == .failed)
        #expect(error?.cause?.operation == "sync")
        #expect(writer.isSealed)
        // The index wasn't used up, and the file isn't written to again.
        #expect(try writer.append(3) == 2)
        #expect(writer.segments.map(\.number) == [1, 2])
        #expect(try writer.readAll().map(\.payload) == [Samples.payload(1), Samples.payload(3)])
        var generator = SeededGenerator(seed: 1)
        let (again, recovery) = try Samples.open(disk.crashed(&generator))
        #expect(recovery.findings == [])
        #expect(try again.readAll().map(\.payload) == [Samples.payload(1), Samples.payload(3)])
    }

    @Test("a failed group that can't be cut off is known not to count")
    func failedSyncWithoutTruncation() throws {
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk).writer
        try writer.append(1)
        disk.set {
            $0.failingSyncs = 1
            $0.failingTruncations = 1
        }
        #expect(throws: JournalError.self) { try writer.append(2) }
        #expect(try writer.append(3) == 2)
        #expect(disk.contents[FileName.segment(1)]?.count == 80 + 2 * 68)
        #expect(writer.filesBytes == 80 + 2 * 68 + 80 + 68)
        let (again, recovery) = try Samples.open(SimulatedDisk(files: disk.contents))
        #expect(recovery.findings == [])
        #expect(try again.readAll().map(\.payload) == [Samples.payload(1), Samples.payload(3)])
    }

    @Test("a full disk refuses a group whole, wherever the space ends, and takes the next once there is room")
    func noSpace() throws {
        for free in 0..<80 + 68 + 68 {
            let disk = SimulatedDisk()
            let writer = try Samples.open(disk).writer
            disk.set { $0.freeBytes = free }
            var taken: [Int] = []
            for number in 1...3 {
                do throws(JournalError) {
                    try writer.append(number)
                    taken.append(number)
                } catch {
                    #expect(error.cause?.kind == .noSpace)
                    #expect(error.message.contains("free space"))
                }
            }
            #expect(taken == (free < 148 ? [] : [1]), "\(free) bytes free")
            // Nothing is left of what didn't fit.
            #expect(disk.contents.values.reduce(0) { $0 + $1.count } == (free < 148 ? 0 : 148))
            disk.set { $0.freeBytes = nil }
            try writer.append(4)
            let (again, recovery) = try Samples.open(SimulatedDisk(files: disk.contents))
            #expect(recovery.findings == [])
            #expect(try again.readAll().map(\.payload) == (taken + [4]).map { Samples.payload($0) })
        }
    }

    @Test("a disk that is full of what is acknowledged gets its room back, though there is none for a new checkpoint")
    func fullOfAcknowledged() throws {
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk).writer
        try writer.makeRoomForCheckpoint()
        try writer.append(1)
        disk.set { $0.freeBytes = 0 }
        #expect(throws: JournalError.self) { try writer.append(2) }
        writer.acknowledge(1..<2)
        try writer.deleteAcknowledged()
        #expect(writer.segments == [])
        disk.set { $0.freeBytes = 148 }
        #expect(try writer.append(3) == 2)
        let (again, recovery) = try Samples.open(SimulatedDisk(files: disk.contents))
        #expect(recovery.findings == [])
        #expect(try again.readAll().map(\.index) == [2])
    }

    @Test(
        "a crash amid a checkpoint on a full disk forgets nothing of the one before", arguments: 0..<20 as Range<UInt64>
    )
    func crashOnFullDisk(seed: UInt64) throws {
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk).writer
        try writer.makeRoomForCheckpoint()
        for number in 1...4 { try writer.append(number) }
        writer.acknowledge(1..<2)
        try writer.writeCheckpoint()
        disk.set {
            $0.freeBytes = 0
            $0.failingSyncs = 1
        }
        writer.acknowledge(3..<4)
        #expect(throws: JournalError.self) { try writer.writeCheckpoint() }
        var generator = SeededGenerator(seed: seed)
        let again = try Samples.open(disk.crashed(&generator)).writer
        #expect(try again.readAll().map(\.index).starts(with: [2]))
    }

    @Test("a write that the system takes in pieces is whole")
    func shortWrites() throws {
        let disk = SimulatedDisk()
        disk.set { $0.maxWriteBytes = 7 }
        let writer = try Samples.open(disk).writer
        for number in 1...4 { try writer.append(number) }
        writer.acknowledge(1..<2)
        try writer.finish()
        #expect(try Samples.open(disk).writer.readAll().map(\.index) == [2, 3, 4])
    }

    @Test("a directory that can't be synced fails the first group of a segment, and leaves no segment")
    func failedDirectorySync() throws {
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk).writer
        disk.set { $0.failingDirectorySyncs = 1 }
        #expect(throws: JournalError.self) { try writer.append(1) }
        #expect(writer.segments == [])
        #expect(try writer.append(2) == 1)
        #expect(writer.segments.map(\.number) == [1])
    }

    @Test("records that were only written outlive a failed sync, unless the machine crashes: then the loss is told")
    func failedSyncOfWritten() throws {
        var options = Samples.options
        options.synchronization = .interval(.seconds(1))
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk, options).writer
        _ = try writer.append([Samples.entry(1)], synchronizes: true)
        _ = try writer.append([Samples.entry(2)], synchronizes: false)
        disk.set { $0.failingSyncs = 1 }
        #expect(throws: JournalError.self) { try writer.synchronizeOrSeal() }
        _ = try writer.append([Samples.entry(3)], synchronizes: true)
        #expect(try writer.readAll().map(\.index) == [1, 2, 3])
        var losses = 0
        for seed in 0..<20 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let (again, recovery) = try Samples.open(disk.crashed(&generator), options)
            let indexes = try again.readAll().map(\.index)
            #expect(indexes == [1, 3])
            #expect(recovery.findings.map(\.kind) == [.lost])
            losses += 1
            // The lost index holds nothing back.
            again.acknowledge(1..<2)
            again.acknowledge(3..<4)
            #expect(again.acknowledged == AcknowledgedSet(through: 3))
        }
        #expect(losses == 20)
    }

    @Test("an acknowledged segment that can't be deleted goes later")
    func failedDeletion() throws {
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk).writer
        for number in 1...6 { try writer.append(number, bytes: 1980) }
        writer.acknowledge(1..<7)
        disk.set { $0.failingRemovals = 1 }
        #expect(throws: JournalError.self) { try writer.deleteAcknowledged() }
        #expect(writer.segments.count == 3)
        disk.set { $0.failingDirectorySyncs = 1 }
        #expect(throws: JournalError.self) { try writer.deleteAcknowledged() }
        try writer.deleteAcknowledged()
        #expect(writer.segments.map(\.number) == [3])
        #expect(disk.contents.keys.filter { $0.hasSuffix(".segment") } == [FileName.segment(3)])
    }

    @Test("a segment is deleted only when a later one is there for good: a crash never leaves neither")
    func deletionBeforeSync() throws {
        var options = Samples.options
        options.synchronization = .never
        for seed in 0..<30 as Range<UInt64> {
            let disk = SimulatedDisk()
            let writer = try Samples.open(disk, options).writer
            try writer.append(1, bytes: 3000)
            try writer.writeCheckpoint()
            _ = try writer.append([Samples.entry(2, bytes: 3000)], synchronizes: false)
            writer.acknowledge(1..<2)
            try writer.deleteAcknowledged()
            var generator = SeededGenerator(seed: seed)
            let (again, recovery) = try Samples.open(disk.crashed(&generator), options)
            #expect(recovery.findings == [])
            #expect(try again.readAll().map(\.index) == [2])
        }
    }

    @Test("a file that couldn't be removed is never written over: its old content would pass for damage")
    func unremovable() throws {
        var options = Samples.options
        options.synchronization = .never
        for seed in 0..<30 as Range<UInt64> {
            let disk = SimulatedDisk()
            let writer = try Samples.open(disk, options).writer
            disk.set {
                $0.failingDirectorySyncs = 1
                $0.failingRemovals = 1
            }
            #expect(throws: JournalError.self) { try writer.append(1, bytes: 2500) }
            #expect(disk.contents[FileName.segment(1)] != nil)
            _ = try writer.append([Samples.entry(2, bytes: 100)], synchronizes: false)
            _ = try writer.append([Samples.entry(3, bytes: 2000)], synchronizes: false)
            var generator = SeededGenerator(seed: seed)
            let read = try Samples.open(disk.crashed(&generator), options).writer.readAll().map(\.payload)
            let whole = [[1], [2, 3], [2], []].map {
                $0.map { Samples.payload($0, bytes: $0 == 1 ? 2500 : $0 == 2 ? 100 : 2000) }
            }
            #expect(whole.contains(read))
        }
    }

    @Test("what turns bad while it waits is told when it is read, with where to go on")
    func badWhileOpen() throws {
        let disk = SimulatedDisk()
        let writer = try Samples.open(disk).writer
        for number in 1...6 { try writer.append(number, bytes: 1980) }
        disk.state.withLock { state in
            guard let file = state.names[FileName.segment(2)] else { return }
            state.files[file]?.current[200] ^= 1
        }
        #expect(try writer.readAll().map(\.index) == [1, 2])
        let error = #expect(throws: JournalError.self) { try writer.read(after: 2, maxBytes: .max) }
        #expect(error?.code == .damaged)
        #expect(error?.place == JournalPlace(segment: 2, offset: 80, lastIndex: 4))
        #expect(try writer.read(after: 4, maxBytes: .max).map(\.index) == [5, 6])
    }
}
