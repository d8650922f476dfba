import DocketTestSupport
import DocketTransport
import Foundation
import Synchronization
import Testing

/// What a test has been granted, by the order of the grants.
private final class Grants: Sendable {
    /// How often something has happened.
    final class Count: Sendable {
        private let count = Mutex(0)

        var value: Int { self.count.withLock { $0 } }

        func add() { self.count.withLock { $0 += 1 } }
    }

    private let state = Mutex<[(name: Int, reservation: MessageReservation)]>([])

    var names: [Int] { self.state.withLock { $0.map(\.name) } }

    func add(_ name: Int, _ reservation: MessageReservation) { self.state.withLock { $0.append((name, reservation)) } }

    /// Releases the grant of this name, and keeps the name.
    func release(_ name: Int) {
        self.state.withLock { $0.first { $0.name == name }?.reservation }?.release()
    }

    /// Releases the oldest grant.
    func releaseFirst() { self.takeFirst()?.release() }

    /// Gives the oldest grant away.
    func takeFirst() -> MessageReservation? {
        self.state.withLock { $0.isEmpty ? nil : $0.removeFirst() }?.reservation
    }
}

@Suite("The memory budget")
struct MemoryBudgetTests {
    /// Asks for bytes under a name; the ticket, when it has to wait.
    @discardableResult
    private func ask(
        _ budget: MemoryBudget, _ bytes: Int, _ owner: MemoryBudget.Owner, _ name: Int, _ grants: Grants
    ) -> MemoryBudget.Ticket? {
        switch budget.reserve(bytes, owner: owner, granted: { grants.add(name, $0) }) {
        case .granted(let reservation):
            grants.add(name, reservation)
            return nil
        case .waiting(let ticket):
            return ticket
        case .overLimit:
            Issue.record("\(bytes) bytes are over the limit")
            return nil
        }
    }

    private func hold(
        _ budget: MemoryBudget, _ bytes: Int, _ owner: MemoryBudget.Owner, _ told: Grants.Count = Grants.Count()
    ) -> Bool {
        budget.hold(unreservedBytes: bytes, owner: owner, letGo: { told.add() })
    }

    @Test("what fits is granted at once, and comes back by release, by shrinking and by dropping")
    func grantAndReturn() {
        let budget = MemoryBudget(limitBytes: 100, unreservedLimitBytes: 0)
        let owner = budget.makeOwner()
        guard case .granted(let first) = budget.reserve(60, owner: owner, granted: { _ in }) else {
            Issue.record("60 of 100 bytes must be granted")
            return
        }
        #expect(budget.availableBytes == 40)
        first.shrink(toBytes: 20)
        #expect(budget.availableBytes == 80 && first.bytes == 20)
        first.shrink(toBytes: 50)
        #expect(first.bytes == 20, "shrinking never grows")
        first.release()
        first.release()
        #expect(budget.availableBytes == 100, "a second release gives nothing back")
        do {
            let dropped = budget.reserve(100, owner: owner, granted: { _ in })
            #expect(budget.availableBytes == 0)
            _ = dropped
        }
        #expect(budget.availableBytes == 100)
    }

    @Test("what turns out larger than reserved is taken all the same, and others wait until that is made up for")
    func resizing() {
        let budget = MemoryBudget(limitBytes: 100, unreservedLimitBytes: 0)
        let (owner, other, grants) = (budget.makeOwner(), budget.makeOwner(), Grants())
        guard case .granted(let first) = budget.reserve(40, owner: owner, granted: { _ in }),
            case .granted(let second) = budget.reserve(20, owner: other, granted: { _ in })
        else {
            Issue.record("40 and 20 of 100 bytes must be granted")
            return
        }
        first.resize(toBytes: 90)
        #expect(budget.availableBytes == -10 && first.bytes == 90)
        #expect(self.ask(budget, 10, owner, 1, grants) != nil)
        second.resize(toBytes: 5)
        #expect(budget.availableBytes == 5 && grants.names.isEmpty)
        first.release()
        #expect(budget.availableBytes == 85 && grants.names == [1])
        first.resize(toBytes: 50)
        #expect(budget.availableBytes == 85 && first.bytes == 0, "what is released takes nothing any more")
        second.release()
    }

    @Test("what is held without a reservation overdraws the budget by a quarter at most, and comes back")
    func unreserved() {
        let budget = MemoryBudget(limitBytes: 100, unreservedLimitBytes: 20)
        let (owner, other, grants) = (budget.makeOwner(), budget.makeOwner(), Grants())
        self.ask(budget, 40, owner, 1, grants)
        #expect(self.hold(budget, 20, owner) && budget.availableBytes == 40)
        #expect(!self.hold(budget, 21, owner), "it holds most, so it is its turn")
        #expect(budget.availableBytes == 40, "refused means not counted")
        self.ask(budget, 20, other, 2, grants)
        #expect(grants.names == [1, 2] && budget.availableBytes == 20, "what is apart takes nothing from the rest")
        #expect(self.ask(budget, 41, other, 3, grants) != nil, "more than half of the rest need only fit")
        grants.release(1)
        #expect(grants.names == [1, 2, 3] && budget.availableBytes == 19)
        #expect(self.hold(budget, 0, owner) && budget.availableBytes == 39)
    }

    @Test("who holds most without a reservation is told to let go when another's few bytes are too many")
    func largestLetsGo() {
        let budget = MemoryBudget(limitBytes: 400)
        let (hoarder, modest, told) = (budget.makeOwner(), budget.makeOwner(), Grants.Count())
        #expect(self.hold(budget, 100, hoarder, told))
        #expect(self.hold(budget, 10, modest) && told.value == 1)
        #expect(budget.availableBytes == 290)
        #expect(self.hold(budget, 20, modest) && told.value == 1, "half of 100 is to go")
        #expect(self.hold(budget, 50, hoarder, told))
        #expect(budget.availableBytes == 330)
        #expect(self.hold(budget, 0, hoarder))
        #expect(self.hold(budget, 90, modest) && told.value == 1)
    }

    @Test("it is contended while somebody waits")
    func contended() {
        let budget = MemoryBudget(limitBytes: 100, unreservedLimitBytes: 0)
        let (owner, grants) = (budget.makeOwner(), Grants())
        self.ask(budget, 100, owner, 1, grants)
        #expect(!budget.isContended)
        self.ask(budget, 1, owner, 2, grants)
        #expect(budget.isContended)
        grants.release(1)
        #expect(!budget.isContended)
    }

    @Test("a message of the whole budget gets through though others that wait hold their beginnings")
    func wholeBudget() {
        let budget = MemoryBudget(limitBytes: 100)
        let (owner, grants) = (budget.makeOwner(), Grants())
        self.ask(budget, 10, owner, 1, grants)
        #expect(self.ask(budget, 100, owner, 2, grants) != nil)
        #expect(self.ask(budget, 100, owner, 3, grants) != nil)
        #expect(self.hold(budget, 20, owner))
        grants.release(1)
        #expect(grants.names == [1, 2])
        grants.release(2)
        #expect(grants.names == [1, 2, 3])
    }

    @Test("more than the whole budget is refused, the whole budget is not")
    func limits() {
        let budget = MemoryBudget(limitBytes: 100)
        let owner = budget.makeOwner()
        guard case .overLimit = budget.reserve(101, owner: owner, granted: { _ in }) else {
            Issue.record("101 of 100 bytes must be refused")
            return
        }
        let grants = Grants()
        #expect(self.ask(budget, 100, owner, 1, grants) == nil)
        #expect(grants.names == [1])
    }

    @Test("nobody overtakes a request of more than half of the budget, not even with a small one that would fit")
    func noOvertaking() {
        let budget = MemoryBudget(limitBytes: 100, unreservedLimitBytes: 0)
        let (a, b) = (budget.makeOwner(), budget.makeOwner())
        let grants = Grants()
        self.ask(budget, 50, a, 1, grants)
        #expect(self.ask(budget, 100, a, 2, grants) != nil)
        #expect(self.ask(budget, 1, b, 3, grants) != nil)
        #expect(grants.names == [1])
        grants.releaseFirst()
        #expect(grants.names == [2])
        grants.releaseFirst()
        #expect(grants.names == [3])
    }

    @Test("owners take turns: one with many requests doesn't starve one with few")
    func turns() {
        let budget = MemoryBudget(limitBytes: 10, unreservedLimitBytes: 0)
        let (greedy, modest) = (budget.makeOwner(), budget.makeOwner())
        let grants = Grants()
        for name in 0..<10 { self.ask(budget, 10, greedy, name, grants) }
        for name in 100..<102 { self.ask(budget, 10, modest, name, grants) }
        var order: [Int] = []
        while let name = grants.names.first {
            order.append(name)
            grants.releaseFirst()
        }
        #expect(order == [0, 1, 100, 2, 101, 3, 4, 5, 6, 7, 8, 9])
        #expect(budget.availableBytes == 10)
    }

    @Test("a cancelled request is never granted and lets the next one through")
    func cancellation() throws {
        let budget = MemoryBudget(limitBytes: 100, unreservedLimitBytes: 0)
        let (a, b) = (budget.makeOwner(), budget.makeOwner())
        let grants = Grants()
        self.ask(budget, 60, a, 1, grants)
        let large = try #require(self.ask(budget, 80, a, 2, grants))
        self.ask(budget, 20, b, 3, grants)
        #expect(budget.waitingCount == 2)
        budget.cancel(large)
        #expect(grants.names == [1, 3])
        budget.cancel(large)
        #expect(budget.waitingCount == 0 && budget.availableBytes == 20)
    }

    @Test("random traffic never exceeds the limit, grants everything in the end, and gives everything back")
    func random() {
        var random = SeededGenerator.ofRun("MemoryBudgetTests.random")
        for _ in 0..<50 {
            let limit = Int.random(in: 1...1_000, using: &random)
            let budget = MemoryBudget(limitBytes: limit)
            let owners = (0..<Int.random(in: 1...5, using: &random)).map { _ in budget.makeOwner() }
            let grants = Grants()
            var asked = 0
            var cancelled = 0
            var released = 0
            var tickets: [MemoryBudget.Ticket] = []
            for _ in 0..<500 {
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<5:
                    let owner = owners.randomElement(using: &random)!
                    if let ticket = self.ask(budget, Int.random(in: 0...limit, using: &random), owner, asked, grants) {
                        tickets.append(ticket)
                    }
                    asked += 1
                case 5 where !tickets.isEmpty:
                    let before = budget.waitingCount
                    let granted = grants.names.count
                    budget.cancel(tickets.remove(at: Int.random(in: 0..<tickets.count, using: &random)))
                    // One is gone and others may have been granted by that; or it had been granted before.
                    cancelled += before - budget.waitingCount - (grants.names.count - granted)
                default:
                    if !grants.names.isEmpty { released += 1 }
                    grants.releaseFirst()
                }
                #expect(budget.availableBytes >= 0 && budget.availableBytes <= limit)
            }
            while !grants.names.isEmpty {
                released += 1
                grants.releaseFirst()
            }
            #expect(budget.waitingCount == 0)
            #expect(budget.availableBytes == limit)
            #expect(released + cancelled == asked)
        }
    }

    @Test("threads that reserve and release at once lose no byte")
    func threads() async {
        let budget = MemoryBudget(limitBytes: 1_000)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let owner = budget.makeOwner()
                    // Hands them over: the thread sanitizer sees what a Mutex orders, and not what a continuation does.
                    let grants = Grants()
                    for index in 1...500 {
                        await withCheckedContinuation { continuation in
                            let answer = budget.reserve(index, owner: owner) {
                                grants.add(index, $0)
                                continuation.resume()
                            }
                            guard case .granted(let atOnce) = answer else { return }
                            grants.add(index, atOnce)
                            continuation.resume()
                        }
                        guard let reservation = grants.takeFirst() else {
                            Issue.record("\(index) bytes weren't granted")
                            return
                        }
                        reservation.shrink(toBytes: index / 2)
                        reservation.release()
                    }
                }
            }
        }
        #expect(budget.availableBytes == 1_000 && budget.waitingCount == 0)
    }
}
