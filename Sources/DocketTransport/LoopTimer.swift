import NIOCore

/// One timer for all the deadlines of a connection: it fires at the earliest, its owner looks at everything that has a
/// deadline and arms it again. So a call with a deadline schedules and cancels nothing of its own.
///
/// Confined to its event loop.
final class LoopTimer {
    private let deadlines: LoopDeadlines
    private var armedFor = NIODeadline.distantFuture
    /// Which arming this is: what was to fire at an earlier one is left over.
    private(set) var arming: UInt64 = 0
    private var fire: (() -> Void)?

    init(deadlines: LoopDeadlines) {
        self.deadlines = deadlines
    }

    /// Says what happens when the timer fires.
    func onFire(_ fire: @escaping () -> Void) {
        self.fire = fire
    }

    /// Makes the timer fire at `deadline`, or earlier if it already would.
    func arm(at deadline: NIODeadline) {
        guard deadline < self.armedFor, self.fire != nil else { return }
        let isFirst = self.armedFor == .distantFuture
        self.armedFor = deadline
        self.arming += 1
        self.deadlines.add(self, at: deadline, isFirst: isFirst)
    }

    /// Ends the timer for good.
    func stop() {
        self.fire = nil
        self.disarm()
    }

    private func disarm() {
        guard self.armedFor != .distantFuture else { return }
        self.armedFor = .distantFuture
        self.arming += 1
        self.deadlines.removed()
    }

    /// Its moment has come.
    func isDue() {
        self.disarm()
        self.fire?()
    }
}

extension NIODeadline {
    /// The point in time `duration` after this one; `nil` when it is further away than anyone will wait.
    func advanced(by duration: Duration) -> NIODeadline? {
        guard duration < .seconds(366 * 86_400) else { return nil }
        return self + TimeAmount(max(duration, .zero))
    }
}
