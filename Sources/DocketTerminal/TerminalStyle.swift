/// Emphasis by ANSI escape sequences (ECMA-48 section 8.3.117, SGR), or none at all.
///
/// onevcat/Rainbow does this with a process-wide switch that isn't safe under Swift 6, judges standard output only, and
/// parses each text again; five sequences don't need it.
package struct TerminalStyle: Sendable, Equatable {
    /// Whether sequences are written.
    package let isEnabled: Bool

    package init(isEnabled: Bool) { self.isEnabled = isEnabled }

    /// No emphasis.
    package static let plain = TerminalStyle(isEnabled: false)

    /// The style of an output: emphasis on a terminal, unless the environment asks for none, by a `NO_COLOR` that isn't
    /// empty (no-color.org) or by `TERM=dumb`.
    package init(isTerminal: Bool, environment: [String: String]) {
        let asksForNone = !(environment["NO_COLOR"] ?? "").isEmpty || environment["TERM"] == "dumb"
        self.init(isEnabled: isTerminal && !asksForNone)
    }

    package func bold(_ text: String) -> String { self.wrap(text, 1, 22) }
    package func dim(_ text: String) -> String { self.wrap(text, 2, 22) }
    package func red(_ text: String) -> String { self.wrap(text, 31, 39) }
    package func green(_ text: String) -> String { self.wrap(text, 32, 39) }
    package func yellow(_ text: String) -> String { self.wrap(text, 33, 39) }

    private func wrap(_ text: String, _ on: Int, _ off: Int) -> String {
        self.isEnabled && !text.isEmpty ? "\u{1B}[\(on)m\(text)\u{1B}[\(off)m" : text
    }
}
