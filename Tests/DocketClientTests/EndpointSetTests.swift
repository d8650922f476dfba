import DocketTestSupport
import Testing

@testable import DocketClient

@Suite("The set of endpoints")
struct EndpointSetTests {
    private func set(_ endpoints: [String], offset: Int = 0) -> EndpointSet<String> {
        var policy = PublishMachine.RetryPolicy()
        policy.initialBackoffMilliseconds = 100
        policy.maxBackoffMilliseconds = 400
        return EndpointSet(endpoints, offset: offset, policy: policy)
    }

    private func millisecond(_ count: Int64) -> Int64 { count * 1_000_000 }

    @Test("begins anywhere, and stays as long as all is well")
    func stays() {
        for offset in 0..<6 {
            var set = self.set(["a", "b", "c"], offset: offset)
            let first = set.choose(now: 0)
            #expect(first == ["a", "b", "c"][offset % 3])
            #expect(set.choose(now: 1) == first)
        }
    }

    @Test("goes on to the next one at a failure, and comes back when the others fail and its pause is over")
    func failover() {
        var set = self.set(["a", "b"])
        set.failed("a", now: 0, jitter: 1)
        #expect(set.hasAlternative(to: "a", now: 0))
        #expect(set.choose(now: 0) == "b")
        set.failed("b", now: self.millisecond(50), jitter: 1)
        #expect(!set.hasAlternative(to: "b", now: self.millisecond(50)))
        // Nobody is ready: the one that will be first.
        #expect(set.choose(now: self.millisecond(60)) == "a")
        #expect(set.choose(now: self.millisecond(100)) == "a")
        #expect(set.choose(now: self.millisecond(200)) == "a")
    }

    @Test("leaves an endpoint alone for longer with each failure in a row, up to the bound, until it takes something")
    func backoff() {
        var set = self.set(["a", "b"], offset: 1)
        var pauses: [Int64] = []
        for _ in 0..<4 {
            set.failed("a", now: 0, jitter: 1)
            pauses.append((0...500).first { set.hasAlternative(to: "b", now: self.millisecond($0)) } ?? -1)
        }
        #expect(pauses == [100, 200, 400, 400])
        set.succeeded("a")
        #expect(set.hasAlternative(to: "b", now: 0))
    }

    @Test("goes elsewhere after a leave (GOAWAY), where there is an elsewhere")
    func leave() {
        var set = self.set(["a", "b"])
        set.moveOn(from: "a")
        #expect(set.choose(now: 0) == "b")
        // Told twice, or too late.
        set.moveOn(from: "a")
        #expect(set.choose(now: 0) == "b")
        var single = self.set(["a"])
        single.moveOn(from: "a")
        #expect(single.choose(now: 0) == "a")
    }

    @Test("keeps what it knows of those that stay when names stand for others, and has none when there are none")
    func replaced() {
        var set = self.set(["a", "b"])
        set.failed("b", now: 0, jitter: 1)
        set.replace(["c", "b", "a"], offset: 0)
        #expect(set.choose(now: 0) == "a")
        set.failed("a", now: 0, jitter: 1)
        #expect(set.choose(now: 0) == "c")
        set.replace([], offset: 3)
        #expect(set.choose(now: 0) == nil)
        #expect(!set.hasAlternative(to: nil, now: 0))
        set.replace(["d"], offset: 7)
        #expect(set.choose(now: 0) == "d")
    }
}
