import Testing

@testable import DocketTransport

@Suite("The pace of a client's keepalive")
struct KeepalivePaceTests {
    @Test("a complaint doubles the interval, and several about the same one do so once")
    func doubling() {
        let pace = KeepalivePace(interval: .seconds(30))
        for _ in 0..<3 { pace.slowDown(from: .seconds(30)) }
        #expect(pace.interval == .seconds(60))
        pace.slowDown(from: .seconds(60))
        #expect(pace.interval == .seconds(120))
    }

    @Test("an hour is the longest")
    func longest() {
        let pace = KeepalivePace(interval: .seconds(3_000))
        pace.slowDown(from: pace.interval)
        #expect(pace.interval == .seconds(3_600))
        pace.slowDown(from: pace.interval)
        #expect(pace.interval == .seconds(3_600))
    }

    @Test("an interval that is longer at first stays as it is")
    func longer() {
        let pace = KeepalivePace(interval: .seconds(7_200))
        pace.slowDown(from: pace.interval)
        #expect(pace.interval == .seconds(7_200))
    }
}
