package import DocketModel

/// Decides when which batch is sent, sent again or given up: the client's protocol as a pure value.
///
/// Contract: a batch enters by ``enqueue(_:now:)`` and leaves by exactly one ``Action/complete(sequence:_:)``. Between the two
/// it is *waiting* (in order of arrival), *in flight* on the stream, or *delayed* until its next attempt. A lost stream
/// puts everything in flight back to the front, in sequence order: the collector knows a batch that it has already
/// stored by its sequence and answers with the first verdict. Time comes in as nanoseconds of a monotonic clock; the
/// random part of a back-off comes in as a number from 0 to 1.
///
/// A stream that ends because of a batch doesn't say which. What was in flight is then *suspect* and goes one at a time
/// until each has been answered: the one that is alone when the stream ends again is at fault, and leaves as a failure.
package struct PublishMachine: Sendable {
    /// What the I/O around the machine is to do, in order.
    package enum Action: Equatable, Sendable {
        /// Open a connection and a stream on it.
        case openStream
        /// Send this batch on the stream.
        case send(sequence: Int64)
        /// The batch is done; forget it.
        case complete(sequence: Int64, Result<Verdict, ClientError>)
        /// Call ``wake(now:)`` at that time.
        case wake(atNanoseconds: Int64)
        /// Half-close the stream: nothing more will be sent.
        case closeStream
    }

    enum Stream: Equatable {
        case closed
        case opening
        case open
        case backingOff(untilNanoseconds: Int64)
    }

    struct Batch: Sendable {
        var sequence: Int64
        var attempts = 0
        var doubtfulAttempts = 0
        /// Whether it may be given up for newer ones.
        var isEvictable: Bool
        /// Whether a stream ended between its sending and its answer: it may be stored, whatever a later answer says.
        var isDoubtful = false
    }

    private let maxInFlightBatches: Int
    private let policy: RetryPolicy
    var stream = Stream.closed
    var waiting: [Batch] = []
    var waitingHead = 0
    var inFlight: [Int64: Batch] = [:]
    var delayed: [(dueNanoseconds: Int64, batch: Batch)] = []
    private var consecutiveFailures = 0
    private var budget = RetryBudget()
    /// The batches of which one may have ended the stream.
    var suspects: Set<Int64> = []

    package init(maxInFlightBatches: Int, policy: RetryPolicy) {
        self.maxInFlightBatches = max(1, maxInFlightBatches)
        self.policy = policy
    }

    /// Whether no batch is left.
    package var isIdle: Bool { self.waitingCount == 0 && self.inFlight.isEmpty && self.delayed.isEmpty }

    /// How many batches are waiting for their turn or their next attempt.
    package var backlogCount: Int { self.waitingCount + self.delayed.count }

    /// How many batches have been sent and not been answered.
    package var inFlightCount: Int { self.inFlight.count }

    /// Whether a batch has been sent and not been answered.
    package func isInFlight(_ sequence: Int64) -> Bool { self.inFlight[sequence] != nil }

    /// Whether a stream has been asked for and hasn't been opened or lost.
    package var isOpening: Bool { self.stream == .opening }

    private var waitingCount: Int { self.waiting.count - self.waitingHead }

    // MARK: Events

    /// A new batch. Its sequence must be unused.
    ///
    /// - Parameter isEvictable: whether ``evictOldest(_:)`` may take it.
    package mutating func enqueue(_ sequence: Int64, isEvictable: Bool = true, now: Int64) -> [Action] {
        self.waiting.append(Batch(sequence: sequence, isEvictable: isEvictable))
        return self.proceed(now: now)
    }

    /// The stream is open: the collector has answered with headers, or may be sent to.
    package mutating func streamOpened(now: Int64) -> [Action] {
        guard self.stream == .opening else { return [] }
        self.stream = .open
        return self.proceed(now: now)
    }

    /// The stream, or the attempt to open one, has ended.
    ///
    /// - Parameters:
    ///   - error: why.
    ///   - isPermanent: another attempt will end in the same way until somebody mends something.
    ///   - blamesBatch: one of the batches in flight is why; none of the others is to suffer for it.
    ///   - hasAlternative: another collector can be tried at once, after the shortest of pauses.
    ///   - retryAfterMilliseconds: before which this collector doesn't want another attempt.
    package mutating func streamLost(
        _ error: ClientError, isPermanent: Bool, blamesBatch: Bool = false, hasAlternative: Bool = false,
        retryAfterMilliseconds: Int64? = nil, now: Int64, jitter: Double
    ) -> [Action] {
        guard self.stream == .open || self.stream == .opening else { return [] }
        var actions: [Action] = []
        var returning = self.inFlight.values.sorted { $0.sequence < $1.sequence }
        for index in returning.indices { returning[index].isDoubtful = true }
        self.inFlight.removeAll(keepingCapacity: true)
        self.stream = .closed
        if blamesBatch, let first = returning.first {
            // Each such end brings the culprit nearer, so the pause needn't grow.
            self.consecutiveFailures = 1
            if returning.count == 1 {
                // No collector takes it, nor did one before.
                actions.append(self.complete(first.sequence, .failure(error)))
            } else {
                self.suspects.formUnion(returning.map(\.sequence))
                self.putInFront(returning)
            }
        } else {
            self.consecutiveFailures += 1
            self.budget.failed()
            self.putInFront(returning)
            actions += self.giveUpAfterFailure(error, isPermanent: isPermanent)
        }
        guard !self.isIdle else { return actions }
        let backoff = self.policy.backoffNanoseconds(
            attempt: hasAlternative ? 1 : self.consecutiveFailures, jitter: jitter)
        let pause = hasAlternative ? backoff : max(backoff, (retryAfterMilliseconds ?? 0) * 1_000_000)
        self.stream = .backingOff(untilNanoseconds: now + pause)
        actions.append(.wake(atNanoseconds: now + pause))
        return actions
    }

    /// The collector stored the batch.
    package mutating func accepted(_ sequence: Int64, _ verdict: Verdict, now: Int64) -> [Action] {
        guard self.inFlight.removeValue(forKey: sequence) != nil else { return [] }
        self.consecutiveFailures = 0
        self.budget.succeeded()
        return [self.complete(sequence, .success(verdict))] + self.proceed(now: now)
    }

    /// The collector refused the batch. A refusal that may pass is followed by another attempt under the same sequence.
    ///
    /// - Parameters:
    ///   - isPermanent: another attempt would end in the same way.
    ///   - isDoubtful: the collector failed; that may pass, or be the batch's doing.
    ///   - retryAfterMilliseconds: before which the collector doesn't want the batch again.
    package mutating func refused(
        _ sequence: Int64, _ error: ClientError, isPermanent: Bool, isDoubtful: Bool = false,
        retryAfterMilliseconds: Int64?, now: Int64, jitter: Double
    ) -> [Action] {
        guard var batch = self.inFlight.removeValue(forKey: sequence) else { return [] }
        batch.attempts += 1
        if isDoubtful { batch.doubtfulAttempts += 1 }
        let isExhausted =
            batch.doubtfulAttempts >= self.policy.maxDoubtfulAttempts
            || self.policy.maxAttempts.map { batch.attempts >= $0 } ?? false
        guard !isPermanent, !isExhausted else {
            let failure = batch.isDoubtful ? error.leavingDoubt : error
            return [self.complete(sequence, .failure(failure))] + self.proceed(now: now)
        }
        self.budget.failed()
        // The collector has read it, so it isn't what ended the stream.
        self.suspects.remove(sequence)
        let backoff = self.policy.backoffNanoseconds(attempt: batch.attempts, jitter: jitter)
        let due = now + max(backoff, (retryAfterMilliseconds ?? 0) * 1_000_000)
        self.delayed.append((due, batch))
        return [.wake(atNanoseconds: due)] + self.proceed(now: now)
    }

    /// A time that was asked for has come.
    package mutating func wake(now: Int64) -> [Action] {
        if case .backingOff(let until) = self.stream, until <= now { self.stream = .closed }
        let due = self.delayed.filter { $0.dueNanoseconds <= now }.map(\.batch)
        if !due.isEmpty {
            self.delayed.removeAll { $0.dueNanoseconds <= now }
            self.putInFront(due.sorted { $0.sequence < $1.sequence })
        }
        return self.proceed(now: now)
    }

    // MARK: Decisions

    /// Sends what may be sent, or sees to it that it can be.
    private mutating func proceed(now: Int64) -> [Action] {
        switch self.stream {
        case .closed:
            guard self.waitingCount > 0 else { return [] }
            self.stream = .opening
            return [.openStream]
        case .opening, .backingOff:
            return []
        case .open:
            return self.sendWaiting()
        }
    }

    private mutating func sendWaiting() -> [Action] {
        var actions: [Action] = []
        // After many failures one batch at a time shows whether it is worth sending more.
        let window = self.suspects.isEmpty && !self.budget.isSpent ? self.maxInFlightBatches : 1
        while self.waitingCount > 0, self.inFlight.count < window {
            let batch = self.waiting[self.waitingHead]
            self.waitingHead += 1
            self.inFlight[batch.sequence] = batch
            actions.append(.send(sequence: batch.sequence))
        }
        if self.waitingHead > 64, self.waitingHead * 2 > self.waiting.count {
            self.waiting.removeFirst(self.waitingHead)
            self.waitingHead = 0
        }
        return actions
    }

    private mutating func putInFront(_ batches: [Batch]) {
        self.waiting = batches + self.waiting[self.waitingHead...]
        self.waitingHead = 0
    }

    mutating func complete(_ sequence: Int64, _ result: Result<Verdict, ClientError>) -> Action {
        self.suspects.remove(sequence)
        return .complete(sequence: sequence, result)
    }

    /// With a bound on attempts, a failure of the stream counts as an attempt of each batch that was waiting for it.
    private mutating func giveUpAfterFailure(_ error: ClientError, isPermanent: Bool) -> [Action] {
        guard let maxAttempts = self.policy.maxAttempts else { return [] }
        var kept: [Batch] = []
        var actions: [Action] = []
        for var batch in self.waiting[self.waitingHead...] {
            batch.attempts += 1
            if isPermanent || batch.attempts >= maxAttempts {
                let failure = batch.isDoubtful ? error.leavingDoubt : error
                actions.append(self.complete(batch.sequence, .failure(failure)))
            } else {
                kept.append(batch)
            }
        }
        self.waiting = kept
        self.waitingHead = 0
        return actions
    }
}
