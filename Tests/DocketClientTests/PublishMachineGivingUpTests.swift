import DocketModel
import DocketTestSupport
import Testing

@testable import DocketClient

@Suite("The publishing machine, when it gives batches up or goes elsewhere")
struct PublishMachineGivingUpTests {
    private let fault = ClientError(code: .unavailable, message: "the connection broke")
    private let verdict = FakeCollector.verdict()

    private func millisecond(_ count: Int64) -> Int64 { count * 1_000_000 }

    @Test("gives everything up and closes the stream when it is told to")
    func abandon() {
        var machine = PublishMachine.sample(window: 1)
        for sequence in 0..<3 as Range<Int64> { _ = machine.enqueue(sequence, now: 0) }
        _ = machine.streamOpened(now: 0)
        _ = machine.refused(0, self.fault, isPermanent: false, retryAfterMilliseconds: 9, now: 0, jitter: 0)
        let actions = machine.abandon(self.fault)
        // The one that is on its way may be stored; one that was refused isn't, nor is one that was never sent.
        #expect(
            actions == [
                .complete(sequence: 0, .failure(self.fault)), .complete(sequence: 1, .failure(self.fault.leavingDoubt)),
                .complete(sequence: 2, .failure(self.fault)), .closeStream,
            ])
        #expect(machine.isIdle)
    }

    @Test("never takes back a doubt: what one stream left open, no later refusal settles")
    func doubt() {
        var machine = PublishMachine.sample(window: 1)
        _ = machine.enqueue(0, now: 0)
        _ = machine.streamOpened(now: 0)
        _ = machine.streamLost(self.fault, isPermanent: false, now: 0, jitter: 0)
        _ = machine.wake(now: self.millisecond(100))
        _ = machine.streamOpened(now: 0)
        _ = machine.refused(0, self.fault, isPermanent: false, retryAfterMilliseconds: 1, now: 0, jitter: 0)
        _ = machine.wake(now: self.millisecond(1000))
        #expect(machine.evictOldest(self.fault) == [])
        #expect(
            machine.refused(0, self.fault, isPermanent: true, retryAfterMilliseconds: nil, now: 0, jitter: 0)
                == [.complete(sequence: 0, .failure(self.fault.leavingDoubt))])
    }

    @Test("gives up nothing that must be kept")
    func keeps() {
        var machine = PublishMachine.sample()
        _ = machine.enqueue(0, isEvictable: false, now: 0)
        _ = machine.enqueue(1, now: 0)
        #expect(machine.evictOldest(self.fault) == [.complete(sequence: 1, .failure(self.fault))])
        #expect(machine.evictOldest(self.fault) == [])
    }

    @Test("gives up the oldest batch that was never sent, and no other")
    func evicts() {
        var machine = PublishMachine.sample(window: 1)
        for sequence in 0..<3 as Range<Int64> { _ = machine.enqueue(sequence, now: 0) }
        _ = machine.streamOpened(now: 0)
        // What was on its way may be stored.
        _ = machine.streamLost(self.fault, isPermanent: false, now: 0, jitter: 0)
        #expect(machine.evictOldest(self.fault) == [.complete(sequence: 1, .failure(self.fault))])
        #expect(machine.evictOldest(self.fault) == [.complete(sequence: 2, .failure(self.fault))])
        #expect(machine.evictOldest(self.fault) == [])
        #expect(machine.backlogCount == 1)
    }

    @Test("tries another collector after the shortest pause, however often one has failed")
    func alternative() {
        var machine = PublishMachine.sample()
        _ = machine.enqueue(0, now: 0)
        var pauses: [PublishMachine.Action] = []
        for hasAlternative in [false, false, true, false] {
            let actions = machine.streamLost(
                self.fault, isPermanent: false, hasAlternative: hasAlternative, now: 0, jitter: 1)
            pauses += actions
            _ = machine.wake(now: self.millisecond(400))
        }
        #expect(pauses == [100, 200, 100, 400].map { .wake(atNanoseconds: self.millisecond($0)) })
    }

    @Test("leaves the collector alone for as long as it asked for, unless there is another one")
    func pushback() {
        var machine = PublishMachine.sample()
        _ = machine.enqueue(0, now: 0)
        let alone = machine.streamLost(self.fault, isPermanent: false, retryAfterMilliseconds: 900, now: 0, jitter: 1)
        #expect(alone == [.wake(atNanoseconds: self.millisecond(900))])
        _ = machine.wake(now: self.millisecond(900))
        let other = machine.streamLost(
            self.fault, isPermanent: false, hasAlternative: true, retryAfterMilliseconds: 900, now: 0, jitter: 1)
        #expect(other == [.wake(atNanoseconds: self.millisecond(100))])
    }

    @Test("sends one batch at a time after many failures, until the collector takes some again")
    func retryBudget() {
        var machine = PublishMachine.sample(window: 3)
        for sequence in 0..<9 as Range<Int64> { _ = machine.enqueue(sequence, now: 0) }
        for _ in 0..<5 {
            _ = machine.streamLost(self.fault, isPermanent: false, now: 0, jitter: 0)
            _ = machine.wake(now: self.millisecond(400))
        }
        #expect(machine.streamOpened(now: 0) == [.send(sequence: 0)])
        let actions = machine.accepted(0, self.verdict, now: 0)
        #expect(
            actions == [
                .complete(sequence: 0, .success(self.verdict)), .send(sequence: 1), .send(sequence: 2),
                .send(sequence: 3),
            ])
    }
}
