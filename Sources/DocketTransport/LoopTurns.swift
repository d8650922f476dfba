import NIOCore

/// What has more to do than an event loop should do at once. Confined to its event loop.
protocol TurnTaking: AnyObject {
    /// Does some of it, for ``LoopTurns/turn`` or little more; whether there is more.
    func takeTurn() -> Bool
}

/// Shares an event loop among the connections that have sent more than a turn can take, so that nobody else has to wait until all
/// of that is done. Confined to its event loop.
final class LoopTurns {
    /// How long a connection may take of what a read has brought, at once.
    static let turn = TimeAmount.microseconds(250)
    /// How long all those that wait may take before the loop looks at its sockets again.
    private static let round = TimeAmount.milliseconds(1)
    /// How long the loop then has for that, twice.
    private static let pause = TimeAmount.microseconds(20)
    /// What may wait, in bytes. Beyond that connections take what they get at once: memory is dearer than patience.
    private static let maxWaitingBytes = 4 << 20

    private let eventLoop: any EventLoop
    private var waiting = CircularBuffer<any TurnTaking>()
    private var isScheduled = false
    /// What waits, in bytes.
    private var waitingBytes = 0

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Whether more may wait.
    var hasRoom: Bool { self.waitingBytes < Self.maxWaitingBytes }

    /// Takes note of bytes that wait from now on, or don't any more where the count is negative.
    func changed(byBytes bytes: Int) { self.waitingBytes += bytes }

    /// Gives a connection its turns until it has taken all that waits for it.
    func add(_ connection: any TurnTaking) {
        self.waiting.append(connection)
        self.schedule()
    }

    private func schedule() {
        guard !self.isScheduled else { return }
        self.isScheduled = true
        // The loop runs whatever is due before it looks at any socket, so the next round has to be due later than now. Twice later:
        // what a round has posted to the loop, answers above all, takes longer than one pause, and the round would be due again
        // before the loop is through with that.
        let loop = self.eventLoop.assumeIsolated()
        loop.scheduleTask(in: Self.pause) { loop.scheduleTask(in: Self.pause) { self.runRound() } }
    }

    private func runRound() {
        self.isScheduled = false
        let end = NIODeadline.now() + Self.round
        repeat {
            guard let connection = self.waiting.popFirst() else { return }
            if connection.takeTurn() { self.waiting.append(connection) }
        } while NIODeadline.now() < end
        if !self.waiting.isEmpty { self.schedule() }
    }
}
