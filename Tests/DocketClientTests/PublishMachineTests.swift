import DocketModel
import DocketTestSupport
import Testing

@testable import DocketClient

@Suite("The publishing machine")
struct PublishMachineTests {
    private let fault = ClientError(code: .unavailable, message: "the connection broke")
    private let verdict = FakeCollector.verdict()

    private func millisecond(_ count: Int64) -> Int64 { count * 1_000_000 }

    @Test("opens a stream for the first batch, and only one")
    func opens() {
        var machine = PublishMachine.sample()
        #expect(machine.enqueue(0, now: 0) == [.openStream])
        #expect(machine.enqueue(1, now: 0) == [])
        #expect(machine.streamOpened(now: 1) == [.send(sequence: 0), .send(sequence: 1)])
    }

    @Test("keeps no more batches in flight than the window, and refills it as answers come, in any order")
    func window() {
        var machine = PublishMachine.sample(window: 2)
        for sequence in 0..<4 { _ = machine.enqueue(Int64(sequence), now: 0) }
        #expect(machine.streamOpened(now: 0) == [.send(sequence: 0), .send(sequence: 1)])
        #expect(
            machine.accepted(1, self.verdict, now: 1)
                == [.complete(sequence: 1, .success(self.verdict)), .send(sequence: 2)])
        #expect(machine.inFlightCount == 2)
        #expect(machine.backlogCount == 1)
    }

    @Test("sends everything in flight again after a lost stream, in sequence order and before newer batches")
    func lostStream() {
        var machine = PublishMachine.sample(window: 3)
        for sequence in [0, 1, 2, 3] as [Int64] { _ = machine.enqueue(sequence, now: 0) }
        _ = machine.streamOpened(now: 0)
        #expect(
            machine.streamLost(self.fault, isPermanent: false, now: 0, jitter: 1)
                == [.wake(atNanoseconds: self.millisecond(100))])
        #expect(machine.wake(now: self.millisecond(99)) == [])
        #expect(machine.wake(now: self.millisecond(100)) == [.openStream])
        #expect(
            machine.streamOpened(now: 0) == [.send(sequence: 0), .send(sequence: 1), .send(sequence: 2)])
    }

    @Test("waits twice as long after each failure in a row, up to the bound, and half of it at the least")
    func backoff() {
        var machine = PublishMachine.sample()
        _ = machine.enqueue(0, now: 0)
        var pauses: [Int64] = []
        for _ in 0..<4 {
            guard case .wake(let time)? = machine.streamLost(self.fault, isPermanent: false, now: 0, jitter: 1).last
            else { break }
            pauses.append(time / 1_000_000)
            _ = machine.wake(now: time)
        }
        #expect(pauses == [100, 200, 400, 400])
        let policy = PublishMachine.RetryPolicy()
        #expect(
            policy.backoffNanoseconds(attempt: 1, jitter: 0) * 2 == policy.backoffNanoseconds(attempt: 1, jitter: 1))
    }

    @Test("starts the back-off anew once a batch has been accepted")
    func recovery() {
        var machine = PublishMachine.sample(window: 1)
        _ = machine.enqueue(0, now: 0)
        _ = machine.enqueue(1, now: 0)
        _ = machine.streamLost(self.fault, isPermanent: false, now: 0, jitter: 1)
        _ = machine.wake(now: self.millisecond(100))
        _ = machine.streamOpened(now: 0)
        _ = machine.accepted(0, self.verdict, now: 0)
        #expect(
            machine.streamLost(self.fault, isPermanent: false, now: 0, jitter: 1)
                == [.wake(atNanoseconds: self.millisecond(100))])
    }

    @Test("tries a refused batch again under the same sequence, not before the time that the collector named")
    func retryAfter() {
        var machine = PublishMachine.sample()
        _ = machine.enqueue(5, now: 0)
        _ = machine.streamOpened(now: 0)
        #expect(
            machine.refused(5, self.fault, isPermanent: false, retryAfterMilliseconds: 700, now: 0, jitter: 1)
                == [.wake(atNanoseconds: self.millisecond(700))])
        #expect(machine.wake(now: self.millisecond(699)) == [])
        #expect(machine.wake(now: self.millisecond(700)) == [.send(sequence: 5)])
    }

    @Test("gives a batch up at once when the refusal is permanent, and goes on with the others")
    func permanentRefusal() {
        var machine = PublishMachine.sample(window: 1)
        _ = machine.enqueue(0, now: 0)
        _ = machine.enqueue(1, now: 0)
        _ = machine.streamOpened(now: 0)
        #expect(
            machine.refused(0, self.fault, isPermanent: true, retryAfterMilliseconds: nil, now: 0, jitter: 0)
                == [.complete(sequence: 0, .failure(self.fault)), .send(sequence: 1)])
    }

    @Test("gives batches up after the bound on attempts, when there is one")
    func boundedAttempts() {
        var machine = PublishMachine.sample(maxAttempts: 2)
        _ = machine.enqueue(0, now: 0)
        #expect(
            machine.streamLost(self.fault, isPermanent: false, now: 0, jitter: 1) == [
                .wake(atNanoseconds: self.millisecond(100))
            ])
        #expect(machine.wake(now: self.millisecond(100)) == [.openStream])
        #expect(
            machine.streamLost(self.fault, isPermanent: false, now: 0, jitter: 1)
                == [.complete(sequence: 0, .failure(self.fault))])
        #expect(machine.isIdle)
    }

    @Test("gives up at once on a permanent fault of the stream, when attempts are bounded")
    func permanentStreamFault() {
        var machine = PublishMachine.sample(maxAttempts: 9)
        _ = machine.enqueue(0, now: 0)
        #expect(
            machine.streamLost(self.fault, isPermanent: true, now: 0, jitter: 1)
                == [.complete(sequence: 0, .failure(self.fault))])
    }

    @Test("ignores an answer that it isn't waiting for")
    func strayAnswers() {
        var machine = PublishMachine.sample()
        _ = machine.enqueue(0, now: 0)
        _ = machine.streamOpened(now: 0)
        #expect(machine.accepted(77, self.verdict, now: 0) == [])
        #expect(
            machine.refused(77, self.fault, isPermanent: true, retryAfterMilliseconds: nil, now: 0, jitter: 0) == [])
        _ = machine.accepted(0, self.verdict, now: 0)
        #expect(machine.accepted(0, self.verdict, now: 0) == [])
    }

    @Test("completes every batch exactly once, whatever happens", arguments: [1, 2, 3, 4, 5] as [UInt64])
    func everyBatchOnce(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var machine = PublishMachine.sample(window: 4)
        var completions: [Int64: Int] = [:]
        var sent: Set<Int64> = []
        var now: Int64 = 0
        var wakes: [Int64] = []
        var isOpening = false
        func perform(_ actions: [PublishMachine.Action]) {
            for action in actions {
                switch action {
                case .openStream: isOpening = true
                case .send(let sequence): sent.insert(sequence)
                case .complete(let sequence, _):
                    completions[sequence, default: 0] += 1
                    sent.remove(sequence)
                case .wake(let time): wakes.append(time)
                case .closeStream: break
                }
            }
        }
        for sequence in 0..<200 as Range<Int64> { perform(machine.enqueue(sequence, now: now)) }
        var steps = 0
        while !machine.isIdle, steps < 100_000 {
            steps += 1
            now += self.millisecond(1)
            if isOpening, random.next() % 2 == 0 {
                isOpening = false
                perform(machine.streamOpened(now: now))
            } else if random.next() % 50 == 0 {
                isOpening = false
                sent.removeAll()
                perform(machine.streamLost(self.fault, isPermanent: false, now: now, jitter: 0.5))
            } else if let sequence = sent.sorted().randomElement(using: &random) {
                sent.remove(sequence)
                switch random.next() % 4 {
                case 0:
                    perform(
                        machine.refused(
                            sequence, self.fault, isPermanent: false, retryAfterMilliseconds: 3, now: now, jitter: 0.1))
                case 1:
                    perform(
                        machine.refused(
                            sequence, self.fault, isPermanent: true, retryAfterMilliseconds: nil, now: now, jitter: 0.1)
                    )
                default: perform(machine.accepted(sequence, self.verdict, now: now))
                }
            }
            let due = wakes.filter { $0 <= now }
            wakes.removeAll { $0 <= now }
            for _ in due { perform(machine.wake(now: now)) }
        }
        #expect(machine.isIdle, "seed \(seed)")
        #expect(completions.count == 200, "seed \(seed)")
        #expect(completions.values.allSatisfy { $0 == 1 }, "seed \(seed)")
    }
}
