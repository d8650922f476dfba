import DocketImport
import DocketModel
import Foundation
import Testing

@Suite("Identity of imports")
struct IdentityTests {
    private let line = #"{"type":"a.b","occurred_at":"1970-01-01T00:00:00Z"}"#

    @Test("an event id is the hash that the documentation gives, with the bits of a UUIDv8")
    func eventID() {
        // python3: sha256(b"docket.import.event.v1\0jsonl\0" + line)[:16], version and variant set.
        var identity = RecordIdentity(format: .jsonLines)
        #expect(identity.eventID(of: Array(self.line.utf8)).uuidString == "cd79393a-c3d4-8672-a491-b33345c3c198")
        #expect(identity.eventID(of: Array(self.line.utf8)).uuidString == "3b40767e-021f-8e8c-b503-4cdbfc9e0505")
    }

    @Test("equal records of one file are different events, and the same ones in every import")
    func duplicates() {
        let text = "\(self.line)\n\(self.line)\n{}\n\(self.line)\n"
        let first = imported(text, .jsonLines).compactMap { $0.event?.eventID }
        #expect(Set(first).count == 3)
        #expect(imported(text, .jsonLines).compactMap { $0.event?.eventID } == first)
        #expect(imported(Array(text.utf8), .jsonLines, chunkBytes: 1).compactMap { $0.event?.eventID } == first)
        // A record keeps its id wherever it stands.
        #expect(imported("\n\n{}\n\(self.line)", .jsonLines).last?.event?.eventID == first.first)
    }

    @Test("ids differ by record and by format, and are UUIDv8s")
    func different() {
        var ids: Set<EventID> = []
        for format in ImportFormat.allCases {
            var identity = RecordIdentity(format: format)
            for index in 0..<100 {
                let id = identity.eventID(of: Array("record \(index)".utf8))
                #expect(id.high >> 12 & 0xF == 8 && id.low >> 62 == 0b10)
                ids.insert(id)
            }
        }
        #expect(ids.count == 300)
    }

    @Test("past the bound of memory ids are still different, and the same in every import")
    func bounded() {
        func ids() -> [EventID] {
            var identity = RecordIdentity(format: .jsonLines, maxRememberedRecords: 3)
            return (0..<20).map { identity.eventID(of: Array("record \($0 % 5)".utf8)) }
        }
        #expect(Set(ids()).count == 20)
        #expect(ids() == ids())
    }

    @Test("an event's own id stays")
    func ownID() {
        let own =
            #"{"event_id":"00000000-0000-0000-0000-000000000007","type":"a.b","occurred_at":"1970-01-01T00:00:00Z"}"#
        #expect(imported(own, .jsonLines).first?.event?.eventID == EventID(high: 0, low: 7))
    }

    @Test("a producer id is the hash of format and content, however the content is cut")
    func producerID() throws {
        var whole = ImportIdentity(format: .jsonLines)
        whole.update(Array(self.line.utf8))
        #expect(whole.producerID.uuidString == "0f832f58-a5fd-8d50-ae39-b5f602aece2a")
        #expect(whole.byteCount == self.line.utf8.count)
        var rest = Array(self.line.utf8)[...]
        let read = ImportIdentity.read(format: .jsonLines) { () -> [UInt8]? in
            defer { rest = rest.dropFirst(7) }
            return rest.isEmpty ? nil : Array(rest.prefix(7))
        }
        #expect(read.producerID == whole.producerID && read.byteCount == whole.byteCount)
        var other = ImportIdentity(format: .cloudTrail)
        other.update(Array(self.line.utf8))
        #expect(other.producerID != whole.producerID)
        whole.update([UInt8(ascii: "\n")])
        #expect(whole.producerID != read.producerID)
    }

    @Test("an error while reading a file comes through")
    func readError() {
        struct Broken: Error {}
        #expect(throws: Broken.self) {
            try ImportIdentity.read(format: .jsonLines) { () throws(Broken) in throw Broken() }
        }
    }
}

@Suite("Cutting batches")
struct BatchCutterTests {
    private func record(_ line: Int, bytes: Int = 0, isGood: Bool = true) -> ImportedRecord {
        guard isGood else {
            return ImportedRecord(
                line: line, result: .failure(ImportError(code: .malformed, line: line, message: "no")))
        }
        var event = Event(
            eventID: EventID(high: 0, low: UInt64(line)), type: "a.b", occurredAt: Timestamp(microsecondsSinceEpoch: 0))
        event.reason = String(repeating: "x", count: bytes)
        return ImportedRecord(line: line, result: .success(event))
    }

    private func cut(_ records: [ImportedRecord], by cutter: BatchCutter) -> [ImportBatch] {
        var cutter = cutter
        var batches = records.compactMap { cutter.add($0) }
        if let last = cutter.finish() { batches.append(last) }
        #expect(cutter.finish() == nil)
        return batches
    }

    @Test("batches cover so many records each, the rejected ones included, and number from 0")
    func byCount() {
        let records = (1...10).map { self.record($0, isGood: $0 != 2 && $0 != 9 && $0 != 10) }
        let batches = self.cut(records, by: BatchCutter(maxRecords: 4))
        #expect(batches.map(\.sequence) == [0, 1, 2])
        #expect(batches.map(\.recordCount) == [4, 4, 2])
        #expect(batches.map(\.lines) == [[1, 3, 4], [5, 6, 7, 8], []])
        #expect(batches.map { $0.errors.map(\.line) } == [[2], [], [9, 10]])
        #expect(batches.map { $0.events.map { Int($0.eventID.low) } } == batches.map(\.lines))
    }

    @Test("no records make no batch, a full one no empty one behind it")
    func edges() {
        #expect(self.cut([], by: BatchCutter()) == [])
        #expect(self.cut((1...8).map { self.record($0) }, by: BatchCutter(maxRecords: 4)).map(\.recordCount) == [4, 4])
    }

    @Test("a batch ends before it could exceed the byte limit, at the same records each time")
    func byBytes() {
        var limits = Limits()
        limits.maxBatchBytes = 10_000
        let records = (1...40).map { self.record($0, bytes: $0 * 50 % 1500) }
        let batches = self.cut(records, by: BatchCutter(limits: limits))
        #expect(batches.count > 3)
        #expect(batches.flatMap(\.lines) == Array(1...40))
        for batch in batches {
            #expect(batch.events.reduce(0) { $0 + ($1.reason?.utf8.count ?? 0) } < 9_000)
        }
        #expect(self.cut(records, by: BatchCutter(limits: limits)) == batches)
    }

    @Test("an event that no batch holds is reported instead")
    func tooLarge() {
        var limits = Limits()
        limits.maxBatchBytes = 4096
        let batches = self.cut(
            [self.record(1), self.record(2, bytes: 4000), self.record(3)], by: BatchCutter(limits: limits))
        #expect(batches.map(\.lines) == [[1, 3]])
        #expect(batches.first?.errors.first?.message.contains("max_batch_bytes") == true)
    }

    @Test("no batch covers more records than the collector takes")
    func collectorsLimit() {
        var limits = Limits()
        limits.maxBatchEvents = 3
        #expect(
            self.cut((1...7).map { self.record($0) }, by: BatchCutter(limits: limits)).map(\.recordCount) == [3, 3, 1])
    }

    @Test("a file imported twice gives the same producer and the same batches")
    func replay() throws {
        let bytes = try sample("kubernetes-audit-sample.csv")
        let first = self.cut(imported(bytes, .kubernetesAuditCSV), by: BatchCutter(maxRecords: 100))
        let second = self.cut(imported(bytes, .kubernetesAuditCSV, chunkBytes: 311), by: BatchCutter(maxRecords: 100))
        #expect(first == second)
        #expect(first.map(\.recordCount) == [100, 100, 100, 6])
        #expect(first.last?.errors.count == 1)
    }
}
