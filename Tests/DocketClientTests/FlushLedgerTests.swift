import Testing

@testable import DocketClient

@Suite("The ledger of flushes")
struct FlushLedgerTests {
    private let first = ClientError(code: .refused, message: "the first failure")
    private let second = ClientError(code: .refused, message: "the second failure")

    /// Whom a settlement is for, and what it says.
    private func error(_ settlements: [FlushLedger.Settlement], for answer: FlushLedger.Answer) -> ClientError?? {
        guard let settlement = settlements.first(where: { $0.answer === answer }) else { return nil }
        if case .failure(let error) = settlement.result { return .some(error) }
        return .some(nil)
    }

    @Test("ends all who wait when nobody will be answered any more")
    func endAll() async {
        var ledger = FlushLedger()
        ledger.sent([0])
        let flushes = [ledger.begin(endSequence: 1), ledger.begin(endSequence: 1)]
        for settlement in ledger.endAll(.shutDown) { settlement.settle() }
        for flush in flushes { #expect(await flush.answer.value() == .failure(.shutDown)) }
        #expect(ledger.answered(0, failure: nil).isEmpty)
    }

    @Test("a flush is content once every batch that was sent before it is answered, whatever comes later")
    func contentment() {
        var ledger = FlushLedger()
        ledger.sent([0, 1])
        let flush = ledger.begin(endSequence: 2)
        ledger.sent([2])
        #expect(ledger.answered(1, failure: nil).isEmpty)
        let settlements = ledger.answered(0, failure: nil)
        #expect(self.error(settlements, for: flush.answer) == .some(nil))
        #expect(ledger.answered(2, failure: nil).isEmpty)
    }

    @Test("a flush of nothing unanswered is settled at once, with the failure that came before it, once")
    func nothingToWaitFor() async {
        var ledger = FlushLedger()
        #expect(await ledger.begin(endSequence: 0).answer.value() == .success(()))
        ledger.sent([0])
        _ = ledger.answered(0, failure: self.first)
        #expect(await ledger.begin(endSequence: 1).answer.value() == .failure(self.first))
        #expect(await ledger.begin(endSequence: 1).answer.value() == .success(()))
    }

    @Test("every flush that waits for a failed batch is told, and none that doesn't")
    func everyWaiter() {
        var ledger = FlushLedger()
        ledger.sent([0])
        let early = ledger.begin(endSequence: 1)
        ledger.sent([1])
        let late = ledger.begin(endSequence: 2)
        let later = ledger.begin(endSequence: 2)
        #expect(ledger.answered(1, failure: self.first).isEmpty)
        let settlements = ledger.answered(0, failure: nil)
        #expect(self.error(settlements, for: early.answer) == .some(nil))
        #expect(self.error(settlements, for: late.answer) == .some(self.first))
        #expect(self.error(settlements, for: later.answer) == .some(self.first))
    }

    @Test("flushes that overlap all tell of an earlier failure")
    func overlapping() {
        var ledger = FlushLedger()
        ledger.sent([0, 1])
        _ = ledger.answered(0, failure: self.first)
        let one = ledger.begin(endSequence: 2)
        let other = ledger.begin(endSequence: 2)
        let settlements = ledger.answered(1, failure: self.second)
        #expect(self.error(settlements, for: one.answer) == .some(self.first))
        #expect(self.error(settlements, for: other.answer) == .some(self.first))
    }

    @Test("a flush that stops waiting is told why, once, and leaves the failure that it knew to the next")
    func stopsWaiting() async {
        var ledger = FlushLedger()
        ledger.sent([0, 1])
        let flush = ledger.begin(endSequence: 2)
        _ = ledger.answered(0, failure: self.first)
        let settlement = ledger.end(flush.number, .cancelled)
        #expect(settlement?.answer === flush.answer)
        #expect(settlement?.result == .failure(.cancelled))
        #expect(ledger.end(flush.number, .cancelled) == nil)
        #expect(ledger.answered(1, failure: nil).isEmpty)
        #expect(await ledger.begin(endSequence: 2).answer.value() == .failure(self.first))
    }

    @Test("an answer keeps the first value that it is given, before or after somebody waits")
    func oneAnswer() async {
        let early = OneAnswer<Int>()
        early.settle(1)
        early.settle(2)
        #expect(await early.value() == 1)
        for _ in 0..<200 {
            let contested = OneAnswer<Int>()
            async let value = contested.value()
            async let rivals: Void = withTaskGroup(of: Void.self) { group in
                for rival in 1...4 { group.addTask { contested.settle(rival) } }
            }
            #expect((1...4).contains(await value))
            await rivals
        }
    }
}

/// `Result<Void, _>` isn't `Equatable`, as `Void` isn't.
private func == (left: Result<Void, ClientError>?, right: Result<Void, ClientError>) -> Bool {
    switch (left, right) {
    case (.success, .success): true
    case (.failure(let left), .failure(let right)): left == right
    default: false
    }
}
