import DocketModel
import Testing

@Suite("A place in a log")
struct LogPositionTests {
    @Test("the next place is the batch's next, and behind its last possible one the next batch's first; it never traps")
    func next() {
        #expect(LogPosition(logIndex: 7, position: 3).next == LogPosition(logIndex: 7, position: 4))
        #expect(LogPosition(logIndex: 7, position: .max).next == LogPosition(logIndex: 8, position: 0))
        let last = LogPosition(logIndex: .max, position: .max)
        #expect(last.next == last)
    }
}
