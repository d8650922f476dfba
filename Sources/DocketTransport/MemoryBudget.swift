import NIOCore
import Synchronization

/// One budget, in bytes, for every message in flight.
///
/// A message reserves its whole size before its window opens. Who must wait, waits in a fair order: the owners (the
/// connections) take turns, and the requests of one owner keep their order. Nobody overtakes the request whose turn it
/// is, so a request of the whole limit gets through in the end: what is reserved can always finish without reserving
/// more.
package final class MemoryBudget: Sendable {
    /// Who takes a turn: a connection.
    package struct Owner: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    /// A request that waits.
    package struct Ticket: Hashable, Sendable {
        fileprivate let owner: Owner
        fileprivate let number: UInt64
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

    private struct Waiter {
        let number: UInt64
        let bytes: Int
        let granted: @Sendable (MessageReservation) -> Void
    }

    private struct State {
        let limitBytes: Int
        /// May be over the limit while messages have turned out larger than was reserved for them.
        var reservedBytes = 0
        /// What is held without a reservation.
        var unreservedBytes = 0
        var availableBytes: Int { self.limitBytes - self.reservedBytes - self.unreservedBytes }
        var nextNumber: UInt64 = 0
        /// The waiters of each owner that has any, oldest first.
        var waiters: [Owner: CircularBuffer<Waiter>] = [:]
        /// The owners that have waiters, in the order of their turns.
        var turns = CircularBuffer<Owner>()

        /// What is held without a reservation belongs to messages that wait for one, and goes only when they get it: so it
        /// may not keep the last one from getting it.
        func hasRoom(for bytes: Int) -> Bool { bytes <= self.availableBytes || self.reservedBytes == 0 }
    }

    /// The limit, in bytes.
    package let limitBytes: Int
    private let state: Mutex<State>
    private let nextOwner = Atomic<UInt64>(0)

    /// - Parameter limitBytes: all that may be reserved at once, in bytes; at least the largest message.
    package init(limitBytes: Int) {
        precondition(limitBytes > 0, "a memory budget of \(limitBytes) bytes can hold nothing")
        self.limitBytes = limitBytes
        self.state = Mutex(State(limitBytes: limitBytes))
    }

    /// What messages have reserved now, in bytes; over the limit while they have turned out larger than was reserved for them.
    package var reservedBytes: Int { self.state.withLock { $0.reservedBytes } }

    /// What is neither reserved nor held without a reservation now, in bytes; may be below 0.
    package var availableBytes: Int { self.state.withLock { $0.availableBytes } }

    /// How many requests wait now.
    package var waitingCount: Int { self.state.withLock { $0.waiters.values.reduce(0) { $0 + $1.count } } }

    /// A new owner. It needs no farewell: an owner without waiters leaves no trace.
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
        let ticket: Ticket? = self.state.withLock { state in
            if state.turns.isEmpty, state.hasRoom(for: bytes) {
                state.reservedBytes += bytes
                return nil
            }
            state.nextNumber += 1
            let waiter = Waiter(number: state.nextNumber, bytes: bytes, granted: granted)
            if state.waiters[owner]?.append(waiter) == nil {
                state.waiters[owner] = [waiter]
                state.turns.append(owner)
            }
            return Ticket(owner: owner, number: waiter.number)
        }
        return ticket.map { .waiting($0) } ?? .granted(MessageReservation(bytes: bytes, budget: self))
    }

    /// Counts bytes that are held without a reservation, such as the beginning of a message that waits for its own: at most a
    /// quarter of the budget. They have come already, so they may overdraw it.
    ///
    /// - Parameter bytes: how much more, or less where it is negative, is held than at the last call.
    /// - Returns: `false` when that is too much: nothing is counted, and the caller has to let go of something.
    package func hold(unreservedBytes bytes: Int) -> Bool {
        if bytes <= 0 {
            if bytes < 0 { self.settle { $0.unreservedBytes += bytes } }
            return true
        }
        return self.state.withLock { state in
            guard state.unreservedBytes + bytes <= self.limitBytes / 4 else { return false }
            state.unreservedBytes += bytes
            return true
        }
    }

    /// Gives a request up. Nothing happens when it has been granted already: then its callback has the reservation.
    package func cancel(_ ticket: Ticket) {
        self.settle { state in
            guard let index = state.waiters[ticket.owner]?.firstIndex(where: { $0.number == ticket.number }) else {
                return
            }
            state.waiters[ticket.owner]?.remove(at: index)
            if state.waiters[ticket.owner]?.isEmpty == true {
                state.waiters[ticket.owner] = nil
                state.turns.removeAll { $0 == ticket.owner }
            }
        }
    }

    /// Gives bytes back, or takes more, where `bytes` is negative: nobody gets anything until that is made up for.
    fileprivate func giveBack(_ bytes: Int) {
        self.settle { $0.reservedBytes -= bytes }
    }

    /// Changes the state, then grants whatever has become possible, callbacks outside of the lock.
    private func settle(_ change: (inout State) -> Void) {
        let due = self.state.withLock { state -> [Waiter] in
            change(&state)
            var due: [Waiter] = []
            while let owner = state.turns.first, let waiter = state.waiters[owner]?.first,
                state.hasRoom(for: waiter.bytes)
            {
                state.reservedBytes += waiter.bytes
                due.append(waiter)
                state.waiters[owner]?.removeFirst()
                state.turns.removeFirst()
                if state.waiters[owner]?.isEmpty == false {
                    state.turns.append(owner)
                } else {
                    state.waiters[owner] = nil
                }
            }
            return due
        }
        for waiter in due { waiter.granted(MessageReservation(bytes: waiter.bytes, budget: self)) }
    }
}

/// Bytes of a ``MemoryBudget`` that are taken for one message.
///
/// Whoever keeps the message, or what was made of it, keeps this beside it. The bytes go back when it is released or
/// when its last reference goes, whichever is first: no path can leak them, not even one that forgets them.
package final class MessageReservation: Sendable {
    private let held: Atomic<Int>
    private let budget: MemoryBudget

    fileprivate init(bytes: Int, budget: MemoryBudget) {
        self.held = Atomic(bytes)
        self.budget = budget
    }

    deinit { self.release() }

    /// How much is held now, in bytes; 0 after the release.
    package var bytes: Int { self.held.load(ordering: .relaxed) }

    /// Gives everything back. May be called from any thread, and more than once.
    package func release() {
        let bytes = self.held.exchange(0, ordering: .relaxed)
        if bytes > 0 { self.budget.giveBack(bytes) }
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
            if exchanged { return self.budget.giveBack(current - desired) }
            current = original
        }
    }
}
