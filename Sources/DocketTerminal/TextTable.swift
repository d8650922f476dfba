/// A table of text for a terminal: aligned columns, cut to fit a width.
///
/// Two packages at hand were considered instead. ordo-one/TextTable counts characters instead of columns, doesn't fit a
/// width and traps on overflow; neither it nor others escape control characters.
package struct TextTable: Sendable {
    package enum Alignment: Sendable { case left, right }

    /// One column.
    package struct Column: Sendable {
        package let title: String
        package let alignment: Alignment
        /// The fewest columns of the terminal that it may be cut to; `nil` when it is never cut.
        package let minWidth: Int?

        /// Text, to the left, cut where the terminal is too narrow, though not below `minWidth`.
        package static func text(_ title: String, minWidth: Int = 8) -> Column {
            Column(title: title, alignment: .left, minWidth: max(1, minWidth))
        }

        /// Text to the left that is never cut, such as a time or an id: half of it is worth nothing.
        package static func fixed(_ title: String) -> Column { Column(title: title, alignment: .left, minWidth: nil) }

        /// Numbers, to the right, never cut: half of one is another number.
        package static func number(_ title: String) -> Column { Column(title: title, alignment: .right, minWidth: nil) }
    }

    private static let gap = "  "

    private let columns: [Column]
    private var rows: [[String]] = []

    package init(columns: [Column]) { self.columns = columns }

    /// Whether no row has been added.
    package var isEmpty: Bool { self.rows.isEmpty }

    /// Adds a row. Missing cells are empty, surplus ones are left out. Control characters are escaped.
    package mutating func addRow(_ cells: [String]) {
        self.rows.append(
            self.columns.indices.map { $0 < cells.count ? TerminalText.escaped(cells[$0]) : "" })
    }

    /// The table: titles, then the rows, each line with its end and without spaces before it.
    ///
    /// - Parameters:
    ///   - width: How many columns the terminal has; `nil` for output that is no terminal, where nothing is cut.
    ///   - style: Makes the titles stand out.
    package func rendered(width: Int?, style: TerminalStyle = .plain) -> String {
        let widths = self.fitted(to: width)
        let titles = self.line(self.columns.map(\.title), widths)
        var text = style.bold(titles) + "\n"
        for row in self.rows { text += self.line(row, widths) + "\n" }
        return text
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        let padded = self.columns.indices.map { index in
            TerminalText.padded(
                TerminalText.cut(cells[index], toColumns: widths[index]), toColumns: widths[index],
                alignment: self.columns[index].alignment)
        }
        var line = padded.joined(separator: Self.gap)
        while line.last == " " { line.removeLast() }
        return line
    }

    /// The width of each column: as wide as its widest cell, and where that is too much in all, the widest columns that
    /// may be cut give way first, so that narrow ones stay whole. When all are as narrow as they may be, the table is
    /// wider than the terminal: better a wrapped line than a wrong number.
    private func fitted(to width: Int?) -> [Int] {
        var widths = self.columns.indices.map { index in
            self.rows.reduce(self.columns[index].title.displayWidth) { max($0, $1[index].displayWidth) }
        }
        guard let width else { return widths }
        var surplus = widths.reduce(0, +) + Self.gap.count * max(0, widths.count - 1) - width
        while surplus > 0 {
            let cuttable = widths.indices.filter { widths[$0] > self.columns[$0].minWidth ?? .max }
            guard let widest = cuttable.max(by: { widths[$0] < widths[$1] }) else { break }
            // Down to the next narrower column that may be cut, to its own minimum, or until it fits.
            let next = cuttable.map { widths[$0] }.filter { $0 < widths[widest] }.max() ?? 0
            let floor = max(self.columns[widest].minWidth ?? 1, min(next, widths[widest] - 1))
            let step = min(surplus, widths[widest] - floor, max(1, widths[widest] - next))
            widths[widest] -= step
            surplus -= step
        }
        return widths
    }
}
