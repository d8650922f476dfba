import DocketImport
import Testing

@Suite("Lines")
struct LineReaderTests {
    private func cutText(_ text: String, max: Int = 1000, chunkBytes: Int = 65_536) -> [String] {
        cut(Array(text.utf8), by: LineReader(maxRecordBytes: max), chunkBytes: chunkBytes).map { result in
            switch result {
            case .success(let record):
                "\(record.line)\(record.endsWithFile ? "." : ":") " + String(decoding: record.bytes, as: UTF8.self)
            case .failure(let error): "\(error.line)! \(error.code)"
            }
        }
    }

    @Test(
        "lines end with LF or CR LF, the last one perhaps with the file; blank ones are passed over",
        arguments: [
            ("", []), ("a\nb\n", ["1: a", "2: b"]), ("a\r\nb", ["1: a", "2. b"]), ("\n \t\r\n\na\n\n", ["4: a"]),
            ("a\rb\n", ["1: a\rb"]), ("\u{FEFF}a", ["1. a"]), ("\u{FEFF}", []), (" a ", ["1.  a "]),
        ])
    func reads(text: String, expected: [String]) {
        #expect(self.cutText(text) == expected)
    }

    @Test("a line longer than the cap is reported once and skipped", arguments: [1, 3, 100])
    func cap(chunkBytes: Int) {
        #expect(self.cutText("12345678\nb", max: 8, chunkBytes: chunkBytes) == ["1: 12345678", "2. b"])
        #expect(self.cutText("12345678\r\nb", max: 8, chunkBytes: chunkBytes) == ["1: 12345678", "2. b"])
        #expect(self.cutText("123456789\nb", max: 8, chunkBytes: chunkBytes) == ["1! tooLong", "2. b"])
        #expect(self.cutText("a\n1234567890123456789012345", max: 8, chunkBytes: chunkBytes) == ["1: a", "2! tooLong"])
    }

    @Test("how the bytes are cut into chunks makes no difference", arguments: [1, 2, 5, 4096])
    func chunks(chunkBytes: Int) throws {
        let file = try sample("cloudtrail-sample.jsonl")
        let whole = cut(file, by: LineReader(maxRecordBytes: 65_536))
        #expect(cut(file, by: LineReader(maxRecordBytes: 65_536), chunkBytes: chunkBytes) == whole)
        #expect(whole.count == 12)
    }
}
