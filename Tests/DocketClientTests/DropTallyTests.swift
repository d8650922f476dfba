import Testing

@testable import DocketClient

@Suite("The tally of dropped events")
struct DropTallyTests {
    @Test("asks for one line in the log however many events are dropped, and for the next once that was taken")
    func log() {
        var tally = DropTally()
        let mustLog = [tally.add(.queueFull), tally.add(.queueFull), tally.add(.tooLarge)]
        #expect(mustLog == [true, false, false])
        let lines = tally.takeLog()
        #expect(lines.map(\.reason) == [.queueFull, .tooLarge])
        #expect(lines.map(\.count) == [2, 1])
        #expect(tally.takeLog().isEmpty)
        let mustLogAgain = tally.add(.shutDown)
        #expect(mustLogAgain)
        #expect(tally.takeLog().map(\.reason) == [.shutDown])
        #expect(tally.totalCount == 4)
    }

    @Test("counts the events that the log is told of elsewhere")
    func logged() {
        var tally = DropTally()
        let mustLog = tally.add(.refused, count: 500, isLogged: true)
        #expect(!mustLog)
        #expect(tally.counts == [.refused: 500])
        #expect(tally.takeLog().isEmpty)
        _ = tally.add(.abandoned, count: 7)
        #expect(tally.totalCount == 507)
    }

    @Test("tells the collector of each event once, and again of those that it couldn't be told of")
    func report() {
        var tally = DropTally()
        _ = tally.add(.queueFull, count: 3)
        _ = tally.takeLog()
        let report = tally.takeReport()
        #expect(report == [.queueFull: 3])
        #expect(tally.takeReport().isEmpty)
        _ = tally.add(.queueFull)
        tally.putBack(report)
        #expect(tally.takeReport() == [.queueFull: 4])
    }
}
