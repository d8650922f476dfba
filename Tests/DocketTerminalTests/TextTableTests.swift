import DocketTerminal
import Testing

@Suite("Text table")
struct TextTableTests {
    private func table() -> TextTable {
        var table = TextTable(columns: [
            .fixed("time"), .text("actor", minWidth: 5), .text("action", minWidth: 4), .number("bytes"),
        ])
        table.addRow(["09:30", "system:serviceaccount:kube", "create", "12"])
        table.addRow(["09:31", "漢字", "delete", "1,234"])
        return table
    }

    @Test("columns are aligned, numbers to the right, without trailing spaces")
    func aligned() {
        #expect(
            self.table().rendered(width: nil) == """
                time   actor                       action  bytes
                09:30  system:serviceaccount:kube  create     12
                09:31  漢字                        delete  1,234

                """)
    }

    @Test("the widest text gives way first, and the table fits exactly")
    func fits() {
        #expect(
            self.table().rendered(width: 34) == """
                time   actor         action  bytes
                09:30  system:serv…  create     12
                09:31  漢字          delete  1,234

                """)
    }

    @Test("texts stop at their least width; times and numbers stay whole even if the line is too long")
    func minimum() {
        #expect(
            self.table().rendered(width: 5) == """
                time   actor  act…  bytes
                09:30  syst…  cre…     12
                09:31  漢字   del…  1,234

                """)
    }

    @Test("no line is wider than the terminal while texts can still give way", arguments: 24...70)
    func neverWider(width: Int) {
        var table = TextTable(columns: [
            .text("a", minWidth: 4), .number("n"), .text("b", minWidth: 4), .text("c", minWidth: 4),
        ])
        table.addRow([String(repeating: "x", count: 30), "42", String(repeating: "漢", count: 10), "yyyyyyyyyyyy"])
        let lines = table.rendered(width: width).split(separator: "\n")
        let widest = lines.map(\.displayWidth).max() ?? 0
        #expect(widest <= width)
        // A wide character may leave its last column free.
        #expect(widest >= min(width, 70) - 1)
        #expect(lines.last?.contains("42") == true)
    }

    @Test("control characters in cells are escaped before they are measured")
    func escapes() {
        var table = TextTable(columns: [.text("agent"), .number("n")])
        table.addRow(["\u{1B}[2Jx\n", "1"])
        #expect(table.rendered(width: nil) == "agent         n\n\\u{1B}[2Jx\\n  1\n")
    }

    @Test("missing cells are empty and surplus ones left out; without rows there are the titles")
    func oddRows() {
        var table = TextTable(columns: [.text("a"), .text("b")])
        #expect(table.isEmpty)
        #expect(table.rendered(width: 10) == "a  b\n")
        table.addRow([])
        table.addRow(["1", "2", "3"])
        #expect(!table.isEmpty)
        #expect(table.rendered(width: 10) == "a  b\n\n1  2\n")
        #expect(TextTable(columns: []).rendered(width: 1) == "\n")
    }

    @Test("titles stand out if the style says so")
    func style() {
        let table = TextTable(columns: [.text("a")])
        #expect(table.rendered(width: nil, style: TerminalStyle(isEnabled: true)) == "\u{1B}[1ma\u{1B}[22m\n")
    }
}
