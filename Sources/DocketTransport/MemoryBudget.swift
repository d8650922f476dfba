import Synchronization

/// One budget, in bytes, for every message in flight.
///
/// A message reserves its whole size before its window opens. Who must wait, waits in a fair order among the owners (the
/// connections); see ``BudgetLedger``. A request of the whole limit gets through in the end.
package final class MemoryBudget: Sendable {
    /// Who takes a turn: a connection.
    package struct Owner: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    /// A request that waits.
    package struct Ticket: Sendable {
        fileprivate let request: BudgetLedger<Owner>.Request
    }

    /// What becomes of a request.
    package enum Answer: Sendable {
        /// The bytes are reserved.
        case granted(MessageReservation)
        /// The callback will bring the reservation, unless the ticket is cancelled.
        case waiting(Ticket)
        /// The request is over the limit of the whole budget and could never be granted.
        case overLimit
    }

    private struct State {
        var ledger: BudgetLedger<Owner>
        /// How to tell those who wait, by the number of their request.
        var granted: [UInt64: @Sendable (MessageReservation) -> Void] = [:]
        /// How to tell those who hold something without a reservation.
        var letGo: [Owner: @Sendable () -> Void] = [:]
    }

    /// The limit, in bytes.
    package let limitBytes: Int
    private let state: Mutex<State>
    private let nextOwner = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - limitBytes: all that may be held at once, in bytes; at least the largest message.
    ///   - unreservedLimitBytes: how much of that is set apart for what is held without a reservation; a quarter by default.
    package init(limitBytes: Int, unreservedLimitBytes: Int? = nil) {
        precondition(limitBytes > 0, "a memory budget of \(limitBytes) bytes can hold nothing")
        self.limitBytes = limitBytes
        let unreserved = unreservedLimitBytes ?? limitBytes / 4
        self.state = Mutex(State(ledger: BudgetLedger(limitBytes: limitBytes, unreservedLimitBytes: unreserved)))
    }

    /// What messages have reserved now, in bytes; over the limit while they have turned out larger than was reserved for them.
    package var reservedBytes: Int { self.state.withLock { $0.ledger.reservedBytes } }

    /// What is neither reserved nor held without a reservation now, in bytes; may be below 0.
    package var availableBytes: Int { self.state.withLock { $0.ledger.availableBytes } }

    /// Whether any request waits now.
    package var isContended: Bool { self.state.withLock { $0.ledger.isContended } }

    /// How many requests wait now.
    package var waitingCount: Int { self.state.withLock { $0.ledger.waitingCount } }

    /// A new owner. It needs no farewell: an owner that waits for nothing and holds nothing leaves no trace.
    package func makeOwner() -> Owner {
        Owner(number: self.nextOwner.wrappingAdd(1, ordering: .relaxed).newValue)
    }

    /// Reserves bytes, at once or later.
    ///
    /// - Parameters:
    ///   - bytes: how much; 0 is granted at once.
    ///   - owner: whose turn it costs.
    ///   - granted: called once, from any thread and without a lock held, when the answer was `waiting` and the ticket
    ///     wasn't cancelled in time. A reservation that comes too late is given back by dropping it.
    package func reserve(
        _ bytes: Int, owner: Owner, granted: @escaping @Sendable (MessageReservation) -> Void
    ) -> Answer {
        guard bytes <= self.limitBytes else { return .overLimit }
        let waiting = self.state.withLock { state in
            let request = state.ledger.reserve(bytes, owner: owner)
            if let request { state.granted[request.id] = granted }
            return request
        }
        if let waiting { return .waiting(Ticket(request: waiting)) }
        return .granted(MessageReservation(bytes: bytes, owner: owner, budget: self))
    }

    /// Counts bytes that are held without a reservation, such as the beginning of a message that waits for its own. They have
    /// come already. When all owners together hold more than is set apart for that, whoever holds most has to let go of half.
    ///
    /// - Parameters:
    ///   - bytes: what the owner holds from now on, in all; 0 is its farewell.
    ///   - letGo: called from any thread and without a lock held when it has become the owner's turn to let go.
    /// - Returns: `false` when it is its turn now: nothing is counted, and the caller has to let go and count again.
    package func hold(unreservedBytes bytes: Int, owner: Owner, letGo: @escaping @Sendable () -> Void) -> Bool {
        let (isCounted, told) = self.settle { state in
            let verdict = state.ledger.unreserved.hold(bytes, owner: owner)
            let told = verdict.letGo.compactMap { state.letGo[$0] }
            state.letGo[owner] = state.ledger.unreserved.knows(owner) ? letGo : nil
            return (verdict.isCounted, told)
        }
        for letGo in told { letGo() }
        return isCounted
    }

    /// Counts what an owner takes by being there, from now on; a negative number of bytes when it is no longer there.
    package func count(ownerBytes bytes: Int) { self.settle { $0.ledger.ownersBytes += bytes } }

    /// Gives a request up. Nothing happens when it has been granted already: then its callback has the reservation.
    package func cancel(_ ticket: Ticket) {
        self.settle { state in
            state.ledger.cancel(ticket.request)
            state.granted[ticket.request.id] = nil
        }
    }

    /// Gives bytes back, or takes more, where `bytes` is negative: nobody gets anything until that is made up for.
    fileprivate func giveBack(_ bytes: Int, owner: Owner) {
        self.settle { $0.ledger.giveBack(bytes, owner: owner) }
    }

    /// Changes the state, then grants whatever has become possible, callbacks outside of the lock.
    private func settle<Result: Sendable>(_ change: (inout State) -> Result) -> Result {
        let (result, due) = self.state.withLock { state in
            let result = change(&state)
            return (result, state.ledger.grantDue().map { ($0, state.granted.removeValue(forKey: $0.id)) })
        }
        for (request, granted) in due {
            let reservation = MessageReservation(bytes: request.bytes, owner: request.owner, budget: self)
            granted?(reservation)
        }
        return result
    }
}

/// Bytes of a ``MemoryBudget`` that are taken for one message.
///
/// Whoever keeps the message, or what was made of it, keeps this beside it. The bytes go back when it is released or
/// when its last reference goes, whichever is first: no path can leak them, not even one that forgets them.
package final class MessageReservation: Sendable {
    private let held: Atomic<Int>
    private let owner: MemoryBudget.Owner
    private let budget: MemoryBudget

    fileprivate init(bytes: Int, owner: MemoryBudget.Owner, budget: MemoryBudget) {
        self.held = Atomic(bytes)
        self.owner = owner
        self.budget = budget
    }

    deinit { self.release() }

    /// How much is held now, in bytes; 0 after the release.
    package var bytes: Int { self.held.load(ordering: .relaxed) }

    /// Gives everything back. May be called from any thread, and more than once.
    package func release() {
        let bytes = self.held.exchange(0, ordering: .relaxed)
        if bytes > 0 { self.budget.giveBack(bytes, owner: self.owner) }
    }

    /// Gives back what is held above `bytes`: the message turned out smaller than it might have been.
    package func shrink(toBytes bytes: Int) { self.change { min($0, bytes) } }

    /// Holds `bytes` from now on, more or less than before: so much has been made of the message. What is more is taken even
    /// when the budget hasn't got it, since the memory is taken already; then others wait the longer. Nothing happens after
    /// the release.
    package func resize(toBytes bytes: Int) { self.change { $0 == 0 ? 0 : max(1, bytes) } }

    private func change(_ size: (Int) -> Int) {
        var current = self.held.load(ordering: .relaxed)
        while true {
            let desired = size(current)
            precondition(desired >= 0, "a reservation can't be of \(desired) bytes")
            guard desired != current else { return }
            let (exchanged, original) = self.held.compareExchange(
                expected: current, desired: desired, ordering: .relaxed)
            if exchanged { return self.budget.giveBack(current - desired, owner: self.owner) }
            current = original
        }
    }
}
