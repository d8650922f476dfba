import NIOCore

/// One timer for all the deadlines of a connection: it fires at the earliest, its owner looks at everything that has a
/// deadline and arms it again. So a call with a deadline schedules and cancels nothing of its own.
///
/// Confined to its event loop.
final class LoopTimer {
    private let eventLoop: any EventLoop
    private var task: Scheduled<Void>?
    private var armedFor = NIODeadline.distantFuture
    private var fire: (() -> Void)?

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    /// Says what happens when the timer fires.
    func onFire(_ fire: @escaping () -> Void) {
        self.fire = fire
    }

    /// Makes the timer fire at `deadline`, or earlier if it already would.
    func arm(at deadline: NIODeadline) {
        guard deadline < self.armedFor, self.fire != nil else { return }
        self.task?.cancel()
        self.armedFor = deadline
        self.task = self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            self.armedFor = .distantFuture
            self.task = nil
            self.fire?()
        }
    }

    /// Ends the timer for good.
    func stop() {
        self.task?.cancel()
        self.task = nil
        self.fire = nil
    }
}

extension NIODeadline {
    /// The point in time `duration` after this one; `nil` when it is further away than anyone will wait.
    func advanced(by duration: Duration) -> NIODeadline? {
        guard duration < .seconds(366 * 86_400) else { return nil }
        return self + TimeAmount(max(duration, .zero))
    }
}
