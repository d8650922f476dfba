import DocketModel
import DocketTestSupport
import Testing

@testable import DocketClient

@Suite("The publishing machine, when a batch is at fault")
struct PublishMachineFaultTests {
    private let tooLarge = ClientError(code: .tooLarge, message: "a message of 9 bytes exceeds 8 bytes")
    private let fault = ClientError(code: .unavailable, message: "INTERNAL: out of luck")
    private let verdict = FakeCollector.verdict()

    private func machine(window: Int, batches: Int, maxAttempts: Int? = nil) -> PublishMachine {
        var policy = PublishMachine.RetryPolicy()
        policy.initialBackoffMilliseconds = 1
        policy.maxBackoffMilliseconds = 1
        policy.maxAttempts = maxAttempts
        var machine = PublishMachine(maxInFlightBatches: window, policy: policy)
        for sequence in 0..<Int64(batches) { _ = machine.enqueue(sequence, now: 0) }
        return machine
    }

    /// Opens the stream (again) and says what is sent on it.
    private func reopen(_ machine: inout PublishMachine) -> [PublishMachine.Action] {
        _ = machine.wake(now: 1_000_000)
        return machine.streamOpened(now: 0)
    }

    private func endForBatch(_ machine: inout PublishMachine) -> [PublishMachine.Action] {
        machine.streamLost(self.tooLarge, isPermanent: true, blamesBatch: true, now: 0, jitter: 1)
    }

    @Test("fails the one batch in flight when the stream ended because of it, and goes on with the others")
    func onlyOne() {
        var machine = self.machine(window: 1, batches: 2)
        #expect(self.reopen(&machine) == [.send(sequence: 0)])
        #expect(
            self.endForBatch(&machine) == [
                .complete(sequence: 0, .failure(self.tooLarge)), .wake(atNanoseconds: 1_000_000),
            ])
        #expect(self.reopen(&machine) == [.send(sequence: 1)])
    }

    @Test(
        "sends suspects one at a time, also where attempts are bounded, until each has been answered",
        arguments: [nil, 1] as [Int?])
    func probing(maxAttempts: Int?) {
        var machine = self.machine(window: 3, batches: 6, maxAttempts: maxAttempts)
        #expect(self.reopen(&machine) == [.send(sequence: 0), .send(sequence: 1), .send(sequence: 2)])
        #expect(self.endForBatch(&machine) == [.wake(atNanoseconds: 1_000_000)])
        #expect(self.reopen(&machine) == [.send(sequence: 0)])
        #expect(
            machine.accepted(0, self.verdict, now: 0)
                == [.complete(sequence: 0, .success(self.verdict)), .send(sequence: 1)])
        #expect(self.endForBatch(&machine).first == .complete(sequence: 1, .failure(self.tooLarge)))
        #expect(self.reopen(&machine) == [.send(sequence: 2)])
        #expect(
            machine.accepted(2, self.verdict, now: 0) == [
                .complete(sequence: 2, .success(self.verdict)), .send(sequence: 3), .send(sequence: 4),
                .send(sequence: 5),
            ])
    }

    @Test("blames no batch for a stream that ended before any was sent")
    func nothingInFlight() {
        var machine = self.machine(window: 2, batches: 2)
        #expect(self.endForBatch(&machine) == [.wake(atNanoseconds: 1_000_000)])
        #expect(self.reopen(&machine) == [.send(sequence: 0), .send(sequence: 1)])
    }

    @Test("clears a suspect that the collector has read and refused for now")
    func refusedSuspect() {
        var machine = self.machine(window: 2, batches: 2)
        _ = self.reopen(&machine)
        _ = self.endForBatch(&machine)
        _ = self.reopen(&machine)
        _ = machine.refused(0, self.fault, isPermanent: false, retryAfterMilliseconds: nil, now: 0, jitter: 1)
        _ = machine.accepted(1, self.verdict, now: 0)
        _ = machine.enqueue(2, now: 0)
        #expect(machine.wake(now: 1_000_000) == [.send(sequence: 0)])
        #expect(machine.inFlightCount == 2)
    }

    @Test("gives a batch up that the collector fails on five times in all, and no other")
    func doubtful() {
        var machine = self.machine(window: 2, batches: 2)
        _ = self.reopen(&machine)
        for attempt in 1...5 {
            let actions = machine.refused(
                0, self.fault, isPermanent: false, isDoubtful: true, retryAfterMilliseconds: nil, now: 0, jitter: 1)
            guard attempt < 5 else {
                #expect(actions == [.complete(sequence: 0, .failure(self.fault))])
                break
            }
            #expect(actions == [.wake(atNanoseconds: 1_000_000)])
            #expect(machine.wake(now: 1_000_000) == [.send(sequence: 0)])
        }
        for _ in 1...20 {
            _ = machine.refused(1, self.fault, isPermanent: false, retryAfterMilliseconds: nil, now: 0, jitter: 1)
            #expect(machine.wake(now: 1_000_000) == [.send(sequence: 1)])
        }
    }

    @Test("finds exactly the batches that are too large, among any others")
    func findsCulprits() {
        var random = SeededGenerator.ofRun()
        for _ in 0..<50 {
            let count = Int.random(in: 1...60, using: &random)
            let culprits = Set((0..<Int64(count)).filter { _ in random.oneIn(5) })
            var machine = self.machine(window: Int.random(in: 1...8, using: &random), batches: count, maxAttempts: 1)
            var failed: Set<Int64> = []
            var succeeded: Set<Int64> = []
            var inFlight: [Int64] = []
            var actions = self.reopen(&machine)
            var steps = 0
            while !machine.isIdle || !actions.isEmpty, steps < 10_000 {
                steps += 1
                for action in actions {
                    switch action {
                    case .send(let sequence): inFlight.append(sequence)
                    case .complete(let sequence, .success): succeeded.insert(sequence)
                    case .complete(let sequence, .failure): failed.insert(sequence)
                    default: break
                    }
                }
                // The collector reads in order and answers what it has read in any order, or not at all.
                if inFlight.isEmpty {
                    actions = self.reopen(&machine)
                } else if culprits.contains(inFlight[0]) || (random.oneIn(3) && !culprits.isDisjoint(with: inFlight)) {
                    inFlight = []
                    actions = self.endForBatch(&machine)
                } else {
                    let readable = inFlight.prefix { !culprits.contains($0) }
                    let index = Int.random(in: 0..<readable.count, using: &random)
                    actions = machine.accepted(inFlight.remove(at: index), self.verdict, now: 0)
                }
            }
            #expect(failed == culprits)
            #expect(succeeded == Set(0..<Int64(count)).subtracting(culprits))
        }
    }
}
