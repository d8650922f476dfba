import DocketGRPC
import DocketHTTP2
import DocketHeaders
import NIOCore

// What comes from the client.
extension ServerConnectionContext: SlowTurnTaking {
    // MARK: Bytes

    /// How long what is taken between two looks at the clock should take, at most.
    private static let sliceTime = TimeAmount.microseconds(100)
    /// How much a connection may hold of messages that wait for memory before more is taken slowly, in bytes: while something is to
    /// come of one that has it, and otherwise.
    private static let (mostBytes, muchBytes) = (1 << 20, 256 << 10)

    /// Takes bytes from now until it is late, and something of them in any case.
    func take(_ bytes: inout ByteBuffer, from start: NIODeadline, until deadline: NIODeadline) {
        guard let wire = self.wire else { return }
        var now = start
        repeat {
            let began = now
            let count = min(bytes.readableBytes, self.sliceBytes)
            bytes.withUnsafeReadableBytes { all in
                let slice = unsafe UnsafeRawBufferPointer(rebasing: all[..<count])
                do {
                    try wire.session.receive(slice) { event in self.handle(event, in: slice) }
                } catch {
                    wire.flushAndClose(fault: error)
                }
            }
            bytes.moveReaderIndex(forwardBy: count)
            if self.isPingedTooOften { wire.flushAndClose() }
            guard bytes.readableBytes > 0, !wire.isClosing else { return }
            now = .now()
            self.sliceBytes =
                now - began > Self.sliceTime ? max(512, self.sliceBytes / 2) : min(16_384, self.sliceBytes * 2)
        } while now < deadline
    }

    /// Leaves bytes for later turns.
    func leave(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0, self.wire?.isClosing == false else { return }
        guard self.wantsBytes else {
            if !self.isTakenSlowly { self.turns.changed(byBytes: bytes.readableBytes) }
            self.untaken.writeImmutableBuffer(bytes)
            return
        }
        self.untaken = bytes
        self.isTakenSlowly = self.hasTime(at: .now())
        if self.isTakenSlowly {
            let leisure = self.leisure
            self.loopStorage.object(SlowIntake.self, make: { SlowIntake(leisure: leisure) }).add(self)
        } else {
            self.turns.changed(byBytes: bytes.readableBytes)
            self.turns.add(self)
        }
    }

    /// Whether what comes has time: so much has been refused, or is held of messages that wait for memory.
    func hasTime(at now: NIODeadline) -> Bool {
        self.begunBytes > (self.missingBytes > 0 ? Self.mostBytes : Self.muchBytes) || self.conduct.isRefused(at: now)
    }

    /// What has come and is taken slowly, in bytes.
    var slowBytes: Int { self.isTakenSlowly ? self.untaken.readableBytes : 0 }

    /// Takes what waits at the usual pace, if it doesn't have time any more.
    func hurryUp() {
        guard self.isTakenSlowly, !self.wantsBytes, !self.hasTime(at: .now()) else { return }
        self.isTakenSlowly = false
        self.turns.changed(byBytes: self.untaken.readableBytes)
        self.turns.add(self)
    }

    /// Takes something of what was left; whether there is more.
    func takeTurn() -> Bool {
        guard let wire = self.wire, !self.wantsBytes else { return false }
        var rest = self.untaken
        let now = NIODeadline.now()
        self.take(&rest, from: now, until: now + (self.isTakenSlowly ? LoopLeisure.slice : LoopTurns.turn))
        // The connection may have ended meanwhile.
        guard self.wire != nil else { return false }
        if !self.isTakenSlowly { self.turns.changed(byBytes: rest.readableBytes - self.untaken.readableBytes) }
        self.untaken = rest
        if wire.isClosing { self.dropUntaken() }
        self.settle()
        guard self.wantsBytes else { return true }
        self.untaken = ByteBuffer()
        self.context?.channel.read()
        return false
    }

    func dropUntaken() {
        if !self.isTakenSlowly { self.turns.changed(byBytes: -self.untaken.readableBytes) }
        self.untaken = ByteBuffer()
    }

    // MARK: Events

    /// Takes an event of the session. `bytes` is what was given to `receive`, which DATA ranges refer to.
    func handle(_ event: HTTP2Event, in bytes: UnsafeRawBufferPointer) {
        switch event {
        case .headers(let streamID, let headers):
            self.receivedHeaders(headers, streamID: streamID)
        case .data(let streamID, let range):
            // Whatever becomes of the bytes, the connection's window opens again at once: no stream may stop another.
            self.wire?.session.consumeConnection(bytes: range.count)
            guard let call = self.calls[streamID], call.isOpen else { return }
            self.counting(call) {
                self.wire?.apply(.init(consumeBytes: call.window.received(range.count)), streamID: streamID)
            }
            call.machine.receivedData(UnsafeRawBufferPointer(rebasing: bytes[range]))
            self.advance(call)
        case .remoteEnded(let streamID):
            guard let call = self.calls[streamID] else { return }
            call.machine.receivedEnd()
            self.advance(call)
        case .streamClosed(let streamID, _):
            self.earlyAnswers[streamID] = nil
            guard let call = self.calls.removeValue(forKey: streamID) else { return }
            self.end(call)
            self.callsChanged()
        case .outboundDrained(let streamID):
            guard let call = self.calls[streamID] else { return }
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
        if self.earlyAnswers[streamID] != nil { return }
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
            self.unreservedBytes += call.unreservedBytes
            self.callsChanged()
            self.environment.metrics.callAccepted(previousAttempts: head.previousAttempts)
            if let bound = self.environment.admission.beginCall(of: self.admitted) {
                self.environment.metrics.callRefused(bound)
                self.abort(call, Self.tooManyCalls(bound, limits.admission))
            } else {
                self.begin(call)
            }
        case .refuse(let trailersOnly):
            self.conduct.refused(at: .now())
            self.submitResponse(trailersOnly, streamID: streamID, endStream: true)
            self.noteEarlyAnswer(streamID: streamID)
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
                guard case .granted(let reservation, _, _) = call.announced else { break }
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
        // Begun and not ended: from now on its time counts.
        switch call.announced {
        case .granted(let reservation, let wireBytes, nil):
            let now = NIODeadline.now()
            call.announced = .granted(reservation, wireBytes: wireBytes, since: now)
            self.armTimer(after: self.environment.limits.slowMessageGrace, from: now)
        case nil where call.machine.isInPrefix:
            let now = NIODeadline.now()
            call.announced = .begun(since: now)
            self.armTimer(after: self.environment.limits.messageTimeout, from: now)
        default:
            break
        }
    }

    /// The stream is gone: frees what the call holds, and tells its handler if that still waits.
    func end(_ call: ServerCallContext) {
        self.environment.admission.endCall(of: self.admitted)
        self.releaseMemory(of: call)
        let wasOpen = call.machine.streamClosed() == .cancelled
        if wasOpen { self.environment.metrics.callEnded(nil) }
        guard let handler = call.handler else { return }
        call.handler = nil
        if wasOpen { handler.cancelled(call: call) }
    }
}
