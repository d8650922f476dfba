import DocketTerminal
import Synchronization

/// Draws a progress bar on standard error, at most ten times a second and only on a terminal.
final class ProgressLine: Sendable {
    private struct State {
        var lastDrawn: ContinuousClock.Instant?
        var hasDrawn = false
    }

    private let unit: String
    private let terminal = Terminal.standardError
    private let start = ContinuousClock.now
    private let state = Mutex(State())

    /// - Parameter unit: what is counted, in the plural.
    init(unit: String) { self.unit = unit }

    /// Shows how far the work is.
    func update(done: Int, total: Int?) {
        guard self.terminal.isTerminal else { return }
        let now = ContinuousClock.now
        let isDue = self.state.withLock { state in
            if let last = state.lastDrawn, now - last < .milliseconds(100), done != total { return false }
            state.lastDrawn = now
            state.hasDrawn = true
            return true
        }
        guard isDue else { return }
        let bar = ProgressBar(unit: self.unit, done: done, total: total, elapsed: now - self.start)
        Console.progress("\r\u{1B}[K" + bar.rendered(width: (self.terminal.width ?? 80) - 1))
    }

    /// Clears the line, so that other output can follow.
    func clear() {
        let hasDrawn = self.state.withLock { state in
            defer { state.hasDrawn = false }
            return state.hasDrawn
        }
        if hasDrawn { Console.progress("\r\u{1B}[K") }
    }
}
