import DocketCodec
import DocketStore
import DocketThreads
import Logging

/// What the writers of a store share: the queue, and how to wake each other.
final class WriterShared: Sendable {
    private struct State: Sendable {
        var queue: BatchQueue
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
        let queue = BatchQueue(
            maxBytes: configuration.maxQueueBytes, maxGroupBytes: configuration.maxGroupBytes,
            maxGroupBatches: configuration.maxGroupBatches, minConcurrentBytes: configuration.minConcurrentBytes,
            maxLightBytes: configuration.maxLightBytes)
        self.state = Monitor(State(queue: queue))
    }

    /// Queues a batch and wakes a writer, if there is something to do for one. The first batch that has to wait wakes one
    /// too: it sees to it that the wait isn't long.
    func offer(
        _ batch: EncodedBatch, by submitter: Submitter?, completion: @escaping BatchCompletion
    ) -> BatchQueue.Offer {
        var offer = BatchQueue.Offer.closed
        var held = BatchQueue.Load()
        self.state.withLockWaking { state in
            offer = state.queue.offer(batch, by: submitter, completion: completion)
            held = state.queue.held
            guard offer == .queued else { return .none }
            return self.wake(state.queue, atLeastOne: state.queue.waitingCount == 1)
        }
        if offer == .queued { self.metrics.held(held) }
        return offer
    }

    /// Whom what waits is for: any writer takes light batches, but not heavy ones.
    private func wake(_ queue: BatchQueue, atLeastOne: Bool = false) -> MonitorWake {
        if queue.hasHeavy { return .all }
        return queue.isReady || atLeastOne ? .one : .none
    }

    /// Takes out what waits on behalf of a submitter. Without waiting batches a closed queue is empty, which all writers must
    /// hear of.
    func withdraw(_ submitter: Submitter) -> [BatchQueue.Entry] {
        let (withdrawn, held) = self.state.withLock(wakingAll: true) { state in
            (state.queue.withdraw(submitter), state.queue.held)
        }
        if !withdrawn.isEmpty { self.metrics.held(held) }
        return withdrawn
    }

    /// What all batches that haven't been answered take, in bytes.
    var heldBytes: Int { self.state.withLock { $0.queue.held.bytes } }

    /// Waits for the next group; `nil` when the queue is closed and empty.
    ///
    /// - Parameter takesHeavy: whether the writer takes heavy batches.
    func nextGroup(takesHeavy: Bool) -> [BatchQueue.Entry]? {
        while true {
            let turn = self.state.wait { state in
                let turn = state.queue.nextTurn(takesHeavy: takesHeavy)
                if case .wait = turn { return BatchQueue.Turn?.none }
                return turn
            }
            switch turn {
            case .commit(let group): return self.begin(group)
            case .hold: if let group = self.nextGroupWhileHeld(takesHeavy) { return self.begin(group) }
            case .wait, .end, nil: return nil
            }
        }
    }

    /// Waits while small batches are held back for the end of the group in flight, but not long; `nil` when they are gone.
    private func nextGroupWhileHeld(_ takesHeavy: Bool) -> [BatchQueue.Entry]? {
        let turn = self.state.wait(for: self.configuration.maxHold) { state in
            let turn = state.queue.nextTurn(takesHeavy: takesHeavy)
            if case .hold = turn { return BatchQueue.Turn?.none }
            return turn
        }
        let last = { (state: inout State) in state.queue.nextTurn(takesHeavy: takesHeavy, isPatient: false) }
        guard case .commit(let group) = turn ?? self.state.withLock(last) else { return nil }
        return group
    }

    /// What a group's bounds left behind is for another writer.
    private func begin(_ group: [BatchQueue.Entry]) -> [BatchQueue.Entry] {
        self.state.withLockWaking { self.wake($0.queue) }
        return group
    }

    /// Frees the room and the keys of answered batches. Batches that waited for one of those keys get their turn.
    func finish(_ entries: [BatchQueue.Entry]) {
        let held = self.state.withLock(wakingAll: true) { state in
            state.queue.finish(entries)
            return state.queue.held
        }
        self.metrics.held(held)
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
