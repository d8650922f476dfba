import DocketImport
import DocketModel
import Testing

@testable import docket

@Suite("The batches of a file")
struct ImportBatchesTests {
    private func lines(_ count: Int) -> String {
        (0..<count).map { "{\"type\":\"t\",\"occurred_at\":\"2026-01-01T00:00:00Z\",\"action\":\"\($0)\"}\n" }.joined()
    }

    private func batches(_ path: String, byteCount: Int) throws -> [Int] {
        var batches = try ImportBatches(
            path: path, format: .jsonLines, recordsPerBatch: 4, byteCount: byteCount, onProgress: { _, _ in })
        var counts: [Int] = []
        while let batch = try batches.next() { counts.append(batch.recordCount) }
        return counts
    }

    @Test("cover every record once, the last of them the rest")
    func whole() throws {
        let scratch = try Scratch()
        let text = self.lines(10)
        #expect(try self.batches(try scratch.file("f", text.utf8), byteCount: text.utf8.count) == [4, 4, 2])
    }

    @Test("leave out what was appended after the file was identified")
    func grown() throws {
        let scratch = try Scratch()
        let identified = self.lines(8).utf8.count
        #expect(try self.batches(try scratch.file("f", self.lines(10).utf8), byteCount: identified) == [4, 4])
    }

    @Test("end in an error, never in a short batch, when the file is cut meanwhile")
    func cut() throws {
        let scratch = try Scratch()
        let identified = self.lines(10).utf8.count
        let text = self.lines(6)
        let path = try scratch.file("f", text.utf8)
        var batches = try ImportBatches(
            path: path, format: .jsonLines, recordsPerBatch: 4, byteCount: identified, onProgress: { _, _ in })
        #expect(try batches.next()?.recordCount == 4)
        var caught: CommandError?
        do throws(CommandError) {
            _ = try batches.next()
        } catch {
            caught = error
        }
        #expect(caught?.exitCode == .ioError)
        #expect(caught?.message.contains("ends at byte \(text.utf8.count) of \(identified)") == true)
        #expect(caught?.message.contains("after 6 records") == true)
    }

    @Test("end in an error that names the place when the file can't be read")
    func unreadable() throws {
        let scratch = try Scratch()
        let error = try #require(throws: CommandError.self) { try self.batches(scratch.folder, byteCount: 100) }
        #expect(error.exitCode == .ioError)
        #expect(error.message.hasPrefix("cannot read '\(scratch.folder)' past byte 0"))
        let missing = try #require(throws: CommandError.self) { try self.batches("\(scratch.folder)/x", byteCount: 1) }
        #expect(missing.exitCode == .noInput)
    }
}

@Suite("Events from JSON lines")
struct EventLinesTests {
    @Test("are read as bytes: invalid UTF-8 is an error of its line, not repaired")
    func invalidUTF8() throws {
        let scratch = try Scratch()
        let good = Array("{\"type\":\"t\",\"occurred_at\":\"2026-01-01T00:00:00Z\",\"action\":\"a\"}".utf8)
        let bad = good.map { $0 == UInt8(ascii: "a") ? 0xFF : $0 }
        let path = try scratch.file("lines", good + [10, 10] + bad + [10] + good)
        var lines = EventLines(try ByteSource(path: path))
        var seen: [String] = []
        while let line = try lines.next() {
            switch line {
            case .success(let event): seen.append(event.action ?? "")
            case .failure(let error): seen.append("line \(error.line)")
            }
        }
        #expect(seen == ["a", "line 3", "a"])
    }
}

@Suite("The totals of emitting")
struct EmitTotalsTests {
    @Test("count what was dropped as not stored")
    func dropped() {
        let totals = EmitTotals(emitted: 1000, rejected: 1, dropped: 9, unreadable: 2)
        #expect(totals.line.hasPrefix("990 stored, 1 rejected, 2 unreadable, 9 dropped"))
        #expect(!EmitTotals(emitted: 1, rejected: 0, dropped: 1, unreadable: 0).isComplete)
        #expect(EmitTotals(emitted: 1, rejected: 0, dropped: 0, unreadable: 0).isComplete)
    }
}
