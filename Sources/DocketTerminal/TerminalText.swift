/// Text made fit for a terminal.
package enum TerminalText {
    /// The text with everything escaped that a terminal would act on or that would reorder the line: control
    /// characters, invisible direction marks and line ends, as `\n`, `\t`, `\u{1B}`. Audit logs hold what attackers
    /// chose to send, and an escape sequence in a user agent must not paint over the table that shows it.
    package static func escaped(_ text: some StringProtocol) -> String {
        let needsEscape = text.unicodeScalars.contains { self.mustBeEscaped($0) }
        guard needsEscape else { return String(text) }
        var escaped = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            guard self.mustBeEscaped(scalar) else {
                escaped.append(scalar)
                continue
            }
            escaped.append(contentsOf: self.escape(scalar).unicodeScalars)
        }
        return String(escaped)
    }

    /// The text cut to a number of columns, its last one an ellipsis if anything is missing.
    package static func cut(_ text: some StringProtocol, toColumns columns: Int) -> String {
        guard text.displayWidth > columns else { return String(text) }
        guard columns > 0 else { return "" }
        var cut = ""
        var width = 0
        for character in text {
            guard width + character.displayWidth < columns else { break }
            cut.append(character)
            width += character.displayWidth
        }
        return cut + "…"
    }

    /// The text filled up with spaces to a number of columns.
    package static func padded(_ text: String, toColumns columns: Int, alignment: TextTable.Alignment) -> String {
        let padding = String(repeating: " ", count: max(0, columns - text.displayWidth))
        return alignment == .left ? text + padding : padding + text
    }

    private static func mustBeEscaped(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069, 0x200E...0x200F, 0x061C, 0xFEFF: true
        default: false
        }
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        }
    }
}
