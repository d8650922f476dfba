import Testing

@testable import DocketTransport

@Suite("When a listening socket may close")
struct ListenerLullTests {
    /// What a look finds.
    private typealias Finding = (isQueueEmpty: Bool, arriving: Int)

    /// How many looks it takes, when `finding` says what each finds.
    private func looks(_ finding: (Int) -> Finding) -> Int {
        var lull = ListenerLull()
        var looks = 0
        while true {
            let (isQueueEmpty, arriving) = finding(looks)
            looks += 1
            if lull.look(isQueueEmpty: isQueueEmpty, arriving: arriving) { return looks }
        }
    }

    @Test("at once, when no connection waits in the kernel's queue")
    func emptyQueue() {
        #expect(self.looks { _ in (true, 0) } == 1)
    }

    @Test("when those that wait are accepted")
    func queue() {
        #expect(self.looks { ($0 == 3, 0) } == 4)
    }

    @Test("not while one is on its way to its event loop")
    func arriving() {
        #expect(self.looks { (true, $0 < 20 ? 1 : 0) } == 21)
    }

    @Test("at last, where connections never cease")
    func endless() {
        #expect(self.looks { _ in (false, 0) } == ListenerLull.maxLooks)
        #expect(self.looks { _ in (true, 1) } == ListenerLull.maxLooks)
    }
}
