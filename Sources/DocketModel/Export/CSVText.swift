/// A field of comma-separated values (RFC 4180).
package enum CSVText {
    private static let quote = UInt8(ascii: "\"")

    /// Appends a text, in quotes where it needs them or is empty.
    ///
    /// - Parameter formulaSafe: Whether text that a spreadsheet would take for a formula gets an apostrophe before it.
    package static func append(_ text: String, formulaSafe: Bool, to line: inout [UInt8]) {
        let isFormula = formulaSafe && self.beginsFormula(text)
        guard isFormula || text.isEmpty || text.utf8.contains(where: self.needsQuotes) else {
            line.append(contentsOf: text.utf8)
            return
        }
        line.append(self.quote)
        if isFormula { line.append(UInt8(ascii: "'")) }
        for byte in text.utf8 {
            if byte == self.quote { line.append(self.quote) }
            line.append(byte)
        }
        line.append(self.quote)
    }

    private static func needsQuotes(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ",") || byte == self.quote || byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n")
    }

    /// Whether spreadsheets may take the text for a formula (OWASP, "CSV Injection"). Programs that set East Asian text
    /// take the full-width signs for the others.
    private static func beginsFormula(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first else { return false }
        return switch first {
        case "=", "+", "-", "@", "\t", "\r", "\n", "\u{FF1D}", "\u{FF0B}", "\u{FF0D}", "\u{FF20}": true
        default: false
        }
    }
}
