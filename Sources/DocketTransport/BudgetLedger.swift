import NIOCore

/// Who holds how much of a memory budget, who waits for it, and who is next. A pure value.
///
/// - A part of the budget is set apart for what is held without a reservation, another for what its owners take by being there;
///   the rest is to be shared.
/// - A grant leaves at least as much of that free as its owner then holds. So one owner gets half of it at most, two a third
///   each, and there is always something left for one who comes new.
/// - Who must wait, waits in turn: the owners one after the other, and the requests of one owner in their order.
/// - Others may overtake the request whose turn it is as long as that would leave too little free, until a whole budget has gone
///   past it. From then on it is due: nobody overtakes it, and it need only fit. So is a request of more than half of what is to
///   be shared, at once. Thus every request gets through in the end: what is granted can always finish without more.
struct BudgetLedger<Owner: Hashable & Sendable> {
    struct Request: Equatable, Identifiable, Sendable {
        let owner: Owner
        /// Ascending.
        let id: UInt64
        let bytes: Int
    }

    /// What all may hold together, in bytes.
    let limitBytes: Int
    /// What is to be shared where there are no owners, in bytes.
    private let mostSharedBytes: Int
    /// What the owners take by being there, in bytes. So much less is to be shared, but always a quarter.
    var ownersBytes = 0
    /// May be over the limit while messages have turned out larger than was reserved for them.
    private(set) var reservedBytes = 0
    /// What is held without a reservation.
    var unreserved: UnreservedHoldings<Owner>
    private var reserved: [Owner: Int] = [:]
    private var lastID: UInt64 = 0
    /// The requests of each owner that waits, oldest first.
    private var waiting: [Owner: CancellableQueue<Request>] = [:]
    /// The owners that wait, in the order of their turns.
    private var turns = CircularBuffer<Owner>()
    /// What has been granted past the request whose turn it is, in bytes.
    private var overtakenBytes = 0

    /// - Parameters:
    ///   - limitBytes: what all may hold together, in bytes.
    ///   - unreservedLimitBytes: how much of that is set apart for what is held without a reservation.
    init(limitBytes: Int, unreservedLimitBytes: Int) {
        self.limitBytes = limitBytes
        self.mostSharedBytes = limitBytes - unreservedLimitBytes
        self.unreserved = UnreservedHoldings(limitBytes: unreservedLimitBytes)
    }

    /// What is neither reserved nor held without a reservation, in bytes; may be below 0.
    var availableBytes: Int { self.limitBytes - self.reservedBytes - self.unreserved.totalBytes }

    /// Whether any request waits.
    var isContended: Bool { !self.turns.isEmpty }

    /// How many requests wait.
    var waitingCount: Int { self.waiting.values.reduce(0) { $0 + $1.count } }

    // MARK: Requests

    /// Asks for bytes, of the limit at most; none are always granted.
    ///
    /// - Returns: the request when it has to wait; `nil` when the bytes are reserved.
    mutating func reserve(_ bytes: Int, owner: Owner) -> Request? {
        guard bytes > 0 else { return nil }
        self.lastID += 1
        let request = Request(owner: owner, id: self.lastID, bytes: bytes)
        if let first = self.first {
            if self.waiting[owner] == nil, !self.isDue(first), self.isFair(request) {
                self.overtakenBytes += bytes
                self.grant(request)
                return nil
            }
        } else if self.mayTakeItsTurn(request) {
            self.grant(request)
            return nil
        }
        self.waiting[owner, default: CancellableQueue()].append(request)
        if self.waiting[owner]?.count == 1 { self.turns.append(owner) }
        return request
    }

    /// Gives a request up that waits; another is left alone.
    mutating func cancel(_ request: Request) {
        let wasFirst = request == self.first
        guard self.waiting[request.owner]?.cancel(request.id) == true else { return }
        if wasFirst { self.overtakenBytes = 0 }
        if self.waiting[request.owner]?.isEmpty == true {
            self.waiting[request.owner] = nil
            self.turns.removeAll { $0 == request.owner }
        }
    }

    /// Gives bytes back; takes more, even if there are none, where `bytes` is negative.
    mutating func giveBack(_ bytes: Int, owner: Owner) {
        self.reservedBytes -= bytes
        let left = self.reserved[owner, default: 0] - bytes
        self.reserved[owner] = left > 0 ? left : nil
    }

    /// Grants what has become possible, oldest turn first. To be called after every change.
    mutating func grantDue() -> [Request] {
        var granted: [Request] = []
        while let first = self.first {
            if self.mayTakeItsTurn(first) {
                self.overtakenBytes = 0
                if let request = self.grantTurn(at: self.turns.startIndex) { granted.append(request) }
            } else if !self.isDue(first),
                let index = self.turns.indices.dropFirst().first(where: { self.isFair(at: $0) }),
                let request = self.grantTurn(at: index)
            {
                self.overtakenBytes += request.bytes
                granted.append(request)
            } else {
                break
            }
        }
        return granted
    }

    // MARK: Rules

    /// What is to be shared, in bytes.
    private var sharedBytes: Int { max(self.mostSharedBytes / 4, self.mostSharedBytes - self.ownersBytes) }

    /// The request whose turn it is.
    private var first: Request? { self.turns.first.flatMap { self.waiting[$0]?.first } }

    private func isDue(_ request: Request) -> Bool {
        self.overtakenBytes >= self.limitBytes || 2 * request.bytes > self.sharedBytes
    }

    /// Whether it leaves as much as its owner then holds.
    private func isFair(_ request: Request) -> Bool {
        self.reserved[request.owner, default: 0] + 2 * request.bytes <= self.sharedBytes - self.reservedBytes
    }

    private func isFair(at index: CircularBuffer<Owner>.Index) -> Bool {
        self.waiting[self.turns[index]]?.first.map { self.isFair($0) } ?? false
    }

    /// Of what is held without a reservation much belongs to messages that wait for one, and goes only when they get it: so it
    /// may not keep the last one from getting it.
    private func mayTakeItsTurn(_ request: Request) -> Bool {
        if self.reservedBytes == 0 { return true }
        return self.isFair(request) || (self.isDue(request) && request.bytes <= self.availableBytes)
    }

    private mutating func grant(_ request: Request) {
        self.reservedBytes += request.bytes
        self.reserved[request.owner, default: 0] += request.bytes
    }

    /// Grants the first request of an owner, which goes to the end of the turns if it has more.
    private mutating func grantTurn(at index: CircularBuffer<Owner>.Index) -> Request? {
        let owner = self.turns.remove(at: index)
        guard let request = self.waiting[owner]?.popFirst() else { return nil }
        if self.waiting[owner]?.isEmpty == true {
            self.waiting[owner] = nil
        } else {
            self.turns.append(owner)
        }
        self.grant(request)
        return request
    }
}
