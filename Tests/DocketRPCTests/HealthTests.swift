import DocketMessages
import Testing

@testable import DocketRPC

@Suite("The ledger of health")
struct HealthLedgerTests {
    @Test("tells a watcher the state at once, and then each change of it, but nothing else")
    func watching() {
        var ledger = HealthLedger()
        #expect(ledger.set(.serving, for: ["", "a"]) == [])
        let (first, told) = ledger.watch("a")
        #expect(told == [.tell(first, .serving)])
        #expect(ledger.set(.serving, for: ["a"]) == [], "nothing has changed")
        #expect(ledger.set(.notServing, for: [""]) == [], "nobody watches that")
        let (second, _) = ledger.watch("a")
        #expect(ledger.set(.notServing, for: ["", "a"]) == [.tell(first, .notServing), .tell(second, .notServing)])
        ledger.forget(first)
        #expect(ledger.set(.serving, for: ["a"]) == [.tell(second, .serving)])
    }

    @Test("knows no state of a service that nobody has named; who watches it hears when there is one")
    func unknown() {
        var ledger = HealthLedger()
        #expect(ledger.status(of: "later") == nil)
        let (watcher, told) = ledger.watch("later")
        #expect(told == [.tell(watcher, .serviceUnknown)])
        #expect(ledger.set(.serving, for: ["later"]) == [.tell(watcher, .serving)])
        #expect(ledger.status(of: "later") == .serving)
    }

    @Test("serves nothing after the end, tells so, and ends whoever watches, now and later")
    func shutDown() {
        var ledger = HealthLedger()
        _ = ledger.set(.serving, for: ["a"])
        let (watcher, _) = ledger.watch("a")
        let (other, _) = ledger.watch("unknown")
        #expect(ledger.shutDown() == [.tell(watcher, .notServing), .end(watcher), .end(other)])
        #expect(ledger.set(.serving, for: ["a"]) == [] && ledger.status(of: "a") == .notServing)
        let (late, told) = ledger.watch("a")
        #expect(told == [.tell(late, .notServing), .end(late)])
        #expect(ledger.shutDown() == [])
    }
}
