import DocketTerminal
import Testing

@Suite("Progress bar")
struct ProgressBarTests {
    private func bar(_ done: Int, _ total: Int?, seconds: Int) -> ProgressBar {
        ProgressBar(unit: "records", done: done, total: total, elapsed: .seconds(seconds))
    }

    @Test("a line shows the bar, the share, the count, the speed and the time left")
    func whole() {
        #expect(
            self.bar(4141, 16_564, seconds: 10).rendered(width: 80)
                == "[#######........................]   25 %  4,141/16,564 records  414/s  0:30 left")
    }

    @Test(
        "what matters least goes first where the line is narrow",
        arguments: [
            (52, " 25 %  4,141/16,564 records  414/s  0:30 left"), (40, " 25 %  4,141/16,564 records  414/s"),
            (30, " 25 %  4,141/16,564 records"), (10, " 25 %"), (4, "4,1…"), (0, ""),
        ])
    func narrow(width: Int, expected: String) {
        let line = self.bar(4141, 16_564, seconds: 10).rendered(width: width)
        #expect(line == expected)
        #expect(line.displayWidth <= width)
    }

    @Test("a line never exceeds its width", arguments: 0...120)
    func width(width: Int) {
        for bar in [
            self.bar(0, 0, seconds: 0), self.bar(5, nil, seconds: 3), self.bar(.max, .max, seconds: 1),
            self.bar(7, 3, seconds: 1),
        ] {
            #expect(bar.rendered(width: width).displayWidth <= width)
        }
    }

    @Test("without a total there is a count and a speed")
    func noTotal() {
        #expect(self.bar(1500, nil, seconds: 3).rendered(width: 80) == "1,500 records  500/s")
        #expect(self.bar(0, nil, seconds: 0).rendered(width: 80) == "0 records")
    }

    @Test("when all is done it tells how long that took; nothing to do is done")
    func done() {
        #expect(self.bar(3, 3, seconds: 3725).rendered(width: 30) == "100 %  3/3 records  0/s")
        #expect(self.bar(3000, 3000, seconds: 62).rendered(width: 45) == "100 %  3,000/3,000 records  48/s  in 1:02")
        #expect(self.bar(0, 0, seconds: 0).rendered(width: 41) == "[##########]  100 %  0/0 records  in 0:00")
    }

    @Test("the time left follows from the speed so far, and is unknown before there is any")
    func remaining() {
        #expect(self.bar(1, 3, seconds: 10).remaining == .seconds(20))
        #expect(self.bar(0, 3, seconds: 10).remaining == nil)
        #expect(self.bar(1, 3, seconds: 0).remaining == nil)
        #expect(self.bar(1, nil, seconds: 10).remaining == nil)
        #expect(self.bar(5, 3, seconds: 10).remaining == .zero)
    }

    @Test(
        "numbers have commas between their thousands",
        arguments: [
            (0, "0"), (999, "999"), (1000, "1,000"), (16_564, "16,564"), (1_000_000, "1,000,000"), (-1234, "-1,234"),
            (.min, "-9,223,372,036,854,775,808"),
        ])
    func groups(number: Int, text: String) {
        #expect(grouped(number) == text)
    }

    @Test(
        "durations read as on a clock",
        arguments: [(0, "0:00"), (5, "0:05"), (754, "12:34"), (3723, "1:02:03"), (-4, "0:00")])
    func clocks(seconds: Int, text: String) {
        #expect(clock(.seconds(seconds)) == text)
    }
}
