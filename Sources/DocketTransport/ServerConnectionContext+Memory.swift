import DocketGRPC
import DocketHTTP2
import DocketHeaders
import NIOCore

// What a connection's calls take of the memory budget: their messages by reservation, all else by being counted.
extension ServerConnectionContext {
    // MARK: Messages

    func reserve(_ call: ServerCallContext, wireBytes: Int, heapBytes: Int) {
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
    func reservedBytes(forHeapBytes bytes: Int) -> Int {
        max(bytes, min(bytes * self.environment.limits.reservedBytesPerByte, self.environment.budget.limitBytes))
    }

    private func grant(_ call: ServerCallContext, _ reservation: MessageReservation, wireBytes: Int) {
        call.announced = .granted(reservation, wireBytes: wireBytes, since: nil)
        call.machine.reservationGranted()
        self.counting(call) {
            self.wire?.apply(call.window.granted(wireBytes + MessageFraming.prefixBytes), streamID: call.streamID)
        }
    }

    /// Takes a reservation that had to wait.
    func granted(_ reservation: MessageReservation, streamID: Int32) {
        // Dropping the reservation gives it back.
        guard let call = self.calls[streamID], case .waiting(_, let wireBytes) = call.announced else { return }
        self.grant(call, reservation, wireBytes: wireBytes)
        self.advance(call)
    }

    /// Gives back all that a call holds: it is over. What the client has left unread of its answer stays queued.
    func releaseMemory(of call: ServerCallContext) {
        if case .waiting(let ticket, _) = call.announced { self.environment.budget.cancel(ticket) }
        call.announced = nil
        self.counting(call) { call.releaseUnreserved() }
    }

    /// Ends a message that takes too long: longer than the limit, or, while others wait for memory, behind the pace that the
    /// longest message needs to be in time. Who announces a message and doesn't send it would keep the others waiting.
    func checkPace(of call: ServerCallContext, _ now: NIODeadline) {
        guard let since = call.announced?.since else { return }
        let limits = self.environment.limits
        if now >= since + TimeAmount(limits.messageTimeout) {
            self.environment.metrics.messageTimedOut()
            let text = "a message did not arrive whole within \(limits.messageTimeout)"
            return self.abort(call, GRPCStatus(.deadlineExceeded, text))
        }
        guard case .granted(_, let wireBytes, _) = call.announced else {
            return self.armTimer(after: limits.messageTimeout, from: since)
        }
        // The prefix came with the announcement, and counts for nothing.
        let received = wireBytes - call.window.missingBytes
        if received <= limits.dueBytes(after: now - since), self.environment.budget.isContended {
            self.environment.metrics.slowMessageEnded()
            return self.abort(
                call,
                GRPCStatus(
                    .resourceExhausted,
                    "a message came too slowly while others waited for memory; send it again, whole",
                    retryPushbackMilliseconds: 1_000))
        }
        self.armTimer(after: limits.slowMessageGrace / 4, from: now)
    }

    // MARK: What has no reservation

    /// Does what changes how much a call holds without a reservation, and keeps the connection's sums.
    func counting(_ call: ServerCallContext, _ change: () -> Void) {
        let (held, begun) = (call.unreservedBytes, call.window.unreservedBytes)
        let missing = call.window.missingBytes
        change()
        self.unreservedBytes += call.unreservedBytes - held
        self.begunBytes += call.window.unreservedBytes - begun
        self.missingBytes += call.window.missingBytes - missing
    }

    /// How far what the budget knows may be from what is held, in bytes: so a few calls cost no visit to it.
    private static let uncountedBytes = 2_048

    /// Tells the budget what is held without a reservation, once for whatever has happened. When that is too much, calls are
    /// ended.
    ///
    /// - Returns: whether any were.
    func countUnreserved() -> Bool {
        var hasEnded = false
        while let wire = self.wire {
            let held = self.heldBytes(wire)
            let isKnown = abs(held - self.countedUnreservedBytes) <= Self.uncountedBytes
            if held == self.countedUnreservedBytes || (isKnown && held > 0) { break }
            if self.count(unreservedBytes: held) { break }
            guard self.letGo(downTo: held / 2) else { break }
            hasEnded = true
        }
        return hasEnded
    }

    /// What is held without a reservation: of calls, of answers, and of what came and has time.
    private func heldBytes(_ wire: SessionWire) -> Int {
        self.unreservedBytes + wire.session.outboundQueuedBytes + wire.unsentBytes + self.slowBytes
    }

    private func count(unreservedBytes held: Int) -> Bool {
        let mailbox = self.mailbox
        guard
            self.environment.budget.hold(
                unreservedBytes: held, owner: self.budgetOwner, letGo: { mailbox.post(.letGo) })
        else { return false }
        self.countedUnreservedBytes = held
        return true
    }

    /// Nothing is held any more.
    func forgetUnreserved() { _ = self.environment.budget.hold(unreservedBytes: 0, owner: self.budgetOwner, letGo: {}) }

    /// Half of what the budget knows of has to go.
    func letGoOfHalf() {
        _ = self.letGo(downTo: self.countedUnreservedBytes / 2)
        guard let wire = self.wire else { return }
        let held = self.heldBytes(wire)
        // Told in any case: it waits for that. Less is always counted.
        if held <= self.countedUnreservedBytes { _ = self.count(unreservedBytes: held) }
    }

    /// Ends calls until no more than that is held without a reservation, those first that hold most.
    ///
    /// - Returns: whether there was a call to end.
    private func letGo(downTo bytes: Int) -> Bool {
        guard let wire = self.wire else { return false }
        let session = wire.session
        // What the channel has been given, and what came and wasn't looked at, belongs to no call: it goes with the connection.
        let beyondCalls = wire.unsentBytes + self.slowBytes
        guard beyondCalls <= bytes else {
            self.close(because: "memory")
            return false
        }
        func unread(_ call: ServerCallContext) -> Int { session.outboundQueuedBytes(streamID: call.streamID) }
        let holders = self.calls.values.map { (call: $0, bytes: $0.unreservedBytes + unread($0)) }
        var hasEnded = false
        for holder in holders.sorted(by: { $0.bytes > $1.bytes }) where holder.bytes > 0 {
            guard self.unreservedBytes + session.outboundQueuedBytes + beyondCalls > bytes else { break }
            hasEnded = true
            if unread(holder.call) > holder.call.unreservedBytes {
                self.resetUnread(holder.call)
            } else {
                self.refuseUnreserved(holder.call)
            }
        }
        return hasEnded
    }

    private func refuseUnreserved(_ call: ServerCallContext) {
        self.environment.metrics.unreservedRefused()
        self.abort(
            call,
            GRPCStatus(
                .resourceExhausted,
                "too much has been sent or asked for that the server has no memory for; send it again later",
                retryPushbackMilliseconds: 250))
    }
}
