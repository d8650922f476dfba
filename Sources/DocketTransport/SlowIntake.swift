import NIOCore

/// What takes its turns in a ``SlowIntake`` for as long as its bytes have time. Confined to its event loop.
protocol SlowTurnTaking: TurnTaking {
    /// Its bytes have time: its turns come here, and nowhere else.
    var isTakenSlowly: Bool { get }
    /// It is in the intake. Belongs to that.
    var isInSlowIntake: Bool { get set }
}

/// Connections whose bytes have time, taken when the event loop has the leisure: of peers that have sent much of messages for which there
/// is no memory yet, or that ask for what they are refused (``PeerConduct``). Whoever publishes meanwhile shouldn't notice. However
/// many connections that are, the loop's other leisure waits for one turn at a time.
///
/// Confined to its event loop.
final class SlowIntake: TurnTaking {
    private let leisure: LoopLeisure
    private var isTakingTurns = false
    private var waiting = CircularBuffer<any SlowTurnTaking>()

    init(leisure: LoopLeisure) { self.leisure = leisure }

    /// Gives a connection its turns until it has taken all that waits for it, or isn't slow any more.
    func add(_ connection: any SlowTurnTaking) {
        guard !connection.isInSlowIntake else { return }
        connection.isInSlowIntake = true
        self.waiting.append(connection)
        guard !self.isTakingTurns else { return }
        self.isTakingTurns = true
        self.leisure.add(self)
    }

    func takeTurn() -> Bool {
        if let connection = self.waiting.popFirst() {
            connection.isInSlowIntake = connection.isTakenSlowly && connection.takeTurn()
            if connection.isInSlowIntake { self.waiting.append(connection) }
        }
        self.isTakingTurns = !self.waiting.isEmpty
        return self.isTakingTurns
    }
}
