import DocketTestSupport
import Testing

@testable import DocketTransport

/// A ledger that expectations can change.
private final class Ledger {
    typealias Value = BudgetLedger<String>
    private var value: Value

    init(limitBytes: Int) { self.value = Value(limitBytes: limitBytes, unreservedLimitBytes: 0) }

    var limitBytes: Int { self.value.limitBytes }
    var reservedBytes: Int { self.value.reservedBytes }
    var availableBytes: Int { self.value.availableBytes }
    var isContended: Bool { self.value.isContended }
    var waitingCount: Int { self.value.waitingCount }

    func reserve(_ bytes: Int, owner: String) -> Value.Request? { self.value.reserve(bytes, owner: owner) }
    func count(ownersBytes: Int) { self.value.ownersBytes += ownersBytes }
    func cancel(_ request: Value.Request) { self.value.cancel(request) }
    func giveBack(_ bytes: Int, owner: String) { self.value.giveBack(bytes, owner: owner) }
    func grantDue() -> [Value.Request] { self.value.grantDue() }
}

@Suite("The ledger of a memory budget")
struct BudgetLedgerTests {
    /// How many requests of that size an owner is granted before it has to wait.
    fileprivate func most(_ ledger: Ledger, _ bytes: Int, owner: String) -> Int {
        var count = 0
        while ledger.reserve(bytes, owner: owner) == nil { count += 1 }
        return count
    }

    @Test("one owner gets half, and those that come after it half of what is left", arguments: [1, 7])
    func shares(bytes: Int) {
        let ledger = Ledger(limitBytes: 1_600 * bytes)
        #expect(self.most(ledger, bytes, owner: "a") == 800)
        #expect(self.most(ledger, bytes, owner: "b") == 400)
        #expect(self.most(ledger, bytes, owner: "c") == 200)
        #expect(ledger.waitingCount == 3 && ledger.availableBytes == 200 * bytes)
    }

    @Test("owners that ask by turns get the same, and leave as much free")
    func equalShares() {
        let ledger = Ledger(limitBytes: 1_000)
        var granted: [String: Int] = [:]
        for _ in 0..<1_000 {
            for owner in ["a", "b", "c", "d"] where ledger.reserve(1, owner: owner) == nil {
                granted[owner, default: 0] += 1
            }
        }
        #expect(granted == ["a": 200, "b": 200, "c": 200, "d": 200] && ledger.availableBytes == 200)
    }

    @Test("what owners take by being there isn't shared, but a quarter always is")
    func owners() throws {
        let ledger = Ledger(limitBytes: 1_600)
        ledger.count(ownersBytes: 400)
        #expect(self.most(ledger, 1, owner: "a") == 600)
        let (large, small) = (Ledger(limitBytes: 1_600), Ledger(limitBytes: 1_600))
        large.count(ownersBytes: 100_000)
        #expect(self.most(large, 1, owner: "a") == 200)
        small.count(ownersBytes: 1_600)
        #expect(small.reserve(200, owner: "a") == nil)
        let waiting = try #require(small.reserve(200, owner: "a"))
        #expect(small.grantDue().isEmpty)
        small.count(ownersBytes: -1_600)
        #expect(small.grantDue() == [waiting], "they are gone")
    }

    @Test("who comes new overtakes a request that would leave too little, until a whole budget has gone past it")
    func overtaking() throws {
        let ledger = Ledger(limitBytes: 100)
        #expect(ledger.reserve(50, owner: "greedy") == nil)
        let waiting = try #require(ledger.reserve(30, owner: "greedy"))
        for _ in 0..<10 {
            #expect(ledger.grantDue().isEmpty)
            #expect(ledger.reserve(10, owner: "modest") == nil)
            ledger.giveBack(10, owner: "modest")
        }
        let late = try #require(ledger.reserve(25, owner: "modest"), "the greedy one is due by now")
        #expect(ledger.grantDue() == [waiting], "it need only fit")
        #expect(ledger.availableBytes == 20)
        ledger.giveBack(50, owner: "greedy")
        #expect(ledger.grantDue() == [late])
    }

    @Test("of those that wait, the first by turn gets what is fair to it")
    func byTurn() throws {
        let ledger = Ledger(limitBytes: 100)
        #expect(ledger.reserve(40, owner: "x") == nil && ledger.reserve(20, owner: "y") == nil)
        let a = try #require(ledger.reserve(30, owner: "a"))
        let b = try #require(ledger.reserve(24, owner: "b"))
        let c = try #require(ledger.reserve(23, owner: "c"))
        #expect(ledger.grantDue().isEmpty)
        ledger.giveBack(10, owner: "y")
        #expect(ledger.grantDue() == [b])
        ledger.giveBack(40, owner: "x")
        #expect(ledger.grantDue() == [a])
        ledger.cancel(c)
        #expect(!ledger.isContended && ledger.availableBytes == 36)
    }

    @Test("a request that is given up no longer stands in the way of others")
    func cancelled() throws {
        let ledger = Ledger(limitBytes: 100)
        #expect(ledger.reserve(40, owner: "a") == nil)
        let large = try #require(ledger.reserve(80, owner: "a"))
        let small = try #require(ledger.reserve(10, owner: "b"), "more than half is due at once")
        ledger.cancel(large)
        #expect(ledger.grantDue() == [small])
    }

    @Test("whatever is asked for, all that is granted fits, and everything is granted in the end")
    func random() {
        var random = SeededGenerator.ofRun()
        for _ in 0..<50 {
            let ledger = Ledger(limitBytes: Int.random(in: 1...1_000, using: &random))
            var held: [(owner: String, bytes: Int)] = []
            var (asked, granted) = (0, 0)
            for step in 0..<1_000 {
                if step.isMultiple(of: 100) { ledger.count(ownersBytes: step < 500 ? ledger.limitBytes / 10 : -1) }
                let owner = "\(Int.random(in: 0..<6, using: &random))"
                if step < 500, Bool.random(using: &random) {
                    asked += 1
                    let bytes = Int.random(in: 1...ledger.limitBytes, using: &random)
                    if ledger.reserve(bytes, owner: owner) == nil {
                        granted += 1
                        held.append((owner, bytes))
                    }
                } else if !held.isEmpty {
                    let (owner, bytes) = held.remove(at: Int.random(in: 0..<held.count, using: &random))
                    ledger.giveBack(bytes, owner: owner)
                }
                let due = ledger.grantDue()
                granted += due.count
                held += due.map { ($0.owner, $0.bytes) }
                #expect(ledger.reservedBytes == held.reduce(0) { $0 + $1.bytes } && ledger.availableBytes >= 0)
            }
            #expect(granted == asked && !ledger.isContended && ledger.reservedBytes == 0)
        }
    }
}
