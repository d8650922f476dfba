import DocketTestSupport
import Foundation
import Synchronization
import Testing

@testable import DocketJournal

@Suite("A journal")
struct JournalTests {
    @Test("keeps records over a restart, under a private directory")
    func restart() async throws {
        let folder = try Folder()
        let journal = try await Journal.open(folder.path)
        for number in 1...50 {
            #expect(try await journal.appendDurably(.batch, Samples.payload(number)) == UInt64(number))
        }
        journal.acknowledge(1..<11)
        journal.acknowledge(13)
        try await journal.close()
        let again = try await Journal.open(folder.path)
        #expect(again.recovery == JournalRecovery())
        let records = try await again.read(after: 0, maxBytes: .max)
        #expect(records.map(\.index) == [11, 12] + Array(14...50))
        #expect(records.first?.payload == Samples.payload(11))
        #expect(again.status.unacknowledgedCount == 39)
        try await again.close()
        let attributes = try FileManager.default.attributesOfItem(atPath: folder.path)
        #expect(attributes[.posixPermissions] as? Int == 0o700)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/\(name)")
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
        }
    }

    @Test("has one owner at a time")
    func lock() async throws {
        let folder = try Folder()
        let journal = try await Journal.open(folder.path)
        let error = await #expect(throws: JournalError.self) { _ = try await Journal.open(folder.path) }
        #expect(error?.code == .inUse)
        #expect(error?.message.contains("process \(ProcessInfo.processInfo.processIdentifier)") == true)
        try await journal.close()
        try await Journal.open(folder.path).close()
    }

    @Test("refuses a directory that others may write to, or whose parent is missing")
    func directory() async throws {
        let folder = try Folder()
        try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: false)
        try FileManager.default.setAttributes([.posixPermissions: 0o770], ofItemAtPath: folder.path)
        for path in [folder.path, "\(folder.path)/a/b"] {
            let error = await #expect(throws: JournalError.self) { _ = try await Journal.open(path) }
            #expect(error?.code == .unusableDirectory)
        }
    }

    @Test("many appenders share syncs, and get indexes of their own", arguments: [true, false])
    func concurrentAppenders(isDurable: Bool) async throws {
        let disk = SimulatedDisk()
        let journal = try await Journal.open(options: Samples.options) { disk }
        let indexes = try await withThrowingTaskGroup(of: [UInt64].self) { group in
            for task in 0..<16 {
                group.addTask {
                    var indexes: [UInt64] = []
                    for number in 0..<100 {
                        let payload = Samples.payload(task * 100 + number)
                        indexes.append(
                            isDurable
                                ? try await journal.appendDurably(.batch, payload)
                                : try await journal.append(.batch, payload))
                    }
                    // Those of one task come in order.
                    #expect(indexes == indexes.sorted())
                    return indexes
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(indexes.sorted() == Array(1...1600))
        try await journal.close()
        // At least a sync for each segment and its directory; far fewer than records.
        #expect(disk.syncs < 1200, "\(disk.syncs)")
        let records = try Samples.open(disk).writer.readAll()
        #expect(Set(records.map(\.payload)).count == Set((0..<1600).map { Samples.payload($0) }).count)
        #expect(records.count == 1600)
    }

    @Test("a reader follows the appenders, and what it acknowledges is deleted")
    func reader() async throws {
        let disk = SimulatedDisk()
        var options = Samples.options
        // About twelve records: without acknowledgements nobody would get further.
        options.maxBytes = 2 * options.maxSegmentBytes + JournalOptions.reservedBytes
        let journal = try await Journal.open(options: options) { disk }
        let count = 500
        async let read: [[UInt8]] = {
            var payloads: [[UInt8]] = []
            var last: UInt64 = 0
            while payloads.count < count {
                let records = try await journal.read(after: last, maxBytes: 2000)
                guard let newest = records.last else { break }
                payloads += records.map(\.payload)
                last = newest.index
                journal.acknowledge(records[0].index..<last + 1)
            }
            return payloads
        }()
        for number in 0..<count {
            while true {
                do throws(JournalError) {
                    _ = try await journal.appendDurably(.batch, Samples.payload(number, bytes: 500))
                    break
                } catch {
                    #expect(error.code == .full)
                    await Task.yield()
                }
            }
        }
        #expect(try await read == (0..<count).map { Samples.payload($0, bytes: 500) })
        try await journal.close()
        #expect(disk.peakBytes <= options.maxBytes)
        #expect(disk.contents.keys.filter { $0.hasSuffix(".segment") }.count == 1)
    }

    @Test("is full to the byte, says so, and takes more once a segment is acknowledged")
    func full() async throws {
        var options = Samples.options
        for spare in [0, 1, 70] {
            // Two segments, and a third one with one record of 1,000 bytes.
            options.maxBytes = 2 * 4096 + 80 + 28 + 1000 + spare + JournalOptions.reservedBytes
            let (disk, limited) = (SimulatedDisk(), options)
            let journal = try await Journal.open(options: limited) { disk }
            for number in 1...4 { _ = try await journal.append(.batch, Samples.payload(number, bytes: 1980)) }
            let error = await #expect(throws: JournalError.self) {
                try await journal.append(.batch, Samples.payload(5, bytes: 1001 + spare))
            }
            #expect(error?.code == .full)
            #expect(error?.message.contains("maxBytes is \(options.maxBytes)") == true)
            #expect(error?.message.contains("raise maxBytes") == true)
            #expect(try await journal.append(.batch, Samples.payload(5, bytes: 1000 + spare)) == 5)
            await #expect(throws: JournalError.self) { try await journal.append(.batch, []) }
            #expect(journal.status.filesBytes == options.maxBytes - JournalOptions.reservedBytes)
            journal.acknowledge(1..<3)
            await until { journal.status.segmentCount == 2 }
            #expect(try await journal.append(.batch, Samples.payload(6, bytes: 3000)) == 6)
            try await journal.close()
            #expect(disk.peakBytes <= options.maxBytes)
        }
    }

    @Test("bounds what waits, and refuses a record that is too large")
    func bounds() async throws {
        let disk = SimulatedDisk()
        var options = Samples.options
        options.maxQueuedRecords = 3
        let limited = options
        let journal = try await Journal.open(options: limited) { disk }
        let error = await #expect(throws: JournalError.self) {
            try await journal.append(.batch, [UInt8](repeating: 1, count: 3001))
        }
        #expect(error?.code == .tooLarge)
        #expect(error?.message.contains("maxRecordBytes (3000)") == true)
        let done = Counter()
        let refused = disk.gate.withLock { _ in
            // The thread can't write now: what it takes, and what waits, is 3 records in all.
            (0..<5).compactMap { number -> JournalError? in
                do throws(JournalError) {
                    try journal.submit(.batch, Samples.payload(number), durably: false) { _ in
                        _ = done.add()
                    }
                    return nil
                } catch {
                    return error
                }
            }
        }
        #expect(refused.map(\.code) == [.overloaded, .overloaded])
        #expect(refused.first?.message.contains("maxQueuedRecords is 3") == true)
        try await journal.close()
        #expect(done.count == 3)
    }

    @Test("a failed sync is told to everyone who waits for it, and those after it go into a new segment")
    func failedSync() async throws {
        let disk = SimulatedDisk()
        let journal = try await Journal.open(options: Samples.options) { disk }
        _ = try await journal.append(.batch, Samples.payload(0))
        disk.set { $0.failingSyncs = 1 }
        let results = Mutex<[Result<UInt64, JournalError>]>([])
        try disk.gate.withLock { _ in
            for number in 1...3 {
                try journal.submit(.batch, Samples.payload(number), durably: true) { result in
                    results.withLock { $0.append(result) }
                }
            }
        }
        await until { results.withLock(\.count) == 3 }
        // One or all three were in the group that failed.
        let failed = results.withLock { $0.filter { (try? $0.get()) == nil }.count }
        #expect((1...3).contains(failed))
        #expect(journal.status.failureCount == 1)
        #expect(journal.status.lastFailure?.cause?.operation == "sync")
        let next = UInt64(2 + 3 - failed)
        #expect(try await journal.append(.batch, Samples.payload(4)) == next)
        #expect(journal.status.segmentCount == 2)
        try await journal.close()
    }

    @Test("by interval, an append is told when it is written, and a flush or a durable one syncs at once")
    func interval() async throws {
        var options = Samples.options
        options.synchronization = .interval(.seconds(3600))
        let disk = SimulatedDisk()
        let limited = options
        let journal = try await Journal.open(options: limited) { disk }
        let before = disk.syncs
        for number in 1...5 { _ = try await journal.append(.batch, Samples.payload(number)) }
        #expect(disk.syncs == before)
        try await journal.flush()
        #expect(disk.syncs == before + 2)
        _ = try await journal.append(.batch, Samples.payload(6))
        _ = try await journal.appendDurably(.batch, Samples.payload(7))
        #expect(disk.syncs == before + 3)
        try await journal.close()
    }

    @Test("by interval, what nobody asks for is synced when it is time")
    func intervalPasses() async throws {
        var options = Samples.options
        options.synchronization = .interval(.milliseconds(5))
        let disk = SimulatedDisk()
        let limited = options
        let journal = try await Journal.open(options: limited) { disk }
        let before = disk.syncs
        _ = try await journal.append(.batch, Samples.payload(1))
        await until { disk.syncs == before + 2 }
        try await journal.close()
    }

    @Test("a read waits for a record, and ends without one when it is cancelled or the journal closes")
    func waitingRead() async throws {
        let journal = try await Journal.open(options: Samples.options) { SimulatedDisk() }
        async let first = journal.read(after: 0, maxBytes: 1000)
        _ = try await journal.append(.batch, Samples.payload(1))
        #expect(try await first.map(\.index) == [1])
        let cancelled = Task { try await journal.read(after: 1, maxBytes: 1000) }
        cancelled.cancel()
        #expect(try await cancelled.value.isEmpty)
        async let last = journal.read(after: 1, maxBytes: 1000)
        try await journal.close()
        #expect(try await last.isEmpty)
        let error = await #expect(throws: JournalError.self) { try await journal.append(.batch, []) }
        #expect(error?.code == .closed)
        await #expect(throws: JournalError.self) { try await journal.flush() }
        #expect(try await journal.read(after: 0, maxBytes: 1).isEmpty)
        try await journal.close()
    }

    @Test("a journal that is let go of unclosed lets go of its directory")
    func abandoned() async throws {
        let folder = try Folder()
        do {
            let journal = try await Journal.open(folder.path)
            _ = try await journal.append(.batch, Samples.payload(1))
        }
        await until {
            guard let journal = try? SystemDirectory(owning: folder.path) else { return false }
            journal.unlock()
            return true
        }
        let again = try await Journal.open(folder.path)
        #expect(try await again.read(after: 0, maxBytes: 1).map(\.index) == [1])
        try await again.close()
    }
}
