import Testing

@testable import DocketCollector

@Suite("The verdict on health")
struct HealthVerdictTests {
    private let start = ContinuousClock.now

    @Test("is given with the first look, and then when it changes")
    func changes() {
        var verdict = HealthVerdict(unavailableAfter: .seconds(15), at: self.start)
        #expect(verdict.look(isFaulty: false, at: self.start) == true)
        #expect(verdict.look(isFaulty: false, at: self.start + .seconds(1)) == nil)
    }

    @Test("turns only when a fault has lasted, and back with the first good look")
    func patience() {
        var verdict = HealthVerdict(unavailableAfter: .seconds(15), at: self.start)
        _ = verdict.look(isFaulty: false, at: self.start)
        #expect(verdict.look(isFaulty: true, at: self.start + .seconds(14)) == nil)
        #expect(verdict.look(isFaulty: true, at: self.start + .seconds(15)) == false)
        #expect(verdict.look(isFaulty: true, at: self.start + .seconds(60)) == nil)
        #expect(verdict.look(isFaulty: false, at: self.start + .seconds(61)) == true)
        #expect(verdict.look(isFaulty: true, at: self.start + .seconds(62)) == nil)
    }

    @Test("without patience turns at once")
    func impatience() {
        var verdict = HealthVerdict(unavailableAfter: .zero, at: self.start)
        #expect(verdict.look(isFaulty: false, at: self.start) == true)
        #expect(verdict.look(isFaulty: true, at: self.start) == false)
    }
}
