import DocketMessages
import DocketModel
import DocketTerminal

/// Counted events as a table for people, with a chart on a terminal.
struct StatsTable {
    let answer: StatsResponseMessage
    let grouping: EventGrouping
    let range: StatsRange
    let zone: DisplayZone

    private static let maxBarColumns = 30
    private static let minChartColumns = 9

    /// The table.
    ///
    /// - Parameter width: how many columns the terminal has; `nil` when it is none, and gets no chart.
    func rendered(width: Int?, style: TerminalStyle, symbols: ChartSymbols) -> String {
        let rows = self.rows
        let title = self.grouping.rawValue.uppercased()
        let chartColumns = width.flatMap { self.chartColumns(rows, title, width: $0) }
        let chart = chartColumns.map { self.chart(rows, columns: $0, symbols) }
        var columns: [TextTable.Column] = [.text(title), .number("EVENTS"), .number("SHARE")]
        if chart != nil { columns.append(.fixed(self.isOverTime ? "OVER TIME" : "")) }
        var table = TextTable(columns: columns)
        for (index, row) in rows.enumerated() {
            table.addRow(Self.cells(row, of: self.answer.count) + (chart.map { [$0[index]] } ?? []))
        }
        let text = table.rendered(width: width, style: style)
        guard let width else { return text }
        return text
            + self.caption(chartColumns: chartColumns).map { style.dim(TerminalText.cut($0, toColumns: width)) + "\n" }
            .joined()
    }

    private var isOverTime: Bool { !self.answer.bucketStarts.isEmpty }

    private typealias Row = (name: String, group: StatsResponseMessage.Group)

    /// The groups, what is beyond them, and all together where that says more than a group does.
    private var rows: [Row] {
        var rows: [Row] = self.answer.groups.map { (Self.name($0.value), $0) }
        if let other = self.answer.other {
            rows.append(("(\(grouped(Int(self.answer.otherGroupCount))) others)", other))
        }
        guard rows.count > 1 else { return rows }
        let all = self.answer.bucketStarts.indices.map { index in
            rows.reduce(Int64(0)) { $0 + $1.group.bucketCounts[index] }
        }
        rows.append(("(all)", StatsResponseMessage.Group(value: nil, count: self.answer.count, bucketCounts: all)))
        return rows
    }

    /// What a value is called. No value and an empty one differ.
    static func name(_ value: String?) -> String {
        guard let value else { return "(none)" }
        return value.isEmpty ? "\"\"" : value
    }

    private static func cells(_ row: Row, of total: Int64) -> [String] {
        let share = total > 0 ? Double(row.group.count) / Double(total) : 0
        let tenths = Int((share * 1000).rounded())
        return [row.name, grouped(Int(row.group.count)), "\(tenths / 10).\(tenths % 10) %"]
    }

    /// How many columns the terminal has for the chart; `nil` where that is too few for one.
    private func chartColumns(_ rows: [Row], _ title: String, width: Int) -> Int? {
        let cells = rows.map { Self.cells($0, of: self.answer.count) }
        let taken = [title, "EVENTS", "SHARE"].enumerated().reduce(0) { sum, column in
            let widest = cells.reduce(column.element.displayWidth) {
                max($0, TerminalText.escaped($1[column.offset]).displayWidth)
            }
            // Names give way to the chart down to a third of the terminal.
            return sum + (column.offset == 0 ? min(widest, max(8, width / 3)) : widest) + 2
        }
        guard width - taken >= Self.minChartColumns else { return nil }
        return min(
            width - taken,
            self.isOverTime ? max(self.answer.bucketStarts.count, Self.minChartColumns) : Self.maxBarColumns)
    }

    private func chart(_ rows: [Row], columns: Int, _ symbols: ChartSymbols) -> [String] {
        rows.map { row in
            self.isOverTime
                ? Sparkline(amounts: row.group.bucketCounts).rendered(columns: columns, symbols: symbols)
                : Bar(fraction: Double(row.group.count) / Double(max(1, self.answer.count)))
                    .rendered(columns: columns, symbols: symbols)
        }
    }

    /// What the numbers are of: lines below the table.
    private func caption(chartColumns: Int?) -> [String] {
        var lines = ["\(self.zone.text(self.range.from)) to \(self.zone.text(self.range.to))"]
        let starts = self.answer.bucketStarts
        if let chartColumns, starts.count > 1 {
            let merged = Sparkline.perColumn(starts.count, columns: chartColumns)
            // The first may begin late, and one in which clocks change is an hour longer or shorter: the most frequent one.
            let widths = zip(starts, starts.dropFirst()).map { $1.microsecondsSinceEpoch - $0.microsecondsSinceEpoch }
            let width = widths.sorted()[widths.count / 2] * Int64(merged)
            lines.append("a column is \(SpanArgument.text(microseconds: width)), each row drawn against its own peak")
        }
        return lines
    }
}
