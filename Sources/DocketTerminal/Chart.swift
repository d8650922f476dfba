/// What charts are drawn with.
package enum ChartSymbols: Sendable, Equatable {
    /// The block elements of Unicode (U+2581 to U+258F).
    case blocks
    /// Printable ASCII.
    case ascii

    /// What the locale of an environment can show (POSIX, "Internationalization Variables": the first of these that isn't
    /// empty counts).
    package init(environment: [String: String]) {
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap { environment[$0] }.first { !$0.isEmpty } ?? ""
        let name = locale.lowercased()
        self = name.contains("utf-8") || name.contains("utf8") ? .blocks : .ascii
    }

    /// From the smallest amount that isn't nothing to the largest.
    fileprivate var levels: [Character] {
        switch self {
        case .blocks: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
        case .ascii: [".", ":", "-", "=", "+", "*", "#", "@"]
        }
    }
}

/// Amounts side by side, one column of the terminal each, drawn against the largest. Nothing is a space.
package struct Sparkline: Sendable, Equatable {
    /// None is negative.
    package var amounts: [Int64]

    package init(amounts: [Int64]) { self.amounts = amounts }

    /// The line in at most that many columns. Where there are too few, as many neighbours as necessary share one, which
    /// shows their sum.
    package func rendered(columns: Int, symbols: ChartSymbols) -> String {
        let sums = Self.merged(self.amounts, by: Self.perColumn(self.amounts.count, columns: columns))
        guard columns > 0, let largest = sums.max(), largest > 0 else { return "" }
        let levels = symbols.levels
        return String(
            sums.map { amount in
                guard amount > 0 else { return " " }
                let level = Int((Double(amount) / Double(largest) * Double(levels.count)).rounded(.up))
                return levels[min(max(level, 1), levels.count) - 1]
            })
    }

    /// How many amounts share a column.
    package static func perColumn(_ count: Int, columns: Int) -> Int {
        columns > 0 ? max(1, (count + columns - 1) / columns) : max(1, count)
    }

    private static func merged(_ amounts: [Int64], by size: Int) -> [Int64] {
        guard size > 1 else { return amounts }
        return stride(from: 0, to: amounts.count, by: size).map { start in
            amounts[start..<min(start + size, amounts.count)].reduce(0) { sum, amount in
                let (result, overflow) = sum.addingReportingOverflow(amount)
                return overflow ? .max : result
            }
        }
    }
}

/// An amount as a part of a whole, drawn from the left.
package struct Bar: Sendable, Equatable {
    /// From 0 to 1; what lies outside counts as the nearer end.
    package var fraction: Double

    package init(fraction: Double) { self.fraction = fraction }

    /// The bar in at most that many columns; more than nothing is at least the smallest piece.
    package func rendered(columns: Int, symbols: ChartSymbols) -> String {
        guard columns > 0, self.fraction > 0 else { return "" }
        let length = min(1, self.fraction) * Double(columns)
        guard symbols == .blocks else { return String(repeating: "#", count: max(1, Int(length.rounded()))) }
        let eighths = max(1, Int((length * 8).rounded()))
        let pieces: [Character] = ["▏", "▎", "▍", "▌", "▋", "▊", "▉"]
        let rest = eighths % 8
        return String(repeating: "█", count: eighths / 8) + (rest > 0 ? String(pieces[rest - 1]) : "")
    }
}
