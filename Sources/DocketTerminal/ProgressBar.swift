/// One line that tells how far a piece of work is.
package struct ProgressBar: Sendable, Equatable {
    /// What is counted, in the plural: `records`.
    package var unit: String
    /// How much is done.
    package var done: Int
    /// How much there is to do; `nil` when that isn't known.
    package var total: Int?
    /// How long the work has been going on.
    package var elapsed: Duration

    package init(unit: String, done: Int, total: Int?, elapsed: Duration) {
        self.unit = unit
        self.done = done
        self.total = total
        self.elapsed = elapsed
    }

    /// How much is done in a second; 0 while that can't be told.
    package var perSecond: Double {
        let seconds = self.elapsed / .seconds(1)
        return seconds > 0 ? Double(self.done) / seconds : 0
    }

    /// How long the rest will take at this speed; `nil` while that can't be told.
    package var remaining: Duration? {
        guard let total = self.total, self.perSecond > 0 else { return nil }
        return .seconds(Double(max(0, total - self.done)) / self.perSecond)
    }

    /// The line, without its end, in at most that many columns. What matters least is left out first: the bar, then the
    /// time left, then the speed.
    package func rendered(width: Int) -> String {
        let done = grouped(self.done)
        let counts = self.total.map { "\(done)/\(grouped($0))" } ?? done
        let count = "\(counts) \(self.unit)"
        let speed = self.perSecond > 0 ? "\(grouped(wholeNumber(self.perSecond)))/s" : nil
        let isDone = self.total.map { self.done >= $0 } ?? false
        let left = self.remaining.map { "\(clock($0)) left" }
        let time = isDone ? "in \(clock(self.elapsed))" : left
        let percent = self.fraction.map {
            TerminalText.padded("\(Int($0 * 100))", toColumns: 3, alignment: .right) + " %"
        }
        let parts = [percent, count, speed, time].compactMap(\.self)
        for length in stride(from: parts.count, through: 1, by: -1) {
            let text = parts.prefix(length).joined(separator: "  ")
            guard text.displayWidth <= width else { continue }
            return self.bar(columns: width - text.displayWidth - 2).map { "\($0)  \(text)" } ?? text
        }
        return TerminalText.cut(count, toColumns: width)
    }

    /// From 0 to 1; `nil` when the total isn't known. Nothing to do is all done.
    private var fraction: Double? {
        guard let total = self.total else { return nil }
        return total > 0 ? min(1, max(0, Double(self.done) / Double(total))) : 1
    }

    /// The bar itself, at most 40 columns; `nil` when there is no room for one worth drawing.
    private func bar(columns: Int) -> String? {
        guard let fraction = self.fraction, columns >= 12 else { return nil }
        let inside = min(40, columns) - 2
        let filled = Int(fraction * Double(inside))
        return "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: inside - filled) + "]"
    }
}

/// A number with commas between its thousands.
package func grouped(_ number: Int) -> String {
    let digits = String(number.magnitude)
    var text = number < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index).isMultiple(of: 3) { text.append(",") }
        text.append(digit)
    }
    return text
}

/// A duration as a clock shows it: `0:05`, `12:34`, `1:02:03`. Rounded down to seconds, never negative.
package func clock(_ duration: Duration) -> String {
    let seconds = max(0, duration.components.seconds)
    func twoDigits(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
    let tail = twoDigits(seconds % 60)
    return hours > 0 ? "\(hours):\(twoDigits(minutes)):\(tail)" : "\(minutes):\(tail)"
}

/// A positive number rounded to a whole one, as large as fits.
private func wholeNumber(_ value: Double) -> Int { Int(exactly: value.rounded()) ?? .max }
