import DocketJournal
import DocketModel
import DocketTerminal

/// Journals for people and for programs.
enum JournalText {
    // MARK: Inspecting

    /// Tables of segments and producers, and what there is in all.
    static func text(_ journal: JournalInspection, width: Int?, style: TerminalStyle) -> String {
        var segments = TextTable(columns: [
            .number("SEGMENT"), .fixed("STATE"), .number("RECORDS"), .number("UNACKNOWLEDGED"), .number("SIZE"),
            .number("FIRST"), .number("LAST"), .fixed("CREATED (UTC)"),
        ])
        for segment in journal.segments {
            segments.addRow([
                "\(segment.number)", segment.state.rawValue, "\(segment.recordCount)",
                "\(segment.unacknowledgedCount)", SegmentTable.size(Int64(segment.fileBytes)),
                self.index(segment.firstIndex), self.index(segment.lastIndex),
                self.time(segment).map { String($0.prefix(19).map { $0 == "T" ? " " : $0 }) } ?? "-",
            ])
        }
        var text = segments.isEmpty ? "" : segments.rendered(width: width, style: style) + "\n"
        var producers = TextTable(columns: [
            .fixed("PRODUCER"), .number("BATCHES"), .number("UNACKNOWLEDGED"), .number("FIRST SEQUENCE"),
            .number("LAST SEQUENCE"),
        ])
        for producer in journal.producers {
            producers.addRow([
                producer.id, "\(producer.recordCount)", "\(producer.unacknowledgedCount)", "\(producer.minSequence)",
                "\(producer.maxSequence)",
            ])
        }
        if !producers.isEmpty { text += producers.rendered(width: width, style: style) + "\n" }
        if journal.otherBatchCount > 0 { text += "\(journal.otherBatchCount) batches of further producers\n" }
        text += "\(journal.unacknowledgedCount) of \(journal.recordCount) records aren't acknowledged"
        text += " (all up to \(journal.acknowledgedThrough) are); the next one is \(journal.nextIndex)\n"
        text += "\(SegmentTable.size(Int64(journal.totalBytes))) in all\n"
        for finding in journal.findings { text += self.line(finding) + "\n" }
        return text
    }

    static func json(_ journal: JournalInspection) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("journal_id")
        if let id = journal.journalID { writer.string("\(id)") } else { writer.null() }
        writer.key("sound")
        writer.bool(journal.isSound)
        self.number("records", journal.recordCount, &writer)
        self.number("unacknowledged", journal.unacknowledgedCount, &writer)
        self.number("acknowledged_through", journal.acknowledgedThrough, &writer)
        self.number("next_index", journal.nextIndex, &writer)
        self.number("bytes", journal.totalBytes, &writer)
        writer.key("segments")
        writer.beginArray()
        for segment in journal.segments { self.write(segment, &writer) }
        writer.endArray()
        writer.key("producers")
        writer.beginArray()
        for producer in journal.producers {
            writer.beginObject()
            writer.key("producer_id")
            writer.string(producer.id)
            self.number("batches", producer.recordCount, &writer)
            self.number("unacknowledged", producer.unacknowledgedCount, &writer)
            self.number("first_sequence", producer.minSequence, &writer)
            self.number("last_sequence", producer.maxSequence, &writer)
            writer.endObject()
        }
        writer.endArray()
        self.number("other_batches", journal.otherBatchCount, &writer)
        self.write(journal.findings, &writer)
        writer.endObject()
        return writer.text
    }

    private static func write(_ segment: JournalInspection.Segment, _ writer: inout JSONWriter) {
        writer.beginObject()
        self.number("segment", segment.number, &writer)
        writer.key("state")
        writer.string(segment.state.rawValue)
        self.number("records", segment.recordCount, &writer)
        self.number("unacknowledged", segment.unacknowledgedCount, &writer)
        self.number("bytes", segment.fileBytes, &writer)
        for (name, index) in [("first_index", segment.firstIndex), ("last_index", segment.lastIndex)] {
            writer.key(name)
            if let index { writer.integer(index) } else { writer.null() }
        }
        writer.key("created_at")
        if let time = self.time(segment) { writer.string(time) } else { writer.null() }
        writer.endObject()
    }

    // MARK: Checking

    /// What was found, what was done, and the verdict.
    static func text(_ check: JournalCheck) -> String {
        var text = check.findings.map { self.line($0) + "\n" }.joined()
        if check.cutBytes > 0 { text += "cut \(check.cutBytes) bytes off the end\n" }
        for number in check.setAside { text += "set segment \(number) aside\n" }
        text += check.isSound ? "sound" : "damaged"
        return text + ": \(check.recordCount) whole records in \(check.segmentCount) segments\n"
    }

    static func json(_ check: JournalCheck) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("sound")
        writer.bool(check.isSound)
        self.number("segments", check.segmentCount, &writer)
        self.number("records", check.recordCount, &writer)
        self.number("cut_bytes", check.cutBytes, &writer)
        writer.key("set_aside")
        writer.beginArray()
        for number in check.setAside { writer.integer(number) }
        writer.endArray()
        self.write(check.findings, &writer)
        writer.endObject()
        return writer.text
    }

    // MARK: Parts

    private static func write(_ findings: [JournalSurvey.Finding], _ writer: inout JSONWriter) {
        writer.key("findings")
        writer.beginArray()
        for finding in findings {
            writer.beginObject()
            writer.key("kind")
            writer.string(self.word(finding.kind))
            self.number("segment", finding.segment, &writer)
            self.number("offset", finding.offset, &writer)
            writer.key("message")
            writer.string(finding.message)
            writer.endObject()
        }
        writer.endArray()
    }

    private static func line(_ finding: JournalSurvey.Finding) -> String {
        "\(self.word(finding.kind)): \(finding.message)"
    }

    private static func word(_ kind: JournalSurvey.Finding.Kind) -> String {
        switch kind {
        case .tornTail: "torn"
        case .lost: "lost"
        case .setAside: "set aside"
        case .unusableCheckpoint: "checkpoint"
        case .damaged: "damaged"
        case .missing: "missing"
        case .otherVersion: "other version"
        }
    }

    private static func number(_ name: String, _ value: some BinaryInteger, _ writer: inout JSONWriter) {
        writer.key(name)
        writer.integer(value)
    }

    private static func index(_ index: UInt64?) -> String { index.map { "\($0)" } ?? "-" }

    /// RFC 3339, and `nil` for a time that it can't say.
    private static func time(_ segment: JournalInspection.Segment) -> String? {
        guard let microseconds = segment.createdAtMicroseconds else { return nil }
        let time = Timestamp(microsecondsSinceEpoch: microseconds)
        return (Timestamp.earliest...Timestamp.latest).contains(time) ? time.rfc3339 : nil
    }
}
