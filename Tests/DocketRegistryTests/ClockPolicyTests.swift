import DocketModel
import DocketRegistry
import Testing

@Suite("How far clocks may be apart")
struct ClockPolicyTests {
    private let received = Timestamp(microsecondsSinceEpoch: 1_000_000_000)

    @Test("five minutes ahead and any time behind, unless a tenant says otherwise")
    func defaults() {
        let times = ClockPolicy().times(at: self.received)
        #expect(times.upperBound == Timestamp(microsecondsSinceEpoch: 1_300_000_000))
        #expect(times.contains(.earliest) && !times.contains(.latest))
    }

    @Test("limits in seconds, from none to a hundred years, count on both sides")
    func limits() {
        var clock = ClockPolicy()
        (clock.maxAheadSeconds, clock.maxBehindSeconds) = (0, 1)
        #expect(clock.times(at: self.received) == Timestamp(microsecondsSinceEpoch: 999_000_000)...self.received)
        clock.maxAheadSeconds = nil
        #expect(clock.times(at: self.received).contains(.latest))
        (clock.maxAheadSeconds, clock.maxBehindSeconds) = (.max, .max)
        let all = clock.times(at: self.received)
        #expect(all.contains(.earliest) && all.contains(.latest), "nothing overflows")
        clock.maxAheadSeconds = ClockPolicy.seconds.upperBound
        #expect(clock.times(at: .latest).contains(.latest))
    }
}
