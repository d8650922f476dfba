import DocketGRPC
import DocketHTTP2
import DocketHeaders
import Logging
import NIOCore

// Posted mail, deadlines and the graceful end.
extension ServerConnectionContext {
    /// Takes what other threads have posted; one flush for all of it.
    func deliver(_ mail: [ServerMail]) {
        for item in mail {
            switch item {
            case .call(let streamID, let command):
                if let call = self.calls[streamID], call.isOpen { self.perform(command, on: call) }
            case .granted(let streamID, let reservation):
                self.granted(reservation, streamID: streamID)
            case .letGo:
                self.letGoOfHalf()
            case .shutDown:
                self.beginShutdown()
            case .close:
                self.closeNow()
            }
        }
        self.settle()
    }

    private func perform(_ command: ServerCallCommand, on call: ServerCallContext) {
        switch command {
        case .sendHeaders(let metadata): call.sendHeaders(metadata)
        case .send(let message, let compress): call.send(message, compress: compress)
        case .finish(let status, let metadata): call.finish(status, metadata: metadata)
        case .reply(let message): call.reply(message)
        case .run(let body): body(call)
        }
    }

    // MARK: Deadlines

    /// Looks at everything that has a deadline, and arms the timer for the rest.
    func checkDeadlines() {
        let now = NIODeadline.now()
        let limits = self.environment.limits
        if self.isDue(self.handshakeDeadline, now) { return self.close(because: "handshake") }
        if self.isDue(self.stalledSince?.advanced(by: limits.writeStallTimeout), now) {
            return self.close(because: "unread")
        }
        if self.phase == .draining, self.isDue(self.drainDeadline, now) { self.settleLastCall() }
        guard self.lookAtLife(now) else { return }
        for call in Array(self.calls.values) where call.isOpen {
            if self.isDue(call.deadline, now) {
                self.expire(call)
            } else {
                self.checkPace(of: call, now)
            }
        }
        for (streamID, deadline) in self.earlyAnswers where self.isDue(deadline, now) {
            self.earlyAnswers[streamID] = nil
            self.wire?.session.resetStream(streamID: streamID, errorCode: .noError)
        }
        self.settle()
    }

    /// Whether that deadline has passed; if not, the timer will come back for it.
    private func isDue(_ deadline: NIODeadline?, _ now: NIODeadline) -> Bool {
        guard let deadline else { return false }
        if deadline <= now { return true }
        self.timer.arm(at: deadline)
        return false
    }

    // MARK: The connection's life

    /// The payloads of the PINGs that the server sends: behind the first GOAWAY, and to see whether the client is there.
    static let lastCallPing: UInt64 = 0xD0C4_E700
    /// How long TLS may still take when the graceful end has begun.
    private static let lastHandshakeTimeout = TimeAmount.seconds(1)
    private static let keepalivePing: UInt64 = 0xD0C4_E701

    /// Does what the connection's life asks for; `false` when that was its end.
    private func lookAtLife(_ now: NIODeadline) -> Bool {
        // What it has sent and isn't taken yet is a sign of life: an answer to a PING may lie behind it.
        if !self.wantsBytes { self.life?.heard(at: now) }
        while let action = self.life?.look(at: now) {
            switch action {
            case .ping:
                self.wire?.session.ping(payload: Self.keepalivePing)
            case .drain:
                self.beginShutdown()
            case .tooManyPings:
                self.refusePings()
            case .close(let reason):
                self.close(because: reason.rawValue)
                return false
            }
        }
        self.armForLife()
        return true
    }

    /// - Parameter reason: as metrics name it.
    func close(because reason: String) {
        self.environment.logger.debug("connection closed", metadata: ["peer": "\(self.peer)", "reason": "\(reason)"])
        self.environment.metrics.connectionExpired(reason)
        self.closeNow()
    }

    func armForLife() {
        if let deadline = self.life?.nextLook { self.timer.arm(at: deadline) }
    }

    /// Takes note of a call that has come or gone.
    func callsChanged() {
        self.life?.changed(openCalls: self.calls.count, at: .now())
        if self.calls.isEmpty { self.armForLife() }
    }

    /// Says why, as gRPC clients know it (A8: they ping half as often then), and closes once that is written.
    func refusePings() {
        guard !self.isPingedTooOften, let session = self.wire?.session else { return }
        self.isPingedTooOften = true
        self.environment.metrics.connectionExpired("too_many_pings")
        session.goAway(
            lastStreamID: session.lastProcessedStreamID, errorCode: .enhanceYourCalm,
            debug: Array("too_many_pings".utf8))
    }

    // MARK: The graceful end

    /// The first step (RFC 9113 section 6.8): no new calls, please. Calls that are on their way are still accepted
    /// until the client has answered the PING that follows the notice.
    private func beginShutdown() {
        guard self.phase < .draining else { return }
        self.phase = .draining
        self.life?.drains()
        if let session = self.wire?.session {
            self.announceShutdown(session)
        } else {
            // TLS isn't done, and the client may send its request as soon as it is.
            self.handshakeDeadline = min(self.handshakeDeadline ?? .distantFuture, .now() + Self.lastHandshakeTimeout)
            if let deadline = self.handshakeDeadline { self.timer.arm(at: deadline) }
        }
    }

    func announceShutdown(_ session: HTTP2Session) {
        session.sendShutdownNotice(pingPayload: Self.lastCallPing)
        // For a client that doesn't answer the PING: calls on its way might be lost.
        self.drainDeadline = NIODeadline.now().advanced(by: .seconds(5))
        if let deadline = self.drainDeadline { self.timer.arm(at: deadline) }
    }

    /// The second step: what has arrived by now is finished, what comes later isn't looked at.
    func settleLastCall() {
        guard self.phase == .draining, let session = self.wire?.session else { return }
        self.phase = .goingAway
        session.goAway(lastStreamID: session.lastProcessedStreamID, errorCode: .noError, debug: [])
        for call in Array(self.calls.values) { call.handler?.draining(call: call) }
    }
}
