/// Writes events in one of the export's forms. Pure: it appends bytes and knows no files.
///
/// What is written is ``header`` once, then a record for each event. Each record ends its line, so that records can be
/// put together in any number of pieces.
package struct ExportWriter: Sendable {
    package let format: ExportFormat
    /// Whether text that a spreadsheet would take for a formula is disarmed. Only CSV heeds it.
    package let formulaSafe: Bool
    /// Kept from record to record for its memory.
    private var json = JSONWriter()

    package init(_ format: ExportFormat, formulaSafe: Bool = false) {
        self.format = format
        self.formulaSafe = formulaSafe
    }

    /// What comes before the first record; empty for a form without a header.
    package var header: [UInt8] { self.format == .csv ? CSVRecord.header : [] }

    /// Appends one record with its line's end.
    /// A log index, where it is known, is in CloudEvents and OCSF; JSON lines and CSV have no place for it.
    package mutating func append(_ stored: StoredEvent, to bytes: inout [UInt8]) {
        switch self.format {
        case .csv: return CSVRecord(formulaSafe: self.formulaSafe).append(stored, to: &bytes)
        case .jsonl: self.json.storedEvent(stored)
        case .cloudevents: self.json.cloudEvent(stored)
        case .ocsf: self.json.apiActivity(stored)
        }
        self.json.endLine()
        bytes.append(contentsOf: self.json.bytes)
        self.json.removeAll()
    }
}
