import CNghttp2

/// The callback table, one for all sessions. Callbacks append to ``SessionCore`` and return: they neither send nor
/// receive nor call the owner (nghttp2's programmers' guide, "Remarks"). Two of them submit a frame: the read callback the
/// trailers that follow the body, which is nghttp2's own rule, and the header callback a reset.
enum Callbacks {
    typealias Core = UnsafeMutablePointer<SessionCore>

    /// nghttp2's number for "the session can't go on".
    static let failure = NGHTTP2_ERR_CALLBACK_FAILURE.rawValue

    /// The types below are those of RFC 9113 section 6.
    static let firstUnknownType: UInt8 = 10

    /// How many WINDOW_UPDATE frames one DATA frame may bring. One for the stream's window and one for the connection's would do,
    /// but HAProxy sends four, and Envoy takes ten.
    private static let windowUpdatesPerData = 10

    /// `nil` without memory. nghttp2 only reads it, and nobody changes it after this.
    nonisolated(unsafe) static let table: OpaquePointer? = {
        var table: OpaquePointer?
        guard unsafe nghttp2_session_callbacks_new(&table) == 0, let table = unsafe table else { return nil }
        unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(table) { unsafe beginHeaders($0, $1, $2) }
        unsafe nghttp2_session_callbacks_set_on_header_callback(table) {
            session, frame, name, nameCount, value, valueCount, _, user in
            guard let core = unsafe core(user), let frame = unsafe frame else { return failure }
            let goesOn = unsafe core.pointee.appendField(
                name: UnsafeBufferPointer(start: name, count: nameCount),
                value: UnsafeBufferPointer(start: value, count: valueCount))
            guard !goesOn else { return 0 }
            // From here on the block is decoded for the table's sake, but no longer looked at. The library would reset the
            // stream with INTERNAL_ERROR, unless it is being reset already.
            let none = UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue)
            unsafe nghttp2_submit_rst_stream(
                session, none, frame.pointee.hd.stream_id, HTTP2ErrorCode.enhanceYourCalm.rawValue)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
        }
        unsafe nghttp2_session_callbacks_set_on_begin_frame_callback(table) { _, header, user in
            guard let core = unsafe core(user), let header = unsafe header else { return failure }
            unsafe frameBegins(core, header.pointee)
            return 0
        }
        unsafe nghttp2_session_callbacks_set_unpack_extension_callback(table) { _, _, _, _ in
            NGHTTP2_ERR_CANCEL.rawValue
        }
        unsafe nghttp2_session_callbacks_set_on_invalid_header_callback(table) { _, _, _, _, _, _, _, _ in
            // A field that HTTP/2 forbids makes the message malformed (RFC 9113 section 8.2.1): PROTOCOL_ERROR.
            NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
        }
        unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(table) {
            session, _, streamID, data, count, user in
            guard let core = unsafe core(user), let data = unsafe data else { return failure }
            let stream = unsafe stream(session, streamID)
            return unsafe core.pointee.appendData(stream, start: data, count: count) ? 0 : failure
        }
        unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(table) { unsafe frameReceived($0, $1, $2) }
        unsafe nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(table) { _, _, error, user in
            guard let core = unsafe core(user) else { return failure }
            unsafe core.pointee.unheardOf = nil
            unsafe core.pointee.libraryMessage = String(cString: nghttp2_strerror(error))
            return 0
        }
        unsafe nghttp2_session_callbacks_set_error_callback2(table) { _, _, text, count, user in
            guard let core = unsafe core(user), let text = unsafe text else { return failure }
            let bytes = unsafe UnsafeRawBufferPointer(start: text, count: count)
            unsafe core.pointee.libraryMessage = unsafe String(decoding: bytes, as: UTF8.self)
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_frame_send_callback(table) { unsafe frameSent($0, $1, $2) }
        unsafe nghttp2_session_callbacks_set_on_stream_close_callback(table) { session, streamID, errorCode, user in
            guard let core = unsafe core(user) else { return failure }
            if unsafe !core.pointee.unsentRequests.isEmpty { unsafe core.pointee.unsentRequests[streamID] = nil }
            guard let stream = unsafe stream(session, streamID) else { return 0 }
            unsafe nghttp2_session_set_stream_user_data(session, streamID, nil)
            unsafe core.pointee.close(stream, errorCode: errorCode)
            return 0
        }
        return unsafe table
    }()

    // MARK: Sending

    private static func frameSent(
        _ session: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ user: UnsafeMutableRawPointer?
    ) -> Int32 {
        guard let core = unsafe core(user), let frame = unsafe frame else { return failure }
        let header = unsafe frame.pointee.hd
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue, NGHTTP2_DATA.rawValue:
            if unsafe !core.pointee.unsentRequests.isEmpty {
                unsafe core.pointee.unsentRequests[header.stream_id] = nil
            }
            if header.type == UInt8(truncatingIfNeeded: NGHTTP2_DATA.rawValue) {
                unsafe core.pointee.windowUpdatesDue += windowUpdatesPerData
            }
            guard UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0,
                let stream = unsafe stream(session, header.stream_id)
            else { return 0 }
            unsafe stream.pointee.flags.insert(.endSent)
            if unsafe stream.pointee.flags.contains(.resetWhenSent) {
                unsafe core.pointee.pendingResets.append((header.stream_id, .noError))
            }
        case NGHTTP2_RST_STREAM.rawValue:
            // One that the owner didn't ask for answers a malformed message or a violated window (CVE-2025-8671). A
            // request that it ends has counted as a productive frame.
            let stream = unsafe stream(session, header.stream_id)
            guard unsafe stream?.pointee.flags.isDisjoint(with: .silent) ?? true else { return 0 }
            if unsafe frame.pointee.rst_stream.error_code == HTTP2ErrorCode.refusedStream.rawValue {
                unsafe core.pointee.refusals.streams += 1
            }
            let wasProductive = unsafe stream?.pointee.flags.contains(.announced) ?? false
            unsafe core.pointee.unproductiveFrames += wasProductive ? 2 : 1
        case NGHTTP2_GOAWAY.rawValue:
            unsafe noteGoAwaySent(core, errorCode: frame.pointee.goaway.error_code)
            unsafe core.pointee.isNoticeSent = true
        default:
            break
        }
        return 0
    }

    /// A GOAWAY with an error that the owner did not ask for is the library's verdict on the peer.
    private static func noteGoAwaySent(_ core: Core, errorCode: UInt32) {
        guard errorCode != 0 else { return }
        guard unsafe core.pointee.ownGoAways == 0 else {
            unsafe core.pointee.ownGoAways -= 1
            return
        }
        if errorCode == HTTP2ErrorCode.internalError.rawValue {
            // What the library says when the peer's resets exceed the limit given to it, and at no other time.
            unsafe core.pointee.fail(
                HTTP2Error(
                    code: .rapidReset, message: "the peer resets streams faster than it may; close the connection"))
            return
        }
        let name = unsafe String(cString: nghttp2_http2_strerror(errorCode))
        let detail = unsafe core.pointee.libraryMessage
        unsafe core.pointee.fail(
            HTTP2Error(
                code: .protocolViolation(HTTP2ErrorCode(rawValue: errorCode) ?? .protocolError),
                message: "the peer broke HTTP/2, told it so with GOAWAY \(name)"
                    + (detail.isEmpty ? "" : ": \(detail)") + "; close the connection"))
    }

    /// Where nghttp2 gets a body from. The source is the stream's record: it outlives the stream's DATA item.
    static func readBody(
        _ session: OpaquePointer?, _ streamID: Int32, _ buffer: UnsafeMutablePointer<UInt8>?, _ capacity: Int,
        _ flags: UnsafeMutablePointer<UInt32>?, _ source: UnsafeMutablePointer<nghttp2_data_source>?,
        _ user: UnsafeMutableRawPointer?
    ) -> Int {
        guard let core = unsafe core(user), let flags = unsafe flags,
            let stream = unsafe source?.pointee.ptr?.assumingMemoryBound(to: StreamRecord.self)
        else { return Int(failure) }
        let target = unsafe UnsafeMutableRawBufferPointer(start: buffer, count: capacity)
        let count = unsafe stream.pointee.outbound.read(into: target)
        unsafe core.pointee.streams.queuedBytes -= count
        guard unsafe stream.pointee.outbound.isEmpty else { return count }
        if unsafe stream.pointee.flags.contains(.outboundEnded) {
            unsafe flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
            guard let trailers = unsafe stream.pointee.trailers else { return count }
            unsafe flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
            unsafe stream.pointee.trailers = nil
            let fieldCount = unsafe core.pointee.fields.load(trailers)
            let result = unsafe nghttp2_submit_trailer(session, streamID, core.pointee.fields.fields, fieldCount)
            return result == 0 ? count : Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
        }
        guard count > 0 else {
            unsafe stream.pointee.flags.insert(.deferred)
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        unsafe core.pointee.events.append(.init(kind: .outboundDrained, streamID: streamID, stream: stream))
        return count
    }

    // MARK: Pointers

    static func core(_ user: UnsafeMutableRawPointer?) -> Core? {
        unsafe user?.assumingMemoryBound(to: SessionCore.self)
    }

    static func stream(_ session: OpaquePointer?, _ streamID: Int32) -> StreamPointer? {
        unsafe nghttp2_session_get_stream_user_data(session, streamID)?.assumingMemoryBound(to: StreamRecord.self)
    }
}
