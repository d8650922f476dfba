import CNghttp2

extension HTTP2Session {
    // MARK: Flow control

    /// Gives back body bytes on the stream's level. The peer hears of it when half of the initial window has come
    /// together. Without effect on a stream that is gone.
    package func consume(streamID: Int32, bytes: Int) {
        guard bytes > 0, let stream = unsafe self.find(streamID) else { return }
        unsafe stream.pointee.heldBytes = max(0, stream.pointee.heldBytes - bytes)
        unsafe stream.pointee.advanceBytes = max(0, stream.pointee.advanceBytes - bytes)
        unsafe self.openWindow(stream, leastBytes: max(1, self.core.pointee.baseWindowBytes / 2))
    }

    /// Gives back body bytes on the connection's level, also those of streams that are gone by now. The peer hears of
    /// it when half of the window has come together.
    package func consumeConnection(bytes: Int) {
        // More than was delivered would let the peer send more than the window.
        let count = unsafe min(bytes, self.core.pointee.connectionHeldBytes)
        guard count > 0 else { return }
        unsafe self.core.pointee.connectionHeldBytes -= count
        unsafe nghttp2_session_consume_connection(self.session, count)
    }

    /// Lets the peer send `toBytes` bytes on the stream from here on, if its window allows less, so that a reserved
    /// message flows without waiting. The advance is taken back as the bytes are consumed: after the message the window
    /// is the initial one again, and nothing unreserved can come in through it.
    package func raiseStreamWindow(streamID: Int32, toBytes: Int) {
        guard toBytes > 0, let stream = unsafe self.find(streamID) else { return }
        let base = unsafe self.core.pointee.baseWindowBytes
        let wanted = unsafe min(stream.pointee.heldBytes + toBytes, HTTP2Configuration.maxWindowBytes)
        unsafe stream.pointee.advanceBytes = max(stream.pointee.advanceBytes, wanted - base)
        unsafe self.openWindow(stream, leastBytes: 1)
    }

    /// How many bytes the peer may send on the stream now; 0 for a stream that is gone. (What it knows of may be less:
    /// the news of the rest is on its way.)
    package func receiveWindowBytes(streamID: Int32) -> Int {
        guard let stream = unsafe self.find(streamID) else { return 0 }
        return unsafe max(0, self.availableBytes(stream))
    }

    /// How many bytes the peer may send on the connection now.
    package var connectionReceiveWindowBytes: Int { Int(unsafe nghttp2_session_get_local_window_size(self.session)) }

    /// Sends WINDOW_UPDATE for what the stream's window lacks, if that is worth a frame.
    ///
    /// The window is to be: initial size + advance - held. nghttp2 knows what it is, padding that it has given back by
    /// itself included, so the difference is right whoever moved it last.
    private func openWindow(_ stream: StreamPointer, leastBytes: Int) {
        guard unsafe stream.pointee.flags.isDisjoint(with: [.remoteEnded, .muted, .refused]) else { return }
        let target = unsafe self.core.pointee.baseWindowBytes + stream.pointee.advanceBytes - stream.pointee.heldBytes
        let lack = unsafe target - self.availableBytes(stream)
        guard lack >= leastBytes else { return }
        unsafe nghttp2_submit_window_update(
            self.session, UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue), stream.pointee.id,
            Int32(min(lack, HTTP2Configuration.maxWindowBytes)))
    }

    /// What the window is, below zero after the initial size was lowered under it.
    private func availableBytes(_ stream: StreamPointer) -> Int {
        let streamID = unsafe stream.pointee.id
        let size = unsafe nghttp2_session_get_stream_effective_local_window_size(self.session, streamID)
        let received = unsafe nghttp2_session_get_stream_effective_recv_data_length(self.session, streamID)
        return Int(size) - Int(received)
    }

    // MARK: The connection

    /// Sends a PING; the answer comes as ``HTTP2Event/pingAcknowledged(payload:)``.
    package func ping(payload: UInt64) {
        let result = unsafe withUnsafeBytes(of: payload.bigEndian) { bytes in
            unsafe nghttp2_submit_ping(
                self.session, UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue),
                bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
        }
        if result == 0 { unsafe self.core.pointee.pingsDue += 1 }
    }

    /// The first of two steps of a graceful end (RFC 9113 section 6.8): tells the client to open no more streams, and
    /// still takes those on their way. A round trip later ``goAway(lastStreamID:errorCode:debug:)`` follows. Servers
    /// only; without effect on a client.
    ///
    /// - Parameter pingPayload: of a PING right behind it, whose acknowledgement says that the peer has seen the notice. The
    ///   library would send a PING that is submitted now before the GOAWAY.
    package func sendShutdownNotice(pingPayload: UInt64? = nil) {
        unsafe nghttp2_submit_shutdown_notice(self.session)
        unsafe self.core.pointee.pingBehindNotice = pingPayload
    }

    /// Sends GOAWAY: streams above `lastStreamID` (by default the highest one seen) are refused, those below run to
    /// their end. Then neither ``wantsRead`` nor ``wantsWrite`` is left.
    package func goAway(
        lastStreamID: Int32? = nil, errorCode: HTTP2ErrorCode = .noError, debug: [UInt8] = []
    ) {
        let result = unsafe nghttp2_submit_goaway(
            self.session, UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue),
            lastStreamID ?? self.lastProcessedStreamID, errorCode.rawValue, debug, debug.count)
        if result == 0, errorCode != .noError { unsafe self.core.pointee.ownGoAways += 1 }
    }
}
