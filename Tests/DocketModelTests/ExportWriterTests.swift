import DocketModel
import Testing

@Suite("Export writer")
struct ExportWriterTests {
    @Test("the formats' names are stable")
    func names() {
        #expect(ExportFormat.allCases.map(\.rawValue) == ["jsonl", "csv", "cloudevents", "ocsf"])
    }

    @Test("only CSV has a header", arguments: ExportFormat.allCases)
    func header(format: ExportFormat) {
        #expect(ExportWriter(format).header.isEmpty == (format != .csv))
    }

    @Test("JSON lines are the projection as it is, whatever the options")
    func jsonLines() throws {
        let stored = EventSamples.full
        #expect(stored.exported(.jsonl) == stored.json + "\n")
        #expect(stored.exported(.jsonl, formulaSafe: true, logIndex: 5) == stored.json + "\n")
        let line = Array(stored.exported(.jsonl).utf8.dropLast())
        #expect(try StoredEvent(json: line) == stored)
    }

    @Test("records follow each other without traces of the one before", arguments: ExportFormat.allCases)
    func appends(format: ExportFormat) {
        var writer = ExportWriter(format)
        var bytes = Array("before".utf8)
        writer.append(EventSamples.full, to: &bytes)
        writer.append(EventSamples.minimalStored, to: &bytes)
        writer.append(EventSamples.full, to: &bytes)
        let full = EventSamples.full.exported(format)
        let expected = "before" + full + EventSamples.minimalStored.exported(format) + full
        #expect(String(decoding: bytes, as: UTF8.self) == expected)
    }
}
