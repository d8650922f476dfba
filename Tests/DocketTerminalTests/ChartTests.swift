import DocketTerminal
import DocketTestSupport
import Testing

@Suite("A sparkline")
struct SparklineTests {
    @Test("draws each amount against the largest, and nothing as a space")
    func levels() {
        let line = Sparkline(amounts: [0, 1, 2, 3, 4, 5, 6, 7, 8])
        #expect(line.rendered(columns: 9, symbols: .blocks) == " ▁▂▃▄▅▆▇█")
        #expect(line.rendered(columns: 9, symbols: .ascii) == " .:-=+*#@")
    }

    @Test("shows one event beside a billion, and amounts of any size")
    func extremes() {
        #expect(Sparkline(amounts: [1, 1_000_000_000]).rendered(columns: 2, symbols: .blocks) == "▁█")
        #expect(Sparkline(amounts: [.max, .max, .max]).rendered(columns: 1, symbols: .blocks) == "█")
        #expect(Sparkline(amounts: [0, 0]).rendered(columns: 2, symbols: .blocks).isEmpty)
        #expect(Sparkline(amounts: []).rendered(columns: 2, symbols: .blocks).isEmpty)
        #expect(Sparkline(amounts: [1]).rendered(columns: 0, symbols: .blocks).isEmpty)
    }

    @Test("sums neighbours where there are too few columns")
    func merged() {
        #expect(Sparkline(amounts: [1, 3, 8, 0, 2]).rendered(columns: 3, symbols: .blocks) == "▄█▂")
        #expect(Sparkline.perColumn(5, columns: 3) == 2)
    }

    @Test("never is wider than its columns, whatever there is to draw")
    func fits() {
        var generator = SeededGenerator.ofRun()
        for _ in 0..<500 {
            let amounts = (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                Int64.random(in: 0...50, using: &generator)
            }
            let columns = Int.random(in: 0...90, using: &generator)
            for symbols in [ChartSymbols.blocks, .ascii] {
                let line = Sparkline(amounts: amounts).rendered(columns: columns, symbols: symbols)
                #expect(line.displayWidth <= columns, "\(amounts) in \(columns)")
            }
        }
    }
}

@Suite("A bar")
struct BarTests {
    @Test(
        "is as long as its part of the whole, to an eighth of a column",
        arguments: [
            (0.5, "█████", "#####"), (1, "██████████", "##########"), (2, "██████████", "##########"),
            (0.55, "█████▌", "######"), (0.0001, "▏", "#"), (0, "", ""), (-1, "", ""), (.nan, "", ""),
        ])
    func length(_ fraction: Double, _ blocks: String, _ ascii: String) {
        #expect(Bar(fraction: fraction).rendered(columns: 10, symbols: .blocks) == blocks)
        #expect(Bar(fraction: fraction).rendered(columns: 10, symbols: .ascii) == ascii)
    }
}

@Suite("The symbols of charts")
struct ChartSymbolsTests {
    @Test(
        "are Unicode's where the locale says so, by the first variable that says anything",
        arguments: [
            ([:], ChartSymbols.ascii), (["LANG": "C"], .ascii), (["LANG": "de_AT.UTF-8"], .blocks),
            (["LANG": "C.utf8"], .blocks), (["LC_ALL": "C", "LANG": "C.UTF-8"], .ascii),
            (["LC_ALL": "", "LC_CTYPE": "C.UTF-8", "LANG": "C"], .blocks),
        ])
    func locale(_ environment: [String: String], _ symbols: ChartSymbols) {
        #expect(ChartSymbols(environment: environment) == symbols)
    }
}

@Suite("The rows of a screen")
struct ScreenRowsTests {
    @Test(
        "are lines, and as many more as a line is too long",
        arguments: [
            ("", 0), ("abc", 0), ("a\n", 1), ("a\nb\n", 2), ("abcde\n", 1), ("abcdef\n", 2), ("abcdefghijk\n", 3),
            ("abcdefghij", 1),
        ])
    func rows(_ text: String, _ count: Int) {
        var rows = ScreenRows(columns: 5)
        rows.add(text.utf8)
        #expect(rows.exceed(count))
        #expect(!rows.exceed(count + 1))
    }
}
