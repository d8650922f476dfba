import DocketGRPC
import DocketHTTP2
import DocketHeaders
import NIOCore

// What comes from the client.
extension ServerConnectionContext {
    /// Takes an event of the session. `bytes` is what was given to `receive`, which DATA ranges refer to.
    func handle(_ event: HTTP2Event, in bytes: UnsafeRawBufferPointer) {
        switch event {
        case .headers(let streamID, let headers):
            self.receivedHeaders(headers, streamID: streamID)
        case .data(let streamID, let range):
            // Whatever becomes of the bytes, the connection's window opens again at once: no stream may stop another.
            self.wire?.session.consumeConnection(bytes: range.count)
            guard let call = self.calls[streamID], call.isOpen else { return }
            let unreserved = call.window.unreservedBytes
            self.wire?.apply(.init(consumeBytes: call.window.received(range.count)), streamID: streamID)
            self.unreservedBytes += call.window.unreservedBytes - unreserved
            call.machine.receivedData(UnsafeRawBufferPointer(rebasing: bytes[range]))
            self.advance(call)
        case .remoteEnded(let streamID):
            guard let call = self.calls[streamID] else { return }
            call.machine.receivedEnd()
            self.advance(call)
        case .streamClosed(let streamID, _):
            guard let call = self.calls.removeValue(forKey: streamID) else { return }
            self.end(call)
            self.callsChanged()
        case .outboundDrained(let streamID):
            guard let call = self.calls[streamID] else { return }
            call.queuedBytes = 0
            if let handler = call.handler { handler.outboundDrained(call: call) }
        case .settings:
            if self.phase == .handshaking { self.phase = .serving }
            self.handshakeDeadline = nil
        case .pingAcknowledged(let payload):
            if payload == Self.lastCallPing { self.settleLastCall() }
        case .pingReceived:
            if self.life?.pinged(at: .now()) == .tooManyPings { self.refusePings() }
        case .settingsAcknowledged, .goAway:
            break
        }
    }

    // MARK: Calls

    private func receivedHeaders(_ headers: HeaderList, streamID: Int32) {
        if let call = self.calls[streamID] {
            _ = call.machine.receivedHeaders(headers)
            self.advance(call)
            return
        }
        let limits = self.environment.limits
        var machine = ServerCall(maxMessageBytes: limits.maxMessageBytes)
        switch machine.receivedHeaders(headers) {
        case .accept(let head):
            let call = ServerCallContext(
                head: head, connection: self, deadline: head.timeout.flatMap { NIODeadline.now().advanced(by: $0) },
                streamID: streamID, machine: machine)
            self.calls[streamID] = call
            self.callsChanged()
            self.environment.metrics.callAccepted(previousAttempts: head.previousAttempts)
            if let bound = self.environment.admission.beginCall(of: self.admitted) {
                self.environment.metrics.callRefused(bound)
                self.abort(call, Self.tooManyCalls(bound, limits.admission))
            } else {
                self.begin(call)
            }
        case .refuse(let trailersOnly):
            self.submitResponse(trailersOnly, streamID: streamID, endStream: true)
            self.wire?.session.resetStream(streamID: streamID, errorCode: .noError)
        case .ignore:
            break
        }
    }

    private static func tooManyCalls(_ bound: Admission.Bound, _ limits: AdmissionLimits) -> GRPCStatus {
        let text =
            switch bound {
            case .server: "the server has \(limits.maxCalls) calls open, which is all it takes at once; try again later"
            case .peer:
                "there are \(limits.maxCallsPerPeer) calls open from this address, which is all it may; end some first"
            }
        return GRPCStatus(.resourceExhausted, text, retryPushbackMilliseconds: 250)
    }

    private func begin(_ call: ServerCallContext) {
        if let timeout = call.head.timeout, timeout <= .zero {
            self.abort(call, GRPCStatus(.deadlineExceeded, "the deadline had passed when the call arrived"))
            return
        }
        do {
            let handler = try self.environment.router.handler(for: call)
            call.handler = handler
        } catch {
            self.finish(call, status: error, metadata: HeaderList())
            return
        }
        if let deadline = call.deadline { self.timer.arm(at: deadline) }
    }

    /// Hands on whatever the call's machine has ready.
    func advance(_ call: ServerCallContext) {
        while let handler = call.handler, let action = call.machine.nextInbound() {
            switch action {
            case .reserve(let wireBytes, let heapBytes):
                self.reserve(call, wireBytes: wireBytes, heapBytes: heapBytes)
            case .message(let bytes, let wasCompressed):
                guard case .granted(let reservation, _) = call.announced else { break }
                call.announced = nil
                reservation.shrink(toBytes: self.reservedBytes(forHeapBytes: bytes.count))
                handler.receive(
                    InboundMessage(bytes: bytes, wasCompressed: wasCompressed, reservation: reservation), call: call)
            case .end:
                handler.receiveEnd(call: call)
            case .fail(let status):
                self.abort(call, status)
            }
        }
        if case .granted(let reservation, nil) = call.announced {
            // Begun and not ended: from now on its time counts.
            let now = NIODeadline.now()
            call.announced = .granted(reservation, since: now)
            self.armTimer(after: self.environment.limits.messageTimeout, from: now)
        }
    }

    private func reserve(_ call: ServerCallContext, wireBytes: Int, heapBytes: Int) {
        let mailbox = self.mailbox
        let streamID = call.streamID
        let bytes = self.reservedBytes(forHeapBytes: heapBytes)
        let answer = self.environment.budget.reserve(bytes, owner: self.budgetOwner) { reservation in
            mailbox.post(.granted(streamID: streamID, reservation))
        }
        switch answer {
        case .granted(let reservation):
            self.grant(call, reservation, wireBytes: wireBytes)
        case .waiting(let ticket):
            call.announced = .waiting(ticket, wireBytes: wireBytes)
        case .overLimit:
            self.abort(
                call,
                GRPCStatus(
                    .resourceExhausted,
                    "a message of \(heapBytes) bytes is over the server's memory budget of "
                        + "\(self.environment.budget.limitBytes)"))
        }
    }

    /// What is reserved for a message of that size. A message that fits into the whole budget is never too large because of
    /// what will be made of it.
    private func reservedBytes(forHeapBytes bytes: Int) -> Int {
        max(bytes, min(bytes * self.environment.limits.reservedBytesPerByte, self.environment.budget.limitBytes))
    }

    private func grant(_ call: ServerCallContext, _ reservation: MessageReservation, wireBytes: Int) {
        call.announced = .granted(reservation, since: nil)
        call.machine.reservationGranted()
        let unreserved = call.window.unreservedBytes
        self.wire?.apply(call.window.granted(wireBytes + MessageFraming.prefixBytes), streamID: call.streamID)
        self.unreservedBytes += call.window.unreservedBytes - unreserved
    }

    /// Takes a reservation that had to wait.
    func granted(_ reservation: MessageReservation, streamID: Int32) {
        // Dropping the reservation gives it back.
        guard let call = self.calls[streamID], case .waiting(_, let wireBytes) = call.announced else { return }
        self.grant(call, reservation, wireBytes: wireBytes)
        self.advance(call)
    }

    /// The stream is gone: frees what the call holds, and tells its handler if that still waits.
    func end(_ call: ServerCallContext) {
        self.environment.admission.endCall(of: self.admitted)
        self.forgetAnnounced(call)
        let wasOpen = call.machine.streamClosed() == .cancelled
        if wasOpen { self.environment.metrics.callEnded(nil) }
        guard let handler = call.handler else { return }
        call.handler = nil
        if wasOpen { handler.cancelled(call: call) }
    }

    /// Gives back what the announced message has, or waits for.
    func forgetAnnounced(_ call: ServerCallContext) {
        if case .waiting(let ticket, _) = call.announced { self.environment.budget.cancel(ticket) }
        call.announced = nil
        // The machine keeps nothing of a call that is over.
        self.unreservedBytes -= call.window.unreservedBytes
        call.window = InboundWindow()
    }
}
