internal import DocketCodec
internal import DocketMessages
internal import DocketModel
internal import Synchronization

/// One follower of a tenant's log: takes in what the hub finds and hands it to the follower's call, at the call's own pace.
final class TailSubscription: Sendable {
    private struct State {
        var queue: TailQueue
        var isBeat = false
        var isOver = false
        var waiter: CheckedContinuation<TailResponseMessage?, Never>?
    }

    /// Which events are wanted.
    let filter: RowFilter
    /// Where the stream begins.
    let start: LogPosition
    private let holdings: TailHoldings
    private let state: Mutex<State>

    init(filter: RowFilter, from start: LogPosition, holdings: TailHoldings) {
        self.filter = filter
        self.start = start
        self.holdings = holdings
        self.state = Mutex(State(queue: TailQueue(from: start)))
    }

    deinit { self.holdings.change(by: -self.state.withLock { $0.queue.bytes }) }

    /// Whether events would be missed now: then it needn't be found out what is in them.
    var isFull: Bool { self.state.withLock { $0.queue.isFull } }

    /// How far the log has been looked at for this follower.
    var reached: LogPosition { self.state.withLock { $0.queue.reached } }

    /// Takes in events that match, and how many more do that were not looked into.
    func add(_ events: [StoredEventMessage], missed: Int = 0, next: LogPosition) {
        self.change { state in
            let before = state.queue.bytes
            state.queue.isCrowded = self.holdings.isCrowded
            state.queue.add(events, missed: missed, next: next)
            self.holdings.change(by: state.queue.bytes - before)
        }
    }

    /// Has the follower told how far the log has come, even if nothing matches.
    func beat() { self.change { $0.isBeat = true } }

    /// Ends it: ``next()`` gives `nil` from now on.
    func end() { self.change { $0.isOver = true } }

    /// The next message for the follower; waits for it. `nil` when the subscription is over. For one caller.
    func next() async -> TailResponseMessage? {
        await withCheckedContinuation { continuation in
            let message = self.state.withLock { state -> TailResponseMessage?? in
                if let message = self.take(&state) { return message }
                state.waiter = continuation
                return nil
            }
            if let message { continuation.resume(returning: message) }
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let (waiter, message) = self.state.withLock { state in
            body(&state)
            guard let waiter = state.waiter, let message = self.take(&state) else {
                return (CheckedContinuation<TailResponseMessage?, Never>?.none, TailResponseMessage?.none)
            }
            state.waiter = nil
            return (waiter, message)
        }
        waiter?.resume(returning: message)
    }

    /// What ``next()`` is to give now; `nil` when it is to wait.
    private func take(_ state: inout State) -> TailResponseMessage?? {
        if state.isOver { return .some(nil) }
        let before = state.queue.bytes
        guard let message = state.queue.take(isBeat: state.isBeat) else { return nil }
        self.holdings.change(by: state.queue.bytes - before)
        state.isBeat = false
        return message
    }
}

/// What the queues of all followers hold together.
final class TailHoldings: Sendable {
    /// From that on each follower must do with little, in bytes.
    private static let crowdedBytes = 32 * 1024 * 1024

    private let bytes = Atomic<Int>(0)

    var isCrowded: Bool { self.bytes.load(ordering: .relaxed) >= Self.crowdedBytes }

    func change(by bytes: Int) { self.bytes.add(bytes, ordering: .relaxed) }
}
