import NIOCore
import Testing

@testable import DocketTransport

@Suite("A peer's conduct")
struct PeerConductTests {
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    @Test("nothing is held against a peer that was never refused")
    func innocent() { #expect(!PeerConduct().isRefused(at: Self.start)) }

    @Test("one refusal counts for ten milliseconds")
    func one() {
        var conduct = PeerConduct()
        conduct.refused(at: Self.start)
        #expect(conduct.isRefused(at: Self.start + .milliseconds(9)))
        #expect(!conduct.isRefused(at: Self.start + .milliseconds(10)))
    }

    @Test("a refusal now and then is forgotten before the next one")
    func rare() {
        var conduct = PeerConduct()
        for number in 0..<100 {
            let now = Self.start + .milliseconds(11 * Int64(number))
            #expect(!conduct.isRefused(at: now))
            conduct.refused(at: now)
        }
    }

    @Test("a burst counts for as long as it has refusals, up to a second")
    func burst() {
        var conduct = PeerConduct()
        for _ in 0..<20 { conduct.refused(at: Self.start) }
        #expect(conduct.isRefused(at: Self.start + .milliseconds(199)))
        #expect(!conduct.isRefused(at: Self.start + .milliseconds(200)))
        for _ in 0..<10_000 { conduct.refused(at: Self.start) }
        #expect(conduct.isRefused(at: Self.start + .milliseconds(999)))
        #expect(!conduct.isRefused(at: Self.start + .seconds(1)))
    }
}
