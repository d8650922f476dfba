import ServiceLifecycle
import Synchronization

/// Something that comes about once.
final class Signal: Sendable {
    private struct State {
        var isGiven = false
        var waiters: [AsyncStream<Never>.Continuation] = []
    }

    private let state = Mutex(State())

    /// Lets everybody go on who waits, or will wait.
    func give() {
        let waiters = self.state.withLock { state in
            state.isGiven = true
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.finish() }
    }

    /// Waits for it; returns early when the task is cancelled.
    ///
    /// - Returns: whether it has come about.
    func wait() async -> Bool {
        let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
        let isGiven = self.state.withLock { state in
            if !state.isGiven { state.waiters.append(continuation) }
            return state.isGiven
        }
        if isGiven { return true }
        for await _ in stream {}
        return self.state.withLock { $0.isGiven }
    }
}

/// A service that begins when something has come about, and doesn't at all if shutdown comes before that.
struct DeferredService: Service {
    let begin: Signal
    let service: any Service

    func run() async throws {
        let hasBegun = await cancelWhenGracefulShutdown { await self.begin.wait() }
        if hasBegun { try await self.service.run() }
    }
}
