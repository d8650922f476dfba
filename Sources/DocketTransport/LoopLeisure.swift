import NIOCore

/// What an event loop does by the way: connections that come and go, calls that nobody waits for any more. Thousands may come at
/// once, and whoever publishes meanwhile shouldn't notice, so they get a tenth of the loop's time. Confined to its event loop.
final class LoopLeisure {
    /// How long it may take at once, or as long as one of them takes.
    private static let slice = TimeAmount.microseconds(100)
    /// How long the loop then does nothing of it.
    private static let pause = TimeAmount.microseconds(900)

    private let eventLoop: any EventLoop
    private var waiting = CircularBuffer<any TurnTaking>()
    private var isScheduled = false
    private var restsUntil = NIODeadline.uptimeNanoseconds(0)

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// What all connections of a server share on that loop.
    static func shared(by storage: TypedStorage, of eventLoop: any EventLoop) -> LoopLeisure {
        storage.object(LoopLeisure.self, make: { LoopLeisure(eventLoop: eventLoop) })
    }

    /// Gives it its turns until it has no more to do; the first at once, unless there has just been much.
    func add(_ work: any TurnTaking) {
        self.waiting.append(work)
        guard !self.isScheduled else { return }
        self.isScheduled = true
        let loop = self.eventLoop.assumeIsolated()
        if self.restsUntil <= .now() { loop.execute { self.run() } } else { self.schedule() }
    }

    private func schedule() {
        self.eventLoop.assumeIsolated().scheduleTask(deadline: self.restsUntil) { self.run() }
    }

    private func run() {
        let end = NIODeadline.now() + Self.slice
        var now: NIODeadline
        repeat {
            guard let work = self.waiting.popFirst() else { break }
            if work.takeTurn() { self.waiting.append(work) }
            now = .now()
        } while now < end
        self.restsUntil = .now() + Self.pause
        self.isScheduled = !self.waiting.isEmpty
        if self.isScheduled { self.schedule() }
    }
}
