import Testing

@testable import DocketRuntime

@Suite("A signal")
struct SignalTests {
    @Test("lets everybody go on who waits for it, before and after it is given")
    func given() async {
        let signal = Signal()
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 { group.addTask { await signal.wait() } }
            signal.give()
            for await isGiven in group { #expect(isGiven) }
        }
        #expect(await signal.wait())
    }

    @Test("that doesn't come holds up nobody who is cancelled")
    func cancelled() async {
        let waiting = Task { await Signal().wait() }
        waiting.cancel()
        #expect(await !waiting.value)
    }
}
