import CNghttp2
package import DocketHeaders

extension HTTP2Session {
    // MARK: Heads

    /// Queues a response's head, `:status` first. With `endStream` nothing follows (Trailers-Only in gRPC).
    ///
    /// Throws ``HTTP2Error/Code/unknownStream`` when the stream is gone, ``HTTP2Error/Code/streamState`` when its head
    /// has been submitted already or this is a client.
    package func submitResponse(streamID: Int32, headers: HeaderList, endStream: Bool) throws(HTTP2Error) {
        let stream = try unsafe self.require(streamID)
        guard self.role == .server, unsafe !stream.pointee.flags.contains(.headSubmitted) else {
            throw HTTP2Error(code: .streamState, message: "stream \(streamID) takes no (second) response head")
        }
        let count = unsafe self.core.pointee.fields.load(headers)
        let result: Int32
        if endStream {
            result = unsafe nghttp2_submit_response(
                self.session, streamID, self.core.pointee.fields.fields, count, nil)
        } else {
            var provider = unsafe Self.bodyProvider(stream)
            result = unsafe nghttp2_submit_response(
                self.session, streamID, self.core.pointee.fields.fields, count, &provider)
        }
        try Self.check(result, "submitting the response of stream \(streamID)")
        unsafe stream.pointee.flags.formUnion(Self.flagsOfHead(endStream: endStream))
    }

    /// Queues a request's head, pseudo-header fields first; returns the new stream. nghttp2 holds it back while the
    /// peer allows no further stream.
    ///
    /// Throws ``HTTP2Error/Code/noNewStreams`` after GOAWAY, ``HTTP2Error/Code/streamState`` on a server.
    package func submitRequest(headers: HeaderList, endStream: Bool) throws(HTTP2Error) -> Int32 {
        guard self.role == .client else {
            throw HTTP2Error(code: .streamState, message: "a server submits no requests")
        }
        if let failure = unsafe self.core.pointee.failure { throw failure }
        guard unsafe nghttp2_session_check_request_allowed(self.session) != 0 else {
            throw HTTP2Error(code: .noNewStreams, message: "the connection takes no new streams; open another")
        }
        let count = unsafe self.core.pointee.fields.load(headers)
        let stream = unsafe self.core.pointee.streams.take(id: 0)
        let streamID: Int32
        if endStream {
            streamID = unsafe nghttp2_submit_request(
                self.session, nil, self.core.pointee.fields.fields, count, nil, stream)
        } else {
            var provider = unsafe Self.bodyProvider(stream)
            streamID = unsafe nghttp2_submit_request(
                self.session, nil, self.core.pointee.fields.fields, count, &provider, stream)
        }
        guard streamID > 0 else {
            unsafe self.core.pointee.streams.retire(stream)
            throw Self.libraryError(streamID, "submitting a request")
        }
        unsafe stream.pointee.id = streamID
        unsafe stream.pointee.flags = Self.flagsOfHead(endStream: endStream).union(.announced)
        unsafe self.core.pointee.unsentRequests[streamID] = stream
        return streamID
    }

    // MARK: Bodies

    /// Queues body bytes behind those already queued; the array is kept, not copied. Its owner bounds the queue, see
    /// ``outboundQueuedBytes(streamID:)`` and ``HTTP2Event/outboundDrained(streamID:)``.
    ///
    /// Throws ``HTTP2Error/Code/unknownStream`` or ``HTTP2Error/Code/streamState``, as the next two do.
    package func sendData(streamID: Int32, _ bytes: [UInt8]) throws(HTTP2Error) {
        let stream = try unsafe self.requireBody(streamID)
        unsafe stream.pointee.outbound.append(bytes)
        unsafe self.core.pointee.streams.queuedBytes += bytes.count
        if !bytes.isEmpty { try unsafe self.resume(stream) }
    }

    /// Queues trailers behind the body; they end this direction of the stream.
    package func sendTrailers(streamID: Int32, _ headers: HeaderList) throws(HTTP2Error) {
        let stream = try unsafe self.requireBody(streamID)
        unsafe stream.pointee.flags.insert(.outboundEnded)
        guard unsafe stream.pointee.flags.contains(.deferred) && stream.pointee.outbound.isEmpty else {
            unsafe stream.pointee.trailers = headers
            return try unsafe self.resume(stream)
        }
        // The body has been read to its end: the trailers go by themselves, without an empty DATA frame before them,
        // and even if the peer's window is used up.
        let count = unsafe self.core.pointee.fields.load(headers)
        try Self.check(
            unsafe nghttp2_submit_trailer(self.session, streamID, self.core.pointee.fields.fields, count),
            "submitting the trailers of stream \(streamID)")
    }

    /// Ends this direction behind the body, without trailers.
    package func endStream(streamID: Int32) throws(HTTP2Error) {
        let stream = try unsafe self.requireBody(streamID)
        unsafe stream.pointee.flags.insert(.outboundEnded)
        try unsafe self.resume(stream)
    }

    /// How many body bytes of all streams wait.
    package var outboundQueuedBytes: Int { unsafe self.core.pointee.streams.queuedBytes }

    /// How many body bytes of the stream wait; 0 for a stream that is gone.
    package func outboundQueuedBytes(streamID: Int32) -> Int {
        guard let stream = unsafe self.find(streamID) else { return 0 }
        return unsafe stream.pointee.outbound.byteCount
    }

    /// Resets a stream. Of what it still brings, the owner hears only ``HTTP2Event/streamClosed(streamID:errorCode:)``.
    ///
    /// What is queued is dropped, but ``HTTP2ErrorCode/noError`` on a stream whose output has an end waits until that
    /// end is sent: that is how a server answers before it has read the whole request (RFC 9113 section 8.1). A stream
    /// that is gone is left alone.
    package func resetStream(streamID: Int32, errorCode: HTTP2ErrorCode) {
        guard let stream = unsafe self.find(streamID) else { return }
        unsafe stream.pointee.flags.insert(.muted)
        if errorCode == .noError, unsafe stream.pointee.flags.contains(.outboundEnded),
            unsafe !stream.pointee.flags.contains(.endSent)
        {
            unsafe stream.pointee.flags.insert(.resetWhenSent)
            return
        }
        unsafe stream.pointee.flags.insert(.outboundEnded)
        unsafe self.core.pointee.streams.dropQueue(of: stream)
        unsafe stream.pointee.trailers = nil
        unsafe nghttp2_submit_rst_stream(
            self.session, UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue), streamID, errorCode.rawValue)
    }

    // MARK: Inside

    /// The record of an open stream.
    func find(_ streamID: Int32) -> StreamPointer? {
        guard streamID > 0 else { return nil }
        return unsafe Callbacks.stream(self.session, streamID) ?? self.core.pointee.unsentRequests[streamID]
    }

    private func require(_ streamID: Int32) throws(HTTP2Error) -> StreamPointer {
        guard let stream = unsafe self.find(streamID) else {
            throw HTTP2Error(code: .unknownStream, message: "stream \(streamID) is closed")
        }
        return unsafe stream
    }

    private func requireBody(_ streamID: Int32) throws(HTTP2Error) -> StreamPointer {
        let stream = try unsafe self.require(streamID)
        let flags = unsafe stream.pointee.flags
        guard flags.contains(.bodyOpen), !flags.contains(.outboundEnded) else {
            let reason = flags.contains(.outboundEnded) ? "has been ended" : "has no head yet"
            throw HTTP2Error(code: .streamState, message: "stream \(streamID) \(reason) on this side")
        }
        return unsafe stream
    }

    private func resume(_ stream: StreamPointer) throws(HTTP2Error) {
        guard unsafe stream.pointee.flags.contains(.deferred) else { return }
        unsafe stream.pointee.flags.remove(.deferred)
        let result = unsafe nghttp2_session_resume_data(self.session, stream.pointee.id)
        try Self.check(result, "resuming the body of stream \(unsafe stream.pointee.id)")
    }

    private static func flagsOfHead(endStream: Bool) -> StreamRecord.Flags {
        endStream ? [.headSubmitted, .outboundEnded] : [.headSubmitted, .bodyOpen]
    }

    private static func bodyProvider(_ stream: StreamPointer) -> nghttp2_data_provider {
        unsafe nghttp2_data_provider(
            source: nghttp2_data_source(ptr: stream),
            read_callback: { unsafe Callbacks.readBody($0, $1, $2, $3, $4, $5, $6) })
    }
}
