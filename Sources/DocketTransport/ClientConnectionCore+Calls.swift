import DocketGRPC
import DocketHTTP2
import DocketHeaders
import NIOCore

// The calls of a client connection.
extension ClientConnectionCore {
    /// Takes what other threads have posted; one flush for all of it.
    func deliver(_ mail: [ClientMail]) {
        for item in mail {
            switch item {
            case .start(let start):
                self.start(start)
            case .call(let number, let command):
                if let call = self.calls[number] { self.perform(command, on: call) }
            case .shutDown:
                self.drain(reason: "this side is shutting down")
            case .close:
                self.closeNow()
            }
        }
        self.settle()
    }

    private func start(_ start: ClientCallStart) {
        guard let session = self.wire?.session, !self.isDraining else {
            Self.refuse(start, "the connection takes no further calls")
            return
        }
        var machine = ClientCall(maxMessageBytes: self.limits.maxMessageBytes)
        let headers = machine.start(start.request)
        do {
            let streamID = try session.submitRequest(headers: headers, endStream: false)
            self.numbers[streamID] = start.number
            self.calls[start.number] = ClientCallState(start, streamID: streamID, machine: machine)
            if let deadline = start.deadline { self.timer.arm(at: deadline) }
        } catch {
            Self.refuse(start, error.message)
        }
    }

    private func perform(_ command: ClientCallCommand, on call: ClientCallState) {
        switch command {
        case .send(let message):
            self.send(call.machine.sendMessage(message), charge: message.count, on: call)
        case .sendFrame(let frame):
            self.send(call.machine.sendFrame(frame), charge: frame.count, on: call)
        case .end:
            self.send(call.machine.sendEnd(), charge: 0, on: call)
        case .cancel(let status):
            self.finish(call, status, errorCode: .cancel)
        case .consumed(let bytes):
            call.heldBytes -= bytes
            if let wireBytes = call.waitingWireBytes, call.heldBytes < self.limits.streamWindowBytes {
                call.waitingWireBytes = nil
                self.grant(call, wireBytes: wireBytes)
                self.advance(call)
            }
        }
    }

    private func send(_ action: ClientOutboundAction, charge: Int, on call: ClientCallState) {
        guard let session = self.wire?.session else { return }
        do {
            switch action {
            case .message(let frame):
                try session.sendData(streamID: call.streamID, frame)
                call.chargedBytes += charge
                self.sending.insert(call.number)
            case .end:
                try session.endStream(streamID: call.streamID)
            case .reset:
                session.resetStream(streamID: call.streamID, errorCode: .cancel)
            case .drop, .misuse:
                _ = call.gauge.subtract(charge)
            }
        } catch {
            // The stream is gone; its end is on the way.
            _ = call.gauge.subtract(charge)
        }
    }

    // MARK: From the server

    func handle(_ event: HTTP2Event, in bytes: UnsafeRawBufferPointer) {
        switch event {
        case .headers(let streamID, let headers):
            self.withCall(streamID) { $0.machine.receivedHeaders(headers) }
        case .data(let streamID, let range):
            self.wire?.session.consumeConnection(bytes: range.count)
            self.withCall(streamID) { call in
                self.wire?.apply(.init(consumeBytes: call.window.received(range.count)), streamID: streamID)
                call.machine.receivedData(UnsafeRawBufferPointer(rebasing: bytes[range]))
            }
        case .remoteEnded(let streamID):
            self.withCall(streamID) { $0.machine.receivedEnd() }
        case .streamClosed(let streamID, let errorCode):
            self.withCall(streamID) { $0.machine.streamClosed(errorCode: errorCode) }
        case .settings:
            self.becameReady()
        case .goAway(_, let errorCode, let debug):
            let text = String(decoding: debug, as: UTF8.self)
            if errorCode == HTTP2ErrorCode.enhanceYourCalm.rawValue, text == Self.tooManyPings {
                self.limits.keepalive?.slowDown(from: self.silence)
            }
            self.drain(reason: "the server sent GOAWAY (code \(errorCode))" + (text.isEmpty ? "" : ": \(text)"))
        case .pingAcknowledged:
            self.pingDeadline = nil
        case .outboundDrained, .settingsAcknowledged, .pingReceived:
            break
        }
    }

    private func withCall(_ streamID: Int32, _ body: (ClientCallState) -> Void) {
        guard let number = self.numbers[streamID], let call = self.calls[number] else { return }
        body(call)
        self.advance(call)
    }

    /// Hands on whatever the call's machine has ready.
    func advance(_ call: ClientCallState) {
        while let action = call.machine.nextInbound() {
            switch action {
            case .metadata(let metadata):
                call.receiver.metadata(metadata)
            case .reserve(let wireBytes, _):
                // Once the connection is down nothing more comes, and what has come is handed on whoever reads it when.
                if call.heldBytes >= self.limits.streamWindowBytes, self.wire != nil {
                    call.waitingWireBytes = wireBytes
                } else {
                    self.grant(call, wireBytes: wireBytes)
                }
            case .message(let message):
                if call.receiver.acknowledgesMessages { call.heldBytes += message.count }
                call.receiver.message(message)
            case .status(let status, let trailers):
                // Over on this side; a server that still listens is told.
                self.wire?.session.resetStream(streamID: call.streamID, errorCode: .cancel)
                self.forget(call)
                call.receiver.finished(status, trailers: trailers)
            case .fail(let status):
                self.wire?.session.resetStream(streamID: call.streamID, errorCode: .cancel)
                self.forget(call)
                call.receiver.finished(status, trailers: HeaderList())
            }
        }
    }

    private func grant(_ call: ClientCallState, wireBytes: Int) {
        call.machine.reservationGranted()
        self.wire?.apply(call.window.granted(wireBytes + MessageFraming.prefixBytes), streamID: call.streamID)
    }

    /// Hands on what has come and was held back until its reader has caught up: the connection is down.
    func releaseHeldBack(_ call: ClientCallState) {
        guard let wireBytes = call.waitingWireBytes else { return }
        call.waitingWireBytes = nil
        self.grant(call, wireBytes: wireBytes)
        self.advance(call)
    }

    /// Ends a call from this side.
    private func finish(_ call: ClientCallState, _ status: GRPCStatus, errorCode: HTTP2ErrorCode) {
        _ = call.machine.cancel()
        self.wire?.session.resetStream(streamID: call.streamID, errorCode: errorCode)
        self.forget(call)
        call.receiver.finished(status, trailers: HeaderList())
    }

    private func forget(_ call: ClientCallState) {
        self.calls[call.number] = nil
        self.numbers[call.streamID] = nil
        self.sending.remove(call.number)
    }

    // MARK: Deadlines

    /// Looks at everything that has a deadline, and arms the timer for the rest.
    func checkDeadlines() {
        let now = NIODeadline.now()
        for call in Array(self.calls.values) {
            guard let deadline = call.deadline else { continue }
            if deadline <= now {
                self.finish(
                    call, GRPCStatus(.deadlineExceeded, "no answer within the call's timeout"), errorCode: .cancel)
            } else {
                self.timer.arm(at: deadline)
            }
        }
        self.checkKeepalive(now)
        self.settle()
    }

    /// The server has been heard.
    func noteLife() {
        guard self.limits.keepalive != nil else { return }
        self.lastReceived = .now()
    }

    /// What gRPC's servers say to those who ask too often (A8).
    private static let tooManyPings = "too_many_pings"

    func armKeepalive() {
        guard let pace = self.limits.keepalive else { return }
        self.silence = pace.interval
        self.lastReceived = .now()
        if let deadline = self.lastReceived.advanced(by: self.silence) { self.timer.arm(at: deadline) }
    }

    private func checkKeepalive(_ now: NIODeadline) {
        guard self.limits.keepalive != nil, let session = self.wire?.session else { return }
        if let deadline = self.pingDeadline {
            if deadline <= now {
                self.failed(
                    TransportError(.connect, "the server didn't answer a PING within \(self.limits.keepaliveTimeout)"))
                self.closeNow()
            } else {
                self.timer.arm(at: deadline)
            }
            return
        }
        guard let due = self.lastReceived.advanced(by: self.silence) else { return }
        if due > now {
            self.timer.arm(at: due)
            return
        }
        // Without a call nobody waits for the server, and it may take PINGs amiss.
        guard !self.calls.isEmpty else {
            if let later = now.advanced(by: self.silence) { self.timer.arm(at: later) }
            return
        }
        session.ping(payload: now.uptimeNanoseconds)
        self.pingDeadline = now.advanced(by: self.limits.keepaliveTimeout)
        if let deadline = self.pingDeadline { self.timer.arm(at: deadline) }
    }
}
