import DocketCodec
import DocketStore
import Logging

/// What the writers of a store share: the queue, and how to wake each other.
final class WriterShared: Sendable {
    typealias Queue = BatchQueue<BatchCompletion>

    private struct State: Sendable {
        var queue: Queue
        /// Writers whose thread has not ended.
        var writers = 0
        /// Who waits for the last thread's end.
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    let settings: ConnectionSettings
    let configuration: PostgresStore.Configuration
    let metrics: StoreMetrics
    let logger: Logger
    private let state: Monitor<State>
    /// Whether the store is being drained. Apart from `state`: a submission wakes one waiting thread, and must not
    /// spend that on one that only pauses.
    private let draining = Monitor(false)

    init(settings: ConnectionSettings, configuration: PostgresStore.Configuration, logger: Logger) {
        self.settings = settings
        self.configuration = configuration
        self.metrics = StoreMetrics()
        self.logger = logger
        let queue = Queue(
            maxBytes: configuration.maxQueueBytes, maxGroupBytes: configuration.maxGroupBytes,
            maxGroupBatches: configuration.maxGroupBatches)
        self.state = Monitor(State(queue: queue))
    }

    /// Queues a batch and wakes a writer.
    func offer(_ batch: EncodedBatch, completion: @escaping BatchCompletion) -> Queue.Offer {
        var offer = Queue.Offer.closed
        var heldBytes = 0
        self.state.withLockWakingOne { state in
            offer = state.queue.offer(batch, completion: completion)
            heldBytes = state.queue.heldBytes
            return offer == .queued
        }
        if offer == .queued { self.metrics.held(bytes: heldBytes) }
        return offer
    }

    /// Waits for the next group; `nil` when the queue is closed and empty.
    func nextGroup() -> [Queue.Entry]? {
        let turn: (group: [Queue.Entry]?, isMoreLeft: Bool)? = self.state.wait { state in
            switch state.queue.nextTurn() {
            case .commit(let group): (group, state.queue.waitingCount > 0)
            case .wait: nil
            case .end: (nil, false)
            }
        }
        // What a group's bounds left behind is for another writer.
        if turn?.isMoreLeft == true { self.state.withLockWakingOne { _ in true } }
        return turn?.group
    }

    /// Frees the room and the keys of answered batches. Batches that waited for one of those keys get their turn.
    func finish(_ entries: [Queue.Entry]) {
        let heldBytes = self.state.withLock(wakingAll: true) { state in
            state.queue.finish(entries)
            return state.queue.heldBytes
        }
        self.metrics.held(bytes: heldBytes)
    }

    // MARK: The end

    var isDraining: Bool { self.draining.withLock { $0 } }

    /// Waits, but no longer than until the store is drained.
    func pause(for limit: Duration) {
        _ = self.draining.wait(for: limit) { isDraining in isDraining ? true : nil }
    }

    func writerBegan() { self.state.withLock { $0.writers += 1 } }

    func writerEnded() {
        let waiters = self.state.withLock { state in
            state.writers -= 1
            guard state.writers == 0 else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Takes nothing more in; the writers end when all is answered.
    func close() {
        self.state.withLock(wakingAll: true) { $0.queue.close() }
        self.draining.withLock(wakingAll: true) { $0 = true }
    }

    /// Waits until the last writer has ended.
    func waitForWriters() async {
        await withCheckedContinuation { continuation in
            let isOver = self.state.withLock { state in
                if state.writers > 0 { state.waiters.append(continuation) }
                return state.writers == 0
            }
            if isOver { continuation.resume() }
        }
    }
}
