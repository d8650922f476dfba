import DocketTestSupport
import Testing

@testable import DocketTransport

@Suite("What is held without a reservation")
struct UnreservedHoldingsTests {
    typealias Holdings = UnreservedHoldings<String>

    @Test("what fits is counted, and less than before always")
    func fits() {
        var holdings = Holdings(limitBytes: 100)
        #expect(holdings.hold(60, owner: "a") == .init(isCounted: true))
        #expect(holdings.hold(40, owner: "b") == .init(isCounted: true))
        #expect(holdings.hold(10, owner: "a") == .init(isCounted: true))
        #expect(holdings.totalBytes == 50)
        #expect(holdings.hold(0, owner: "b") == .init(isCounted: true))
        #expect(holdings.totalBytes == 10 && !holdings.knows("b") && holdings.knows("a"))
    }

    @Test("too much is the asking owner's to let go of when nobody else holds more")
    func ownTurn() {
        var holdings = Holdings(limitBytes: 100)
        _ = holdings.hold(40, owner: "a")
        #expect(holdings.hold(61, owner: "b") == .init(isCounted: false))
        #expect(holdings.totalBytes == 40 && !holdings.knows("b"))
        #expect(holdings.hold(30, owner: "b") == .init(isCounted: true))
        #expect(holdings.totalBytes == 70)
    }

    @Test("otherwise the largest lets go of half, then the next, each once until it has answered")
    func largest() {
        var holdings = Holdings(limitBytes: 100)
        _ = holdings.hold(60, owner: "a")
        _ = holdings.hold(40, owner: "b")
        #expect(holdings.hold(10, owner: "c") == .init(isCounted: true, letGo: ["a"]))
        #expect(holdings.hold(30, owner: "c") == .init(isCounted: true), "30 of 60 are on their way out")
        #expect(holdings.hold(35, owner: "c") == .init(isCounted: true, letGo: ["b"]))
        #expect(holdings.totalBytes == 135)
        #expect(holdings.hold(30, owner: "a") == .init(isCounted: true))
        #expect(holdings.hold(20, owner: "b") == .init(isCounted: true))
        #expect(holdings.totalBytes == 85)
        #expect(holdings.hold(51, owner: "c") == .init(isCounted: false), "nobody holds more than that")
    }

    @Test("whatever happens, the total is the sum, and at most the limit and what is on its way out")
    func bounded() {
        var random = SeededGenerator.ofRun()
        var holdings = Holdings(limitBytes: 1_000)
        var held: [String: Int] = [:]
        var leaving: Set<String> = []
        for _ in 0..<500 {
            let owner = leaving.randomElement(using: &random) ?? "\(Int.random(in: 0..<30, using: &random))"
            let isLeaving = leaving.remove(owner) != nil
            let bytes = isLeaving ? (held[owner] ?? 0) / 2 : Int.random(in: 0...300, using: &random)
            let verdict = holdings.hold(bytes, owner: owner)
            if verdict.isCounted { held[owner] = bytes }
            leaving.formUnion(verdict.letGo)
            #expect(holdings.totalBytes == held.values.reduce(0, +))
            let staying = held.map { leaving.contains($0.key) ? $0.value - $0.value / 2 : $0.value }.reduce(0, +)
            #expect(staying <= 1_000)
        }
    }
}
