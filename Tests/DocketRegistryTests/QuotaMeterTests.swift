import DocketTestSupport
import Testing

@testable import DocketRegistry

@Suite("A tenant's quota")
struct QuotaMeterTests {
    private static let second: Int64 = 1_000_000_000

    /// A meter that expectations can change.
    private final class Meter {
        private var value = QuotaMeter()
        private let quota: TenantQuota

        init(_ change: (inout TenantQuota) -> Void) {
            var quota = TenantQuota()
            change(&quota)
            self.quota = quota
        }

        func admit(
            events: Int64 = 1, bytes: Int64 = 100, at now: Int64, sinceEpoch: Int64 = 0
        ) -> QuotaMeter.Refusal? {
            self.value.admit(events: events, bytes: bytes, quota: self.quota, now: now, sinceEpoch: sinceEpoch)
        }

        func answered() { self.value.answered() }
    }

    @Test("without a limit everything is taken")
    func unlimited() {
        let meter = Meter { _ in }
        for _ in 0..<1_000 { #expect(meter.admit(events: 10_000, bytes: 4 << 20, at: 0) == nil) }
    }

    @Test("a burst passes, then one has to wait until the rate has made room")
    func burst() {
        let meter = Meter {
            $0.eventsPerSecond = 100
            $0.burstSeconds = 2
        }
        for _ in 0..<200 { #expect(meter.admit(at: 0) == nil) }
        let refusal = meter.admit(at: 0)
        #expect(refusal == .init(limit: .eventsPerSecond, value: 100, retryAfterNanoseconds: 1))
        #expect(meter.admit(at: 1) == nil, "that is when it says there is room")
        #expect(meter.admit(at: 1)?.retryAfterNanoseconds == Self.second / 100)
        #expect(meter.admit(at: 1 + Self.second / 100) == nil)
    }

    @Test("a batch of any size passes when there was little before it, and what follows waits for it")
    func large() {
        let meter = Meter { $0.bytesPerSecond = 1_000 }
        #expect(meter.admit(bytes: 60_000, at: 0) == nil)
        #expect(meter.admit(at: 0)?.retryAfterNanoseconds == 50 * Self.second + 1)
        #expect(meter.admit(at: 50 * Self.second + 1) == nil)
    }

    @Test("what is refused doesn't count, by whichever limit")
    func refusedIsFree() {
        let meter = Meter {
            $0.eventsPerSecond = 10
            $0.bytesPerSecond = 1_000
            $0.burstSeconds = 1
        }
        #expect(meter.admit(events: 10, bytes: 100, at: 0) == nil)
        for _ in 0..<100 { #expect(meter.admit(events: 10, bytes: 1_000, at: 0)?.limit == .eventsPerSecond) }
        #expect(meter.admit(events: 1, bytes: 900, at: Self.second) == nil)
    }

    @Test("batches in flight make room when they are answered")
    func inFlight() {
        let meter = Meter { $0.batchesInFlight = 2 }
        #expect(meter.admit(at: 0) == nil && meter.admit(at: 0) == nil)
        #expect(meter.admit(at: 0) == .init(limit: .batchesInFlight, value: 2, retryAfterNanoseconds: nil))
        meter.answered()
        #expect(meter.admit(at: 0) == nil)
    }

    @Test("a day's bytes are counted by UTC, and the next day begins with none")
    func day() {
        let meter = Meter { $0.bytesPerDay = 1_000 }
        let noon = 43_200 * Self.second
        #expect(meter.admit(bytes: 1_500, at: 0, sinceEpoch: noon) == nil)
        #expect(
            meter.admit(at: 0, sinceEpoch: noon)
                == .init(limit: .bytesPerDay, value: 1_000, retryAfterNanoseconds: noon))
        #expect(meter.admit(at: 0, sinceEpoch: 2 * noon) == nil)
    }

    @Test("over any time no more passes than the rate, the burst and one batch")
    func bounded() {
        var random = SeededGenerator.ofRun()
        for _ in 0..<50 {
            let (rate, burst) = (Int64.random(in: 1...5_000, using: &random), Int64.random(in: 1...5, using: &random))
            let meter = Meter {
                $0.eventsPerSecond = rate
                $0.burstSeconds = burst
            }
            var (now, passed): (Int64, Int64) = (0, 0)
            for _ in 0..<500 {
                now += Int64.random(in: 0...Self.second / 2, using: &random)
                let events = Int64.random(in: 1...1_000, using: &random)
                if meter.admit(events: events, at: now) == nil { passed += events }
                #expect(passed <= rate * burst + rate * now / Self.second + 1_000 + 1)
            }
            #expect(passed > 0)
        }
    }

    @Test("several collectors share a quota, and none is left without")
    func shared() {
        var quota = TenantQuota()
        quota.eventsPerSecond = 100
        quota.batchesInFlight = 2
        quota.bytesPerDay = 10
        let share = quota.share(ofCollectors: 3)
        #expect(share.eventsPerSecond == 33 && share.batchesInFlight == 1 && share.bytesPerDay == 10)
    }
}
