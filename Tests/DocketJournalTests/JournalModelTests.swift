import DocketTestSupport
import Synchronization
import Testing

@testable import DocketJournal

/// Random work on a disk that fails and crashes, and what must hold of it:
///
/// - What was synced and not acknowledged is read after every crash, in order, once, as it was written.
/// - What was only written is read after a kill of the process, though a crash of the machine may take it.
/// - Nothing is read that was never appended; what was told to have failed only where the machine crashed after it.
/// - What a kept checkpoint says is acknowledged is never read again.
/// - Neither a crash nor a fault is ever taken for damage, and the files never take more than they may.
@Suite("A journal on a disk that fails and crashes")
struct JournalModelTests {
    @Test("keeps its promises", arguments: [JournalOptions.Synchronization.everyGroup, .interval(.seconds(1)), .never])
    func model(policy: JournalOptions.Synchronization) throws {
        var generator = SeededGenerator.ofRun("model(\(policy))")
        for run in 0..<60 {
            var model = JournalModel(policy: policy, generator: SeededGenerator(seed: generator.next()))
            do {
                for _ in 0..<120 { try model.step() }
            } catch {
                Issue.record("run \(run): \(error)")
            }
            #expect(model.violations == [], "run \(run)")
            if !model.violations.isEmpty { return }
        }
    }
}

/// The journal, and what is known of its records.
private struct JournalModel {
    enum Fate {
        /// Told to be synced.
        case durable
        /// Told to be written.
        case written
        /// Told to have failed.
        case failed
    }

    struct Record {
        let payload: [UInt8]
        var fate: Fate
        var isAcknowledged = false
        /// Acknowledged, and kept so.
        var isKeptAcknowledged = false
    }

    private var generator: SeededGenerator
    private var options = Samples.options
    private var disk = SimulatedDisk()
    private var writer: JournalWriter?
    /// By the number that the payload begins with.
    private var records: [Int: Record] = [:]
    private var next = 0
    /// Whether the machine has crashed, and the journal couldn't be opened since.
    private var hasCrashedUnseen = false
    private(set) var violations: [String] = []

    init(policy: JournalOptions.Synchronization, generator: SeededGenerator) {
        self.generator = generator
        self.options.synchronization = policy
        self.options.maxBytes = 2 * self.options.maxSegmentBytes + JournalOptions.reservedBytes + 6000
        self.options.maxQueuedBytes = 1 << 20
    }

    mutating func step() throws {
        guard let writer = self.writer else { return try self.open(afterCrash: false) }
        switch self.generator.next() % 20 {
        case 0..<9: self.append(writer)
        case 9..<11: self.sync(writer)
        case 11..<14: self.acknowledge(writer)
        case 14:
            if (try? writer.writeCheckpoint()) != nil { self.noteKept() }
        case 15: self.setFaults()
        case 16: try self.check(writer.readAll(), afterCrash: false)
        case 17: try self.kill()
        case 18: try self.close(writer)
        default: try self.crash()
        }
    }

    // MARK: Acts

    private mutating func append(_ writer: JournalWriter) {
        var ledger = SpaceLedger(options: self.options, filesBytes: writer.filesBytes, tailBytes: writer.tailBytes)
        var entries: [JournalWriter.Entry] = []
        var numbers: [Int] = []
        for _ in 0..<Int.random(in: 1...4, using: &self.generator) {
            let bytes =
                self.generator.oneIn(8)
                ? Int.random(in: 4...3000, using: &self.generator) : Int.random(in: 4...200, using: &self.generator)
            var payload = self.generator.oneIn(4) ? [UInt8](repeating: 0, count: bytes) : self.generator.bytes(bytes)
            for place in 0..<4 { payload[place] = UInt8(truncatingIfNeeded: self.next >> (8 * place)) }
            guard let reservation = ledger.reserve(RecordFrame.byteCount + bytes),
                entries.isEmpty || !reservation.beginsSegment
            else { break }
            entries.append(JournalWriter.Entry(kind: .batch, payload: payload))
            numbers.append(self.next)
            self.records[self.next] = Record(payload: payload, fate: .failed)
            self.next += 1
        }
        guard !entries.isEmpty else { return }
        let syncs = self.options.synchronization == .everyGroup || self.generator.oneIn(4)
        do throws(JournalError) {
            _ = try writer.append(entries, synchronizes: syncs)
            for number in numbers { self.records[number]?.fate = syncs ? .durable : .written }
            if syncs { self.noteSynced(writer) }
        } catch {
            if error.code != .failed { self.violations.append("append: \(error)") }
        }
        self.checkSize()
    }

    private mutating func sync(_ writer: JournalWriter) {
        if (try? writer.synchronizeOrSeal()) != nil { self.noteSynced(writer) }
    }

    /// What is known to be synced: all that is written, unless a segment is left that never will be.
    private mutating func noteSynced(_ writer: JournalWriter) {
        guard writer.segments.allSatisfy({ $0.bytes == $0.syncedBytes }) else { return }
        for (number, record) in self.records where record.fate == .written { self.records[number]?.fate = .durable }
    }

    private mutating func acknowledge(_ writer: JournalWriter) {
        guard let all = try? writer.readAll(), !all.isEmpty else { return }
        let isPrefix = self.generator.oneIn(2)
        for record in all.prefix(isPrefix ? Int.random(in: 1...all.count, using: &self.generator) : all.count)
        where isPrefix || self.generator.oneIn(3) {
            writer.acknowledge(record.index..<record.index + 1)
            if let number = self.number(record) { self.records[number]?.isAcknowledged = true }
        }
        try? writer.deleteAcknowledged()
        self.checkSize()
    }

    private mutating func noteKept() {
        for (number, record) in self.records where record.isAcknowledged {
            self.records[number]?.isKeptAcknowledged = true
        }
    }

    private mutating func setFaults() {
        let (choice, free) = (self.generator.next() % 8, Int.random(in: 0...3000, using: &self.generator))
        let seed = self.generator.next()
        self.disk.state.withLock { $0.generator = SeededGenerator(seed: seed) }
        self.disk.set { faults in
            faults = SimulatedDisk.Faults()
            switch choice {
            case 0: faults.freeBytes = free
            case 1: faults.failingSyncs = 1
            case 2: faults.failingDirectorySyncs = 1
            case 3: faults.failingWrites = 1
            case 4:
                faults.failingSyncs = 1
                faults.failingTruncations = 1
            case 5: faults.anyOneIn = 6
            case 6: faults.maxWriteBytes = 100
            default: break
            }
        }
    }

    private mutating func kill() throws {
        self.writer = nil
        try self.open(afterCrash: false)
    }

    private mutating func close(_ writer: JournalWriter) throws {
        self.writer = nil
        if (try? writer.finish()) != nil {
            self.noteSynced(writer)
            self.noteKept()
        }
        try self.open(afterCrash: false)
    }

    private mutating func crash() throws {
        self.writer = nil
        self.disk = self.disk.crashed(&self.generator)
        try self.open(afterCrash: true)
    }

    private mutating func open(afterCrash: Bool) throws {
        if !self.generator.oneIn(4) { self.disk.set { $0 = SimulatedDisk.Faults() } }
        do throws(JournalError) {
            let (writer, _) = try Samples.open(self.disk, self.options)
            self.writer = writer
            try self.check(writer.readAll(), afterCrash: afterCrash)
        } catch {
            // A disk that refuses is none that has lost anything.
            if error.code != .failed { self.violations.append("open: \(error)") }
            if afterCrash { self.hasCrashedUnseen = true }
        }
    }

    // MARK: Checks

    private func number(_ record: JournalRecord) -> Int? {
        guard record.payload.count >= 4 else { return nil }
        return record.payload.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    private mutating func check(_ read: [JournalRecord], afterCrash: Bool) throws(JournalError) {
        var last = -1
        var found: Set<Int> = []
        for record in read {
            guard let number = self.number(record), let known = self.records[number], known.payload == record.payload
            else {
                self.violations.append("record \(record.index) was never appended")
                continue
            }
            if number <= last { self.violations.append("record \(number) comes after \(last)") }
            last = number
            found.insert(number)
            if known.isKeptAcknowledged { self.violations.append("record \(number) was acknowledged for good") }
            // Forgotten since it wasn't kept: it must be acknowledged again.
            self.records[number]?.isAcknowledged = false
            // A failed append may be found when the machine, or the process, has ended after it.
            if known.fate == .failed { self.records[number]?.fate = .written }
        }
        for (number, record) in self.records where !found.contains(number) {
            if record.isAcknowledged || record.fate == .failed { continue }
            if record.fate == .written, afterCrash || self.hasCrashedUnseen {
                self.records[number] = nil
                continue
            }
            self.violations.append("record \(number) (\(record.fate)) is gone")
        }
        self.hasCrashedUnseen = false
    }

    private mutating func checkSize() {
        if self.disk.peakBytes > self.options.maxBytes {
            self.violations.append("the files took \(self.disk.peakBytes) bytes; \(self.options.maxBytes) are allowed")
        }
    }
}
