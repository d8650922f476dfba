/// How many rows of a terminal a stream of text has taken.
package struct ScreenRows: Sendable, Equatable {
    private let columns: Int
    /// Rows that are complete.
    private var rows = 0
    /// Columns of the row that isn't. Escape sequences count as text, characters of several bytes as one column for each: a
    /// line may seem longer than it is, never shorter, but for wide characters of two bytes, of which there are none.
    private var column = 0

    /// - Parameter columns: How many the terminal has; at least 1 is taken.
    package init(columns: Int) { self.columns = max(1, columns) }

    package mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                (self.rows, self.column) = (self.rows + 1, 0)
            } else if self.column == self.columns {
                (self.rows, self.column) = (self.rows + 1, 1)
            } else {
                self.column += 1
            }
        }
    }

    /// Whether the text scrolls a screen of so many rows, with the prompt that comes behind it.
    package func exceed(_ height: Int) -> Bool { self.rows >= height }
}
