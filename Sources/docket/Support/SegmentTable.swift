import DocketModel
import DocketPostgres
import DocketTerminal

/// Segments for people and for programs.
enum SegmentTable {
    /// From so many columns of the terminal on there is room for when a segment's batches were received.
    static let widthWithReceived = 140

    static func render(_ segments: [SegmentStatus], width: Int?, style: TerminalStyle) -> String {
        let showsReceived = width.map { $0 >= self.widthWithReceived } ?? true
        var columns: [TextTable.Column] = [
            .number("ID"), .fixed("STATE"), .number("ROWS"), .number("HEAP"), .number("INDEXES"), .number("INDEX SIZE"),
            .fixed("FROZEN"), .fixed("OCCURRED FROM (UTC)"), .fixed("TO"),
        ]
        if showsReceived { columns += [.fixed("RECEIVED FROM (UTC)"), .fixed("TO")] }
        var table = TextTable(columns: columns)
        for segment in segments {
            var cells = [
                "\(segment.id)", segment.state, (segment.isRowCountExact ? "" : "~") + "\(segment.rowCount)",
                self.size(segment.heapBytes), self.indexes(segment), self.size(segment.indexBytes),
                segment.frozenAt == nil ? "no" : "yes", self.time(segment.minOccurredAt),
                self.time(segment.maxOccurredAt),
            ]
            if showsReceived { cells += [self.time(segment.minReceivedAt), self.time(segment.maxReceivedAt)] }
            table.addRow(cells)
        }
        return table.rendered(width: width, style: style)
    }

    static func json(_ segment: SegmentStatus) -> String {
        var writer = JSONWriter()
        func number(_ name: String, _ value: some BinaryInteger) {
            writer.key(name)
            writer.integer(value)
        }
        func text(_ name: String, _ value: String?) {
            writer.key(name)
            if let value { writer.string(value) } else { writer.null() }
        }
        writer.beginObject()
        number("segment_id", segment.id)
        text("table", segment.table)
        text("state", segment.state)
        number("rows", segment.rowCount)
        writer.key("rows_exact")
        writer.bool(segment.isRowCountExact)
        number("heap_bytes", segment.heapBytes)
        number("index_bytes", segment.indexBytes)
        number("valid_indexes", segment.validIndexCount)
        number("invalid_indexes", segment.invalidIndexCount)
        let times: [(String, Timestamp?)] = [
            ("occurred_from", segment.minOccurredAt), ("occurred_to", segment.maxOccurredAt),
            ("received_from", segment.minReceivedAt), ("received_to", segment.maxReceivedAt),
            ("created_at", segment.createdAt), ("rotated_at", segment.rotatedAt), ("sealed_at", segment.sealedAt),
            ("frozen_at", segment.frozenAt),
        ]
        for (name, time) in times { text(name, time?.rfc3339) }
        writer.endObject()
        return writer.text
    }

    /// Binary units, to a tenth: `12.3 MiB`.
    static func size(_ bytes: Int64) -> String {
        guard bytes >= 1024 else { return "\(bytes) B" }
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        var (value, index) = (Double(bytes) / 1024, 0)
        // What would be rounded to 1024 is 1 of the next unit.
        while value >= 1023.95, index + 1 < units.count {
            value /= 1024
            index += 1
        }
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[index])"
    }

    private static func indexes(_ segment: SegmentStatus) -> String {
        "\(segment.validIndexCount)" + (segment.invalidIndexCount > 0 ? " (\(segment.invalidIndexCount) unusable)" : "")
    }

    /// To the second: `2026-01-27 18:28:08`.
    private static func time(_ time: Timestamp?) -> String {
        guard let time else { return "-" }
        return String(time.rfc3339.prefix { $0 != "." && $0 != "Z" }.map { $0 == "T" ? " " : $0 })
    }
}
