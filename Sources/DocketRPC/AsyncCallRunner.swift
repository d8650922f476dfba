import DocketGRPC
import Synchronization

/// Runs the handlers that are `async`, in one task group with a bound: what is off the hot path stays off the event
/// loops, and too much of it is refused instead of queued.
final class AsyncCallRunner: Sendable {
    /// What a call is, of each of which so many may run at once.
    enum Kind: Sendable {
        case unary, stream
    }

    private struct Job: Sendable {
        let kind: Kind
        let body: @Sendable () async -> Void
        let cancellation: CancellationSignal
    }

    private let jobs: AsyncStream<Job>
    private let continuation: AsyncStream<Job>.Continuation
    private let maxConcurrent: [Kind: Int]
    private let running = Mutex<[Kind: Int]>([:])

    /// - Parameter maxConcurrent: how many calls of each kind may run at once; further ones are refused.
    init(maxConcurrent: [Kind: Int]) {
        self.maxConcurrent = maxConcurrent
        (self.jobs, self.continuation) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    /// Runs what is submitted until ``finish()``, and returns when the last of it has ended.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await job in self.jobs {
                group.addTask {
                    await job.cancellation.cancellable(job.body)
                    self.running.withLock { $0[job.kind, default: 0] -= 1 }
                }
            }
        }
    }

    /// Takes no more.
    func finish() {
        self.continuation.finish()
    }

    /// Submits a call.
    ///
    /// - Returns: how to cancel it.
    /// - Throws: RESOURCE_EXHAUSTED when too many are running, which bounds the stream of jobs, too; UNAVAILABLE after ``finish()``.
    func submit(
        _ kind: Kind, _ body: @escaping @Sendable () async -> Void
    ) throws(GRPCStatus) -> CancellationSignal {
        let most = self.maxConcurrent[kind, default: 0]
        let accepted = self.running.withLock { running in
            guard running[kind, default: 0] < most else { return false }
            running[kind, default: 0] += 1
            return true
        }
        guard accepted else {
            throw Self.refusal(
                .resourceExhausted, "\(most) calls of this kind are running already, the most at once; try again")
        }
        let signal = CancellationSignal()
        guard case .enqueued = self.continuation.yield(Job(kind: kind, body: body, cancellation: signal)) else {
            self.running.withLock { $0[kind, default: 0] -= 1 }
            throw Self.refusal(.unavailable, "the server is shutting down; try again")
        }
        return signal
    }

    private static func refusal(_ code: GRPCCode, _ message: String) -> GRPCStatus {
        GRPCStatus(code, message, details: [], retryAfterMilliseconds: 250)
    }
}

/// Cancels one child of a task group from outside of the group.
final class CancellationSignal: Sendable {
    private enum State {
        case idle
        case waiting(CheckedContinuation<Void, Never>)
        case done
    }

    private let state = Mutex(State.idle)

    /// Cancels; at once or, if it hasn't begun, as soon as it begins. No effect afterwards.
    func cancel() {
        let continuation = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
            defer { state = .done }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        continuation?.resume()
    }

    /// Runs a body that this signal can cancel.
    func cancellable(_ body: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await body() }
            group.addTask { await self.wait() }
            // Whichever is first ends the other: the body by cancellation, the wait by the signal.
            _ = await group.next()
            group.cancelAll()
            self.cancel()
        }
    }

    private func wait() async {
        await withCheckedContinuation { continuation in
            let isDone = self.state.withLock { state in
                if case .done = state { return true }
                state = .waiting(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
    }
}
