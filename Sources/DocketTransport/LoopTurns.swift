import NIOCore

/// Shares an event loop among the connections that have sent more than a turn can take, so that nobody else has to wait until all
/// of that is done. Confined to its event loop.
final class LoopTurns {
    /// How long a connection may take of what a read has brought, at once.
    static let turn = TimeAmount.microseconds(250)
    /// How long all those that wait may take before the loop looks at its sockets again.
    private static let round = TimeAmount.milliseconds(1)
    /// How long the loop then has for that. It runs whatever is due before it looks at any socket, so the next round has to be due
    /// later than now.
    private static let pause = TimeAmount.microseconds(20)
    /// What may wait, in bytes. Beyond that connections take what they get at once: memory is dearer than patience.
    private static let maxWaitingBytes = 4 << 20

    private let eventLoop: any EventLoop
    private var waiting = CircularBuffer<ServerConnectionContext>()
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
    func add(_ connection: ServerConnectionContext) {
        self.waiting.append(connection)
        self.schedule()
    }

    private func schedule() {
        guard !self.isScheduled else { return }
        self.isScheduled = true
        self.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { self.runRound() }
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
