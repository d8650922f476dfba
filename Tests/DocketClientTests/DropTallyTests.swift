import Testing

@testable import DocketClient

@Suite("The tally of dropped events")
struct DropTallyTests {
    @Test("asks for one report however many events are dropped, and for the next once that was taken")
    func reports() {
        var tally = DropTally()
        let mustReport = [tally.add(.queueFull), tally.add(.queueFull), tally.add(.tooLarge)]
        #expect(mustReport == [true, false, false])
        let report = tally.takeReport()
        #expect(report.map(\.reason) == [.queueFull, .tooLarge])
        #expect(report.map(\.count) == [2, 1])
        #expect(tally.takeReport().isEmpty)
        let mustReportAgain = tally.add(.shutDown)
        #expect(mustReportAgain)
        #expect(tally.takeReport().map(\.reason) == [.shutDown])
        #expect(tally.totalCount == 4)
    }

    @Test("counts the events of lost batches, which are reported elsewhere")
    func lostBatches() {
        var tally = DropTally()
        tally.addReported(500)
        #expect(tally.totalCount == 500)
        #expect(tally.takeReport().isEmpty)
        _ = tally.add(.abandoned, count: 7)
        #expect(tally.totalCount == 507)
    }
}
