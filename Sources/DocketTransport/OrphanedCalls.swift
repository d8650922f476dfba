import NIOCore

/// Calls of a connection that ends: nobody gets their answers any more. A few are told at once, the others when the event loop has
/// the leisure.
final class OrphanedCalls: TurnTaking {
    /// How many are told at once.
    private static let slice = 32

    private let connection: ServerConnectionContext
    private var calls: [ServerCallContext]

    init(_ calls: [ServerCallContext], of connection: ServerConnectionContext) {
        self.calls = calls
        self.connection = connection
        connection.orphanCount += calls.count
    }

    func takeTurn() -> Bool {
        let told = self.calls.suffix(Self.slice)
        for call in told { self.connection.end(call) }
        self.calls.removeLast(told.count)
        self.connection.orphanCount -= told.count
        self.connection.forgetUnreservedIfOver()
        return !self.calls.isEmpty
    }
}

extension ServerConnectionContext {
    /// Ends all calls.
    func orphanCalls() {
        guard !self.calls.isEmpty else { return }
        let orphans = OrphanedCalls(Array(self.calls.values), of: self)
        self.calls = [:]
        if orphans.takeTurn() { self.leisure.add(orphans) }
    }

    /// The connection is gone, and all its calls know: it holds nothing any more.
    func forgetUnreservedIfOver() {
        if self.phase == .closed, self.orphanCount == 0 { self.forgetUnreserved() }
    }
}
