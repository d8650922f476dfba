internal import DocketCodec
internal import DocketGRPC
internal import DocketHeaders
internal import DocketMessages
internal import DocketModel
internal import DocketRPC
internal import DocketTransport
internal import Logging
internal import Metrics
internal import NIOCore
internal import Synchronization

// What comes on the stream, and its end.

extension Publisher {
    fileprivate func received(_ message: [UInt8], streamNumber: Int) {
        do {
            let response = try decodePublishResponse(message, maxRejections: Self.maxRejections)
            // Answers that nobody asked for are no sign of life.
            let isOwed = self.state.withLock { state in
                guard state.machine.isInFlight(response.sequence) else { return false }
                state.answerCount += 1
                return true
            }
            defer {
                if isOwed {
                    self.state.withLock { state in
                        state.silentSinceNanoseconds = state.machine.inFlightCount > 0 ? Self.now() : nil
                    }
                }
            }
            switch response.result {
            case .verdict(let verdict):
                let eventCount = self.state.withLock { $0.pending[response.sequence]?.batch.eventCount }
                if let eventCount, let fault = verdict.fault(eventCount: eventCount) {
                    throw ClientError(code: .unavailable, message: fault)
                }
                self.decide { state in
                    state.lastError = nil
                    state.unavailableCount = 0
                    if let endpoint = state.stream?.endpoint { state.endpoints.succeeded(endpoint) }
                    return state.machine.accepted(response.sequence, verdict, now: Self.now())
                }
            case .status(let bytes):
                let message = try StatusMessage(serialized: bytes)
                let code = GRPCCode(rawValue: Int(message.code)) ?? .unknown
                self.refused(
                    response.sequence, GRPCStatus(code, message.message, details: bytes), streamNumber: streamNumber)
            }
        } catch {
            self.call(onStream: streamNumber)?
                .cancel(GRPCStatus(.internal, "the collector's answer can't be read: \(error)"))
        }
    }

    /// Looks, from time to time, whether the collector answers: one that is stuck still answers PINGs.
    func watch(_ streamNumber: Int) {
        let timeout = Int64(self.configuration.answerTimeoutMilliseconds) * 1_000_000
        self.timers.scheduleTask(in: .nanoseconds(timeout / 4)) { [weak self] in
            guard let self else { return }
            let isSilent = self.state.withLock { state -> Bool? in
                guard state.stream?.number == streamNumber else { return nil }
                return state.silentSinceNanoseconds.map { Self.now() - $0 > timeout } ?? false
            }
            switch isSilent {
            case nil: return
            case true?:
                let milliseconds = self.configuration.answerTimeoutMilliseconds
                let error = ClientError(
                    code: .unavailable, message: "the collector has answered nothing for \(milliseconds) ms")
                self.lost(streamNumber: streamNumber, error)
            case false?: self.watch(streamNumber)
            }
        }
    }

    private func refused(_ sequence: Int64, _ status: GRPCStatus, streamNumber: Int) {
        let error = ClientError(status: status)
        self.metrics.refusedBatches.increment()
        self.decide { state in
            state.lastError = error
            state.unavailableCount = status.code == .unavailable ? state.unavailableCount + 1 : 0
            return state.machine.refused(
                sequence, error, isPermanent: status.isPermanent, isDoubtful: status.code.isDoubtful,
                retryAfterMilliseconds: status.retryDelayMilliseconds, now: Self.now(), jitter: Double.random(in: 0...1)
            )
        }
        let mustLeave = self.state.withLock { state in
            state.unavailableCount >= Self.maxUnavailableAnswers && state.streamNumber == streamNumber
                && state.endpoints.hasAlternative(to: state.stream?.endpoint, now: Self.now())
        }
        if mustLeave { self.lost(streamNumber: streamNumber, error) }
    }

    /// - Parameter isFromCollector: whether the status is the collector's own; one that this side made up, of a stream
    ///   that was reset, says nothing about batches.
    fileprivate func ended(_ status: GRPCStatus, isFromCollector: Bool, streamNumber: Int) {
        let error =
            status.isOK
            ? ClientError(code: .unavailable, message: "the collector ended the stream") : ClientError(status: status)
        self.lost(
            streamNumber: streamNumber, error, isGraceful: status.isOK,
            isPermanent: isFromCollector && status.isPermanent, blamesBatch: isFromCollector && status.blamesBatch,
            retryAfterMilliseconds: isFromCollector
                ? status.retryDelayMilliseconds.map { min($0, Self.maxRetryAfterMilliseconds) } : nil)
    }

    /// - Parameters:
    ///   - isGraceful: whether the collector has answered all that it wanted to.
    ///   - isPermanent: whether another attempt would end in the same way.
    ///   - blamesBatch: whether it is a batch's doing.
    ///   - retryAfterMilliseconds: before which the collector doesn't want another attempt.
    func lost(
        streamNumber: Int, _ error: ClientError, isGraceful: Bool = false, isPermanent: Bool = false,
        blamesBatch: Bool = false, retryAfterMilliseconds: Int64? = nil
    ) {
        let (decision, connection, wasGraceful) = self.state.withLock { state -> (Decision?, ClientConnection?, Bool) in
            state.endedStreamNumber = max(state.endedStreamNumber, streamNumber)
            guard state.streamNumber == streamNumber, !state.isShutDown else { return (nil, nil, false) }
            let (stream, now) = (state.stream, Self.now())
            // One that ends before it has answered anything is no leave that is taken in order.
            let isGraceful = isGraceful && (state.answerCount > 0 || stream?.connection.isDraining == true)
            state.stream = nil
            state.lastError = error
            if let stream, !isGraceful, !blamesBatch {
                state.endpoints.failed(
                    stream.endpoint, retryAfterMilliseconds: retryAfterMilliseconds, now: now,
                    jitter: Double.random(in: 0...1))
            }
            let hasAlternative = isGraceful || state.endpoints.hasAlternative(to: stream?.endpoint, now: now)
            let actions = state.machine.streamLost(
                error, isPermanent: isPermanent, blamesBatch: blamesBatch, hasAlternative: hasAlternative,
                retryAfterMilliseconds: retryAfterMilliseconds, now: now,
                jitter: Double.random(in: 0...1))
            return (Decision(actions: actions, stream: nil), stream?.connection, isGraceful)
        }
        guard let decision else { return }
        if !decision.actions.isEmpty, !wasGraceful {
            self.metrics.lostStreams.increment()
            self.configuration.logger.warning(
                "the stream to the collector is lost; what it has not answered is sent again",
                metadata: ["targets": "\(self.configuration.targets.joined(separator: ","))", "error": "\(error)"])
        }
        self.perform(decision)
        connection?.closeNow()
    }
}

extension ClientConnection {
    /// Whether the collector takes its leave.
    var isDraining: Bool {
        if case .draining = self.state { return true }
        return false
    }
}

extension Verdict {
    /// What is wrong with the verdict on a batch of so many events: rejections must name different events of it.
    func fault(eventCount: Int) -> String? {
        var seen: Set<Int> = []
        for rejection in self.rejections {
            guard rejection.index < eventCount, seen.insert(rejection.index).inserted else {
                return "its verdict on \(eventCount) events rejects number \(rejection.index), or does so twice"
            }
        }
        return nil
    }
}

/// Passes on what comes on a stream, with the stream's number.
final class StreamReceiver: ClientCallReceiver {
    private weak let publisher: Publisher?
    private let number: Int

    init(publisher: Publisher, number: Int) {
        self.publisher = publisher
        self.number = number
    }

    func message(_ bytes: [UInt8]) { self.publisher?.received(bytes, streamNumber: self.number) }

    func finished(_ status: GRPCStatus, trailers: HeaderList) {
        self.publisher?.ended(status, isFromCollector: !trailers.isEmpty, streamNumber: self.number)
    }
}
