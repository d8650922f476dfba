import DocketModel
import DocketTerminal

/// Events as lines for people, one after the other as they come: the columns stay where they are, whatever comes.
struct EventLine {
    private struct Column {
        let title: String
        /// Its part of the room that the fixed columns leave, in hundredths; `nil` for a fixed one.
        let share: Int?
        let width: Int
        let cell: (Event) -> String
    }

    private static let gap = "  "
    private let columns: [Column]
    private let style: TerminalStyle
    private let isCut: Bool

    /// - Parameters:
    ///   - width: How many columns the terminal has; `nil` when it is none, where nothing is cut.
    ///   - zone: What the times are told in.
    init(width: Int?, style: TerminalStyle, zone: DisplayZone) {
        self.style = style
        self.isCut = width != nil
        let time = zone.text(Timestamp(microsecondsSinceEpoch: 123_456)).utf8.count
        let fixed = time + 8 + Self.gap.count * 5
        let room = max(40, (width ?? 120) - fixed)
        func column(_ title: String, _ share: Int, _ cell: @escaping (Event) -> String) -> Column {
            Column(title: title, share: share, width: room * share / 100, cell: cell)
        }
        self.columns = [
            Column(title: zone.title(of: [Timestamp.now]), share: nil, width: time, cell: { zone.text($0.occurredAt) }),
            Column(title: "DECISION", share: nil, width: 8, cell: { $0.decision?.name ?? "" }),
            column("TYPE", 25) { $0.type },
            column("ACTOR", 25) { EventTable.actor($0.actor) },
            column("ACTION", 17) { $0.action ?? "" },
            column("RESOURCE", 33) { EventTable.resource($0.resource) },
        ]
    }

    /// The titles of the columns.
    var titles: String { self.style.bold(self.line(self.columns.map(\.title))) }

    /// An event's line; what was denied stands out.
    func render(_ event: Event) -> String {
        let line = self.line(self.columns.map { TerminalText.escaped($0.cell(event)) })
        return event.decision == .deny ? self.style.red(line) : line
    }

    private func line(_ cells: [String]) -> String {
        let padded = zip(self.columns, cells).map { column, cell in
            let text = self.isCut && column.share != nil ? TerminalText.cut(cell, toColumns: column.width) : cell
            return TerminalText.padded(text, toColumns: column.width, alignment: .left)
        }
        var line = padded.joined(separator: Self.gap)
        while line.last == " " { line.removeLast() }
        return line
    }
}
