import NIOCore
import Testing

@testable import DocketTransport

@Suite("The life of a connection")
struct ConnectionLifeTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private func life(jitter: Double = 0, _ adjust: (inout ConnectionLifeLimits) -> Void = { _ in }) -> ConnectionLife {
        var limits = ConnectionLifeLimits()
        limits.keepaliveInterval = nil
        adjust(&limits)
        return ConnectionLife(limits: limits, now: self.start, jitter: jitter)
    }

    private func at(_ seconds: Int64) -> NIODeadline { self.start + .seconds(seconds) }

    @Test("with no limit has nothing to look for")
    func unlimited() {
        var life = self.life()
        #expect(life.nextLook == nil && life.look(at: self.at(1_000_000)) == nil)
    }

    @Test("asks a silent client whether it is there, and closes when it doesn't answer")
    func keepalive() {
        var life = self.life { $0.keepaliveInterval = .seconds(60) }
        #expect(life.nextLook == self.at(60) && life.look(at: self.at(59)) == nil)
        life.heard(at: self.at(30))
        #expect(life.nextLook == self.at(90) && life.look(at: self.at(90)) == .ping)
        #expect(life.nextLook == self.at(110) && life.look(at: self.at(109)) == nil)
        life.heard(at: self.at(109))
        #expect(life.look(at: self.at(110)) == nil && life.nextLook == self.at(169))
        #expect(life.look(at: self.at(169)) == .ping)
        #expect(life.look(at: self.at(189)) == .close(.keepalive))
    }

    @Test("overlooks two pings that come too soon, and not a third; what the client is sent wipes them out")
    func strikes() {
        var life = self.life()
        #expect([0, 10, 19, 28].map { life.pinged(at: self.at($0)) } == [nil, nil, nil, nil])
        #expect(life.pinged(at: self.at(37)) == .tooManyPings)
        life = self.life()
        #expect([0, 1, 2].map { life.pinged(at: self.at($0)) } == [nil, nil, nil])
        life.sent()
        #expect([3, 4, 5].map { life.pinged(at: self.at($0)) } == [nil, nil, nil])
        #expect(life.pinged(at: self.at(6)) == .tooManyPings)
    }

    @Test("ends gracefully when it has been without calls for long, and closes when the grace is over")
    func idle() {
        var life = self.life {
            $0.maxIdle = .seconds(100)
            $0.maxAgeGrace = .seconds(5)
        }
        life.changed(openCalls: 1, at: self.at(50))
        #expect(life.nextLook == nil)
        life.changed(openCalls: 0, at: self.at(60))
        life.changed(openCalls: 0, at: self.at(70))
        #expect(life.nextLook == self.at(160) && life.look(at: self.at(159)) == nil)
        #expect(life.look(at: self.at(160)) == .drain)
        #expect(life.nextLook == self.at(165) && life.look(at: self.at(165)) == .close(.grace))
    }

    @Test(
        "ends when it is old, whatever is under way, within a tenth of the age",
        arguments: [(-1.0, 90), (0, 100), (1, 110)])
    func age(jitter: Double, end: Int64) {
        var life = self.life(jitter: jitter) { $0.maxAge = .seconds(100) }
        life.changed(openCalls: 3, at: self.at(1))
        #expect(life.look(at: self.at(end) - .milliseconds(1)) == nil)
        #expect(life.look(at: self.at(end) + .milliseconds(1)) == .drain)
        #expect(life.look(at: self.at(end) + .milliseconds(2)) == nil, "once")
    }

    @Test("leaves an end that began for another reason alone")
    func otherEnd() {
        var life = self.life { $0.maxAge = .seconds(100) }
        life.drains()
        #expect(life.nextLook == nil && life.look(at: self.at(1_000)) == nil)
    }
}
