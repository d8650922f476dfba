import NIOCore

/// Calls of connections that end: nobody gets their answers any more. A few of each connection are told at once, the others when the
/// event loop has the leisure; however many connections that are, the loop's other leisure waits for one slice at a time.
///
/// Confined to its event loop.
final class OrphanedCalls: TurnTaking {
    /// How many are told at once.
    fileprivate static let maxCallsPerTurn = 32

    private let leisure: LoopLeisure
    private var isTakingTurns = false
    private var waiting = CircularBuffer<(connection: ServerConnectionContext, calls: ArraySlice<ServerCallContext>)>()

    init(leisure: LoopLeisure) { self.leisure = leisure }

    fileprivate func add(_ calls: ArraySlice<ServerCallContext>, of connection: ServerConnectionContext) {
        self.waiting.append((connection, calls))
        guard !self.isTakingTurns else { return }
        self.isTakingTurns = true
        self.leisure.add(self)
    }

    func takeTurn() -> Bool {
        if let (connection, calls) = self.waiting.popFirst() {
            if calls.count > Self.maxCallsPerTurn {
                self.waiting.prepend((connection, calls.dropFirst(Self.maxCallsPerTurn)))
            }
            connection.tellOrphans(calls.prefix(Self.maxCallsPerTurn))
        }
        self.isTakingTurns = !self.waiting.isEmpty
        return self.isTakingTurns
    }
}

extension ServerConnectionContext {
    /// Ends all calls.
    func orphanCalls() {
        guard !self.calls.isEmpty else { return }
        let orphans = Array(self.calls.values)
        self.calls = [:]
        self.orphanCount += orphans.count
        self.tellOrphans(orphans.prefix(OrphanedCalls.maxCallsPerTurn))
        guard orphans.count > OrphanedCalls.maxCallsPerTurn else { return }
        let leisure = self.leisure
        self.loopStorage.object(OrphanedCalls.self, make: { OrphanedCalls(leisure: leisure) })
            .add(orphans.dropFirst(OrphanedCalls.maxCallsPerTurn), of: self)
    }

    fileprivate func tellOrphans(_ calls: ArraySlice<ServerCallContext>) {
        for call in calls { self.end(call) }
        self.orphanCount -= calls.count
        self.forgetUnreservedIfOver()
    }

    /// The connection is gone, and all its calls know: it holds nothing any more.
    func forgetUnreservedIfOver() {
        if self.phase == .closed, self.orphanCount == 0 { self.forgetUnreserved() }
    }
}
