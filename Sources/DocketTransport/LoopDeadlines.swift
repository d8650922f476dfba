import HeapModule
import NIOCore

/// The deadlines of all timers of an event loop, of which the loop itself knows one: to take one of thousands back from the loop,
/// it would have to look through all. Timers that are due at once fire in turns.
///
/// Confined to its event loop.
final class LoopDeadlines: TurnTaking {
    /// When a timer was to fire. It still is unless it has been armed or disarmed since; otherwise this is left over.
    private struct Entry: Comparable {
        let deadline: NIODeadline
        let timer: LoopTimer
        let arming: UInt64

        var isLeftOver: Bool { self.timer.arming != self.arming }

        static func < (left: Entry, right: Entry) -> Bool { left.deadline < right.deadline }
        static func == (left: Entry, right: Entry) -> Bool { left.deadline == right.deadline }
    }

    private let eventLoop: any EventLoop
    private let turns: LoopTurns
    private var entries = Heap<Entry>()
    /// How many timers are armed.
    private var armedCount = 0
    /// When the loop looks here next.
    private var look: (task: Scheduled<Void>, deadline: NIODeadline)?
    private var isTakingTurns = false

    init(eventLoop: any EventLoop, turns: LoopTurns) {
        self.eventLoop = eventLoop
        self.turns = turns
    }

    /// How much is kept, what is left over included.
    var entryCount: Int { self.entries.count }

    /// A timer has been armed.
    ///
    /// - Parameter isFirst: whether it wasn't before.
    func add(_ timer: LoopTimer, at deadline: NIODeadline, isFirst: Bool) {
        if isFirst { self.armedCount += 1 }
        self.entries.insert(Entry(deadline: deadline, timer: timer, arming: timer.arming))
        self.forgetLeftOvers()
        self.schedule()
    }

    /// A timer isn't armed any more.
    func removed() {
        self.armedCount -= 1
        guard self.armedCount == 0 else { return self.forgetLeftOvers() }
        // A connection's deadlines may be hours away, and nobody waits for them any more.
        self.entries = Heap()
        self.look?.task.cancel()
        self.look = nil
    }

    private func forgetLeftOvers() {
        // Each time that this is done, half of what it looks at is left over.
        guard self.entries.count > 2 * self.armedCount + 64 else { return }
        self.entries = Heap(self.entries.unordered.filter { !$0.isLeftOver })
    }

    private func schedule() {
        guard !self.isTakingTurns, let next = self.entries.min?.deadline, next < self.look?.deadline ?? .distantFuture
        else { return }
        self.look?.task.cancel()
        let task = self.eventLoop.assumeIsolated().scheduleTask(deadline: next) {
            self.look = nil
            self.isTakingTurns = true
            if self.takeTurn() { self.turns.add(self) }
        }
        self.look = (task, next)
    }

    func takeTurn() -> Bool {
        var now = self.eventLoop.now
        let end = now + LoopTurns.turn
        while let first = self.entries.min, first.deadline <= now {
            if now >= end { return true }
            self.entries.removeMin()
            guard !first.isLeftOver else { continue }
            first.timer.isDue()
            now = self.eventLoop.now
        }
        self.isTakingTurns = false
        self.schedule()
        return false
    }
}
