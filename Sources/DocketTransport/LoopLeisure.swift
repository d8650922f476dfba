import NIOCore

/// What an event loop does by the way: connections that come and go, calls that nobody waits for any more. Thousands may come at
/// once, and whoever publishes meanwhile shouldn't notice, so they get a tenth of the loop's time. Confined to its event loop.
final class LoopLeisure {
    /// How long it may take at once, or as long as one of them takes.
    static let slice = TimeAmount.microseconds(100)
    /// How many times as long the loop then does nothing of it, and how long at least and at most: nobody waits for ever behind one
    /// that took long.
    private static let pauseFactor: Int64 = 9
    private static let minPause = TimeAmount.microseconds(900)
    private static let maxPause = TimeAmount.milliseconds(20)

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
        let start = NIODeadline.now()
        let end = start + Self.slice
        var now = start
        repeat {
            guard let work = self.waiting.popFirst() else { break }
            if work.takeTurn() { self.waiting.append(work) }
            now = .now()
        } while now < end
        let pause = TimeAmount.nanoseconds((now - start).nanoseconds * Self.pauseFactor)
        self.restsUntil = now + min(max(pause, Self.minPause), Self.maxPause)
        self.isScheduled = !self.waiting.isEmpty
        if self.isScheduled { self.schedule() }
    }
}
