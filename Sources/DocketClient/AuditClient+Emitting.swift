internal import DocketEvents
internal import Metrics
internal import NIOCore
internal import Synchronization

// The three ways to emit.

extension AuditClient {
    /// Hands an event over. Never blocks and never throws: when there is no room, an event is dropped by the
    /// ``Configuration/overflowPolicy`` and counted.
    ///
    /// The event takes over what it doesn't set from the task's `AuditScope`.
    public func emit(_ event: Event) {
        let outcome = self.appendInContext(event)
        if !self.proceed(outcome) { self.drop(outcome) }
    }

    /// The same, and tells why the event was dropped, if it was. Whoever comes after the shutdown is told, and nothing is counted.
    package func offer(_ event: Event) -> ClientError? {
        let outcome = self.appendInContext(event)
        guard !self.proceed(outcome) else { return nil }
        if outcome != .closed { self.drop(outcome) }
        return outcome.error
    }

    private func appendInContext(_ event: Event) -> EmitBuffer.Outcome {
        guard AuditScope.hasContext else { return self.append(event) }
        return self.append(event.inContext, to: self.destination(isDurable: false))
    }

    /// Hands an event over and returns once the local journal has synced it: it outlives the process from then on, and is stored
    /// exactly once, also if another process has to send it. Those who wait at the same time share one sync.
    ///
    /// A cancelled task stops waiting; the event may be kept all the same.
    ///
    /// - Throws: ``ClientError``: `queueFull` or `journal` when nothing of it is kept, `tooLarge`, `shutDown`.
    public func emitDurably(_ event: Event) async throws(ClientError) {
        guard self.journal != nil else {
            throw ClientError(
                code: .invalidConfiguration, message: "emitDurably needs a journal; set one in the configuration")
        }
        let destination = self.destination(isDurable: true)
        try await self.emitWaiting(event.inContext, to: destination, timeout: nil) { state, answer, place in
            state.waitForJournal(answer, at: place)
        }
    }

    /// Hands an event over and returns its receipt once the collector has committed it.
    ///
    /// A cancelled task stops waiting; the event may be stored all the same.
    ///
    /// - Parameters:
    ///   - event: what has happened.
    ///   - timeout: how long to wait for the answer. The event is sent on when it has passed.
    /// - Throws: ``ClientError``: `rejected` (it is in quarantine; ``ClientError/rejection`` says why), `refused`, `timedOut`, `queueFull`,
    ///   `evicted`, `tooLarge`, `shutDown`.
    @discardableResult
    public func emitAndWait(_ event: Event, timeout: Duration = .seconds(30)) async throws(ClientError) -> Receipt {
        let destination = self.destination(isDurable: false)
        return try await self.emitWaiting(event.inContext, to: destination, timeout: timeout) { state, answer, place in
            state.waitForReceipt(answer, at: place)
        }
    }

    /// Where the current task's events go.
    private func destination(isDurable: Bool) -> EmitBuffer.Destination {
        let tenant = AuditScope.currentTenant ?? self.configuration.tenant ?? ""
        return EmitBuffer.Destination(tenant: tenant, isDurable: isDurable)
    }

    private typealias Answer<Value: Sendable> = OneAnswer<Result<Value, ClientError>>

    /// Emits an event, once more whenever there may be room where the policy is to wait for that, and waits for what becomes of it.
    private func emitWaiting<Value: Sendable>(
        _ event: Event, to destination: EmitBuffer.Destination, timeout: Duration?,
        register: (inout ClientState, OneAnswer<Result<Value, ClientError>>, EmitBuffer.Place) -> Void
    ) async throws(ClientError) -> Value {
        let deadline = timeout.map { NIODeadline.now() + TimeAmount($0) }
        while true {
            let answer = Answer<Value>()
            let outcome = self.append(event, to: destination, isUrgent: true) { register(&$0, answer, $1) }
            let error: ClientError
            if self.proceed(outcome) {
                self.sendUrgent(isDurable: destination.isDurable)
                switch await self.value(of: answer, until: deadline, timeout) {
                case .success(let value): return value
                case .failure(let failure): error = failure
                }
            } else {
                error = outcome.error
                let goesOn = error.code == .queueFull && self.configuration.overflowPolicy == .wait
                if outcome != .closed, !goesOn { self.drop(outcome) }
            }
            guard error.code == .queueFull, self.configuration.overflowPolicy == .wait else { throw error }
            try await self.waitForRoom(until: deadline, timeout)
        }
    }

    /// Waits for an answer; a deadline and the task's cancellation are answers, too.
    private func value<Value: Sendable>(
        of answer: Answer<Value>, until deadline: NIODeadline?, _ timeout: Duration?
    ) async -> Result<Value, ClientError> {
        let timer = deadline.map { deadline in
            self.timers.scheduleTask(deadline: deadline) { [weak self] in
                answer.settle(.failure(self?.timedOut(timeout ?? .zero) ?? .shutDown))
            }
        }
        defer { timer?.cancel() }
        return await withTaskCancellationHandler {
            await answer.value()
        } onCancel: {
            answer.settle(.failure(.cancelled))
        }
    }

    /// After how long to look for room again: that of the journal comes back without anybody being told.
    private static let roomInterval = TimeAmount.milliseconds(50)

    /// Returns when there may be room.
    private func waitForRoom(until deadline: NIODeadline?, _ timeout: Duration?) async throws(ClientError) {
        let answer = Answer<Void>()
        self.state.withLock { $0.waitForRoom(answer) }
        let timer = self.timers.scheduleTask(in: Self.roomInterval) { answer.settle(.success(())) }
        defer { timer.cancel() }
        try await self.value(of: answer, until: deadline, timeout).get()
    }

    // MARK: The queue

    /// Adds an event to the queue. Where there is no room, and the policy is to make it, older ones are given up.
    private func append(
        _ event: Event, to destination: EmitBuffer.Destination? = nil, isUrgent: Bool = false,
        register: (inout ClientState, EmitBuffer.Place) -> Void = { _, _ in }
    ) -> EmitBuffer.Outcome {
        while true {
            let outcome = self.state.withLock { state in
                let outcome = state.append(event, to: destination, isUrgent: isUrgent, now: Publisher.now())
                if let place = outcome.place { register(&state, place) }
                return outcome
            }
            guard outcome == .full, self.configuration.overflowPolicy == .dropOldest, self.publisher.evictOldest()
            else { return outcome }
        }
    }

    /// Sees to it that what was queued is sent in time.
    ///
    /// - Returns: whether anything was queued.
    func proceed(_ outcome: EmitBuffer.Outcome) -> Bool {
        switch outcome {
        case .added: return true
        case .opened:
            self.linger(from: Publisher.now())
            return true
        case .sealed:
            self.send(.complete)
            return true
        case .full, .closed, .tooLarge: return false
        }
    }

    /// Sends batches as their linger times end, until none is being filled. One timer does for all: at many events a second the
    /// emitting threads needn't wake the loop for each batch.
    private func linger(from opening: Int64) {
        let lingerNanoseconds = Int64(self.configuration.lingerMilliseconds) * 1_000_000
        let due = NIODeadline.uptimeNanoseconds(UInt64(clamping: opening + lingerNanoseconds))
        self.timers.scheduleTask(deadline: due) { [weak self] in
            guard let self else { return }
            self.send(.openedBy(Publisher.now() - lingerNanoseconds))
            if let next = self.state.withLock({ $0.nextLinger() }) { self.linger(from: next) }
        }
    }

    /// Counts an event that wasn't queued.
    private func drop(_ outcome: EmitBuffer.Outcome) {
        let reason = outcome.error.dropReason
        let mustLog = self.state.withLock { $0.drop(reason) }
        self.metrics.emitted.increment()
        self.metrics.dropped(reason)
        if mustLog { self.logDropsSoon() }
    }

    /// Sends a batch in which somebody waits, unless what is under way will bring its turn.
    private func sendUrgent(isDurable: Bool) {
        let isTurn = self.state.withLock { isDurable ? $0.journalsUrgent : $0.sendsUrgent }
        if isTurn { self.send(.urgent) }
    }
}

extension Event {
    /// The event with what it takes over from the current task.
    fileprivate var inContext: Event {
        guard AuditScope.hasContext else { return self }
        var event = self
        event.inheritContext()
        return event
    }
}

extension EmitBuffer.Outcome {
    /// Where the event is, if it was queued.
    var place: EmitBuffer.Place? {
        switch self {
        case .opened(let place), .added(let place), .sealed(let place): place
        case .full, .closed, .tooLarge: nil
        }
    }

    /// Why the event wasn't queued.
    fileprivate var error: ClientError {
        switch self {
        case .closed: .shutDown
        case .tooLarge:
            ClientError(code: .tooLarge, message: "the event is larger than a batch may be; raise maxBatchBytes")
        default: .queueFull
        }
    }
}
