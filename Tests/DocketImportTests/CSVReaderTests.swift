import DocketImport
import DocketTestSupport
import Testing

@Suite("CSV records")
struct CSVReaderTests {
    /// `line: column|column` for each record, `line! code` for each error.
    private func cutText(_ text: String, max: Int = 1000, chunkBytes: Int = 65_536) -> [String] {
        cut(Array(text.utf8), by: CSVReader(maxRecordBytes: max), chunkBytes: chunkBytes).map { result in
            switch result {
            case .success(let record):
                "\(record.line): " + record.columns.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "|")
            case .failure(let error): "\(error.line)! \(error.code)"
            }
        }
    }

    @Test(
        "records, columns, quotes, doubled quotes and quoted line breaks are read as RFC 4180 says",
        arguments: [
            ("", []), ("a,b\nc,d\n", ["1: a|b", "2: c|d"]), ("a,b\r\nc,d\r\n", ["1: a|b", "2: c|d"]),
            ("a,b", ["1: a|b"]),
            ("a,b\r", ["1: a|b"]), (",,\n", ["1: ||"]), ("\"a,b\",\"c\"\"d\",\"\"\n", ["1: a,b|c\"d|"]),
            ("\"a\nb\r\nc\",d\ne,f\n", ["1: a\nb\r\nc|d", "4: e|f"]), ("\"a\"\r\nb\n", ["1: a", "2: b"]),
            ("é,漢\n", ["1: é|漢"]),
            ("\n\na\n\r\n\nb\n\n", ["3: a", "6: b"]), ("\u{FEFF}a,b\n", ["1: a|b"]), ("\"\"\n", ["1: "]),
            ("\"\"\"\"\n", ["1: \""]),
            ("a\n\"b", ["1: a", "2! cutOff"]),
        ])
    func reads(text: String, expected: [String]) {
        #expect(self.cutText(text) == expected)
    }

    @Test(
        "a record that breaks the rules costs its first line only",
        arguments: [
            ("a\"b,c\nd\n", ["1! malformed", "2: d"]), ("\"a\"b,c\nd\n", ["1! malformed", "2: d"]),
            ("a\rb\nc\n", ["1! malformed", "2: c"]), ("\"a\nb\"c\nd\n", ["1! malformed", "2! malformed", "3: d"]),
            ("\"a\nb\nc\n", ["1! cutOff", "2: b", "3: c"]),
            ("x\n\"open,1\ny,2\nz,3", ["1: x", "2! cutOff", "3: y|2", "4: z|3"]),
        ])
    func recovers(text: String, expected: [String]) {
        #expect(self.cutText(text) == expected)
    }

    @Test("a record longer than the cap is reported, and costs its first line only")
    func cap() {
        #expect(self.cutText("12345678\nb\n", max: 8) == ["1: 12345678", "2: b"])
        #expect(self.cutText("12345678\r\nb\n", max: 8) == ["1: 12345678", "2: b"])
        #expect(self.cutText("123456789\nb\n", max: 8) == ["1! tooLong", "2: b"])
        #expect(self.cutText("12345678901234567890", max: 8) == ["1! tooLong"])
        #expect(self.cutText("\"234\n6789\nb\nc\n", max: 8) == ["1! tooLong", "2: 6789", "3: b", "4: c"])
        #expect(self.cutText("\"2345678901234\"\nb", max: 8) == ["1! tooLong", "2: b"])
    }

    @Test("how the bytes are cut into chunks makes no difference", arguments: [1, 2, 3, 7, 64])
    func chunks(chunkBytes: Int) throws {
        let text = "\u{FEFF}\"a\nb\",c\r\n\r\n\"x\"y\n\"open\nd,\"\"\"e\"\"\"\n12345678901234567890123456789012\nf"
        #expect(self.cutText(text, max: 30, chunkBytes: chunkBytes) == self.cutText(text, max: 30))
        let file = try sample("kubernetes-audit-sample.csv")
        let whole = cut(file, by: CSVReader(maxRecordBytes: 4096))
        #expect(cut(file, by: CSVReader(maxRecordBytes: 4096), chunkBytes: chunkBytes) == whole)
        #expect(whole.count == 306)
    }

    @Test("bytes of a record are those of the file, quotes included, without the line's end")
    func bytes() throws {
        let results = cut(Array("\"a\"\"\",b\r\nc".utf8), by: CSVReader(maxRecordBytes: 100))
        let records = try results.map { try $0.get() }
        #expect(records.map { String(decoding: $0.bytes, as: UTF8.self) } == ["\"a\"\"\",b", "c"])
        #expect(records.map(\.endsWithFile) == [false, true])
    }

    @Test("what is quoted reads back: random records in random chunks")
    func roundTrips() throws {
        var random = SeededGenerator.ofRun()
        for _ in 0..<300 {
            let rows = (0..<Int.random(in: 1...5, using: &random)).map { _ in
                (0..<Int.random(in: 1...5, using: &random)).map { _ in random.text() }
            }
            let text = rows.map { row in row.map { "\"\($0.replacing("\"", with: "\"\""))\"" }.joined(separator: ",") }
            let end = random.oneIn(2) ? "\n" : "\r\n"
            let bytes = Array((text.joined(separator: end) + (random.oneIn(2) ? end : "")).utf8)
            let results = cut(
                bytes, by: CSVReader(maxRecordBytes: 10_000), chunkBytes: Int.random(in: 1...40, using: &random))
            let read = try results.map { try $0.get().columns.map { String(decoding: $0, as: UTF8.self) } }
            #expect(read == rows)
        }
    }

    @Test("random bytes give records or errors whose lines rise, never a trap, alike in any chunks")
    func noise() {
        var random = SeededGenerator.ofRun()
        let alphabet = Array("a,\"\n\r".utf8)
        for _ in 0..<1000 {
            let bytes = (0..<Int.random(in: 0...60, using: &random)).map { _ in
                alphabet.randomElement(using: &random) ?? 0
            }
            let whole = cut(bytes, by: CSVReader(maxRecordBytes: 20))
            let pieces = cut(
                bytes, by: CSVReader(maxRecordBytes: 20), chunkBytes: Int.random(in: 1...5, using: &random))
            #expect(whole == pieces, "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
            let lines = whole.map { result in (try? result.get().line) ?? (result.error?.line ?? 0) }
            #expect(zip(lines, lines.dropFirst()).allSatisfy { $0 < $1 })
        }
    }
}

extension Result where Failure == ImportError {
    fileprivate var error: ImportError? {
        guard case .failure(let error) = self else { return nil }
        return error
    }
}
