import DocketTerminal
import Testing

@Suite("Terminal text")
struct TerminalTextTests {
    @Test(
        "a text is as wide as terminals draw it",
        arguments: [
            ("", 0), ("abc", 3), ("é", 1), ("e\u{301}", 1), ("漢字", 4), ("ｱ", 1), ("Ａ", 2), ("한글", 4), ("🦀", 2),
            ("👩‍👩‍👧", 2), ("🇩🇪", 2),
            ("❤️", 2), ("❤", 1), ("–…€", 3), ("\u{200B}", 0), ("a漢b", 4), ("〈", 2), ("ㄅ", 2), ("𠀀", 2), ("ß", 1),
        ])
    func width(text: String, columns: Int) {
        #expect(text.displayWidth == columns)
    }

    @Test(
        "cutting leaves what fits and ends with an ellipsis",
        arguments: [
            ("abcdef", 6, "abcdef"), ("abcdef", 5, "abcd…"), ("abcdef", 1, "…"), ("abcdef", 0, ""), ("", 0, ""),
            ("漢字漢字", 8, "漢字漢字"), ("漢字漢字", 7, "漢字漢…"), ("漢字漢字", 6, "漢字…"), ("漢字", 2, "…"), ("a漢字", 4, "a漢…"),
            ("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…"), ("👩‍👩‍👧👩‍👩‍👧", 3, "👩‍👩‍👧…"),
        ])
    func cut(text: String, columns: Int, expected: String) {
        let cut = TerminalText.cut(text, toColumns: columns)
        #expect(cut == expected)
        #expect(cut.displayWidth <= columns)
    }

    @Test("padding fills up to the column, on the side that the alignment asks for")
    func padding() {
        #expect(TerminalText.padded("漢", toColumns: 4, alignment: .left) == "漢  ")
        #expect(TerminalText.padded("12", toColumns: 4, alignment: .right) == "  12")
        #expect(TerminalText.padded("12345", toColumns: 4, alignment: .right) == "12345")
    }

    @Test(
        "what a terminal would act on is escaped: controls, direction marks, line ends",
        arguments: [
            ("plain é漢🦀", "plain é漢🦀"), ("a\nb\r\tc", #"a\nb\r\tc"#), ("\u{1B}[2J", #"\u{1B}[2J"#),
            ("\u{9B}31m", #"\u{9B}31m"#),
            ("\u{7F}\u{0}", #"\u{7F}\u{0}"#), ("a\u{202E}b\u{2066}", #"a\u{202E}b\u{2066}"#),
            ("\u{2028}", #"\u{2028}"#),
            ("\r\n", #"\r\n"#),
        ])
    func escaped(text: String, expected: String) {
        #expect(TerminalText.escaped(text) == expected)
    }
}

@Suite("Terminal style")
struct TerminalStyleTests {
    @Test("emphasis is written when enabled, and the text alone when not")
    func sequences() {
        let style = TerminalStyle(isEnabled: true)
        #expect(style.bold("x") == "\u{1B}[1mx\u{1B}[22m")
        #expect(style.dim("x") == "\u{1B}[2mx\u{1B}[22m")
        #expect(style.red("x") == "\u{1B}[31mx\u{1B}[39m")
        #expect(style.green("x") == "\u{1B}[32mx\u{1B}[39m")
        #expect(style.yellow("x") == "\u{1B}[33mx\u{1B}[39m")
        #expect(style.bold("") == "")
        let plain = TerminalStyle.plain
        #expect(
            [plain.bold("x"), plain.dim("x"), plain.red("x"), plain.green("x"), plain.yellow("x")]
                == Array("xxxxx").map(String.init))
    }

    @Test(
        "it is on for a terminal that nobody asked to be plain",
        arguments: [
            (true, [:], true), (false, [:], false), (true, ["NO_COLOR": "1"], false), (true, ["NO_COLOR": ""], true),
            (true, ["TERM": "dumb"], false), (true, ["TERM": "xterm-256color"], true),
            (false, ["TERM": "xterm"], false),
        ])
    func enabled(isTerminal: Bool, environment: [String: String], isEnabled: Bool) {
        #expect(TerminalStyle(isTerminal: isTerminal, environment: environment).isEnabled == isEnabled)
    }

    @Test("a descriptor that is no terminal has no width")
    func noTerminal() {
        #expect(Terminal(fileDescriptor: -1) == Terminal(isTerminal: false, width: nil))
    }
}
