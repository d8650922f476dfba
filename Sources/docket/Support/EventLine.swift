import DocketModel
import DocketTerminal

/// Events as lines for people, one after the other as they come: the columns stay where they are, whatever comes.
struct EventLine {
    private struct Column {
        let title: String
        let isCut: Bool
        let width: Int
        let cell: (Event) -> String
    }

    /// A column that is cut to its part of the room that the others leave.
    private struct Text: Sendable {
        let title: String
        let share: Int
        let minWidth: Int
        /// Columns of a low rank are the first to be left out where there is no room for all.
        let rank: Int
        let cell: @Sendable (Event) -> String
    }

    private static let texts = [
        Text(title: "TYPE", share: 25, minWidth: 10, rank: 1, cell: { $0.type }),
        Text(title: "ACTOR", share: 25, minWidth: 10, rank: 3, cell: { EventTable.actor($0.actor) }),
        Text(title: "ACTION", share: 17, minWidth: 8, rank: 4, cell: { $0.action ?? "" }),
        Text(title: "RESOURCE", share: 33, minWidth: 10, rank: 2, cell: { EventTable.resource($0.resource) }),
    ]

    private static let gap = "  "
    private let columns: [Column]
    private let style: TerminalStyle
    private let isCut: Bool

    /// - Parameters:
    ///   - width: How many columns the terminal has; `nil` when it is none, where nothing is cut. Where they are too few even for
    ///     cut texts, whole columns are left out.
    ///   - zone: What the times are told in.
    init(width: Int?, style: TerminalStyle, zone: DisplayZone) {
        self.style = style
        self.isCut = width != nil
        let time = zone.text(Timestamp(microsecondsSinceEpoch: 123_456)).utf8.count
        let fixed = time + Self.gap.count + 8
        var texts = Self.texts
        let room = { (count: Int) in (width ?? 120) - fixed - Self.gap.count * count }
        while texts.count > 1, texts.reduce(0, { $0 + $1.minWidth }) > room(texts.count),
            let least = texts.indices.min(by: { texts[$0].rank < texts[$1].rank })
        {
            texts.remove(at: least)
        }
        let shares = texts.reduce(0) { $0 + $1.share }
        self.columns =
            [
                Column(
                    title: zone.title(of: [Timestamp.now]), isCut: false, width: time,
                    cell: { zone.text($0.occurredAt) }),
                Column(title: "DECISION", isCut: false, width: 8, cell: { $0.decision?.name ?? "" }),
            ]
            + texts.map {
                Column(
                    title: $0.title, isCut: true, width: max(1, room(texts.count) * $0.share / shares), cell: $0.cell)
            }
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
            let text = self.isCut && column.isCut ? TerminalText.cut(cell, toColumns: column.width) : cell
            return TerminalText.padded(text, toColumns: column.width, alignment: .left)
        }
        var line = padded.joined(separator: Self.gap)
        while line.last == " " { line.removeLast() }
        return line
    }
}
