import CNghttp2

extension HTTP2Session {
    /// nghttp2's session with our options.
    static func makeSession(
        role: HTTP2Role, configuration: HTTP2Configuration, core: UnsafeMutablePointer<SessionCore>
    ) throws(HTTP2Error) -> OpaquePointer {
        let noMemory = HTTP2Error(code: .outOfMemory, message: "no memory for an HTTP/2 session")
        var option: OpaquePointer?
        guard unsafe nghttp2_option_new(&option) == 0, let option = unsafe option else { throw noMemory }
        defer { unsafe nghttp2_option_del(option) }
        unsafe nghttp2_option_set_no_auto_window_update(option, 1)
        // Closed streams are kept for their place in the priority tree only, and would keep their user data.
        unsafe nghttp2_option_set_no_closed_streams(option, 1)
        unsafe nghttp2_option_set_max_outbound_ack(option, configuration.maxOutboundQueuedFrames)
        unsafe nghttp2_option_set_max_settings(option, configuration.maxSettingsEntries)
        unsafe nghttp2_option_set_max_continuations(option, configuration.maxContinuationFrames)
        unsafe nghttp2_option_set_stream_reset_rate_limit(
            option, UInt64(configuration.resetBurstStreams), UInt64(configuration.resetRefillStreamsPerSecond))

        for type in Callbacks.firstUnknownType...UInt8.max {
            unsafe nghttp2_option_set_user_recv_extension_type(option, type)
        }
        guard let callbacks = unsafe Callbacks.table else { throw noMemory }
        var session: OpaquePointer?
        let result =
            switch role {
            case .server: unsafe nghttp2_session_server_new2(&session, callbacks, core, option)
            case .client: unsafe nghttp2_session_client_new2(&session, callbacks, core, option)
            }
        guard result == 0, let session = unsafe session else { throw noMemory }
        return unsafe session
    }

    /// Queues SETTINGS and opens the connection's window.
    func submitPreface() throws(HTTP2Error) {
        var entries = [
            Self.entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, self.configuration.initialStreamWindowBytes),
            Self.entry(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, self.configuration.maxFrameBytes),
            Self.entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, self.configuration.maxHeaderListBytes),
        ]
        switch self.role {
        case .server:
            entries.append(
                Self.entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, self.configuration.maxConcurrentStreams))
        case .client:
            // gRPC has no pushed streams, so none may come.
            entries.append(Self.entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
        }
        let none = UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue)
        try Self.check(
            unsafe nghttp2_submit_settings(self.session, none, entries, entries.count), "submitting SETTINGS")
        try Self.check(
            unsafe nghttp2_session_set_local_window_size(
                self.session, none, 0, Int32(self.configuration.connectionWindowBytes)),
            "opening the connection's window")
    }

    private static func entry(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
        nghttp2_settings_entry(settings_id: Int32(bitPattern: id.rawValue), value: UInt32(value))
    }

    // MARK: Errors

    /// Throws when nghttp2's answer is an error.
    static func check(_ result: Int32, _ action: @autoclosure () -> String) throws(HTTP2Error) {
        if result < 0 { throw Self.libraryError(result, action()) }
    }

    /// nghttp2's error number as ours.
    static func libraryError(_ result: Int32, _ action: String) -> HTTP2Error {
        let code: HTTP2Error.Code =
            switch result {
            case NGHTTP2_ERR_NOMEM.rawValue: .outOfMemory
            case NGHTTP2_ERR_FLOODED.rawValue: .flooded
            case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue: .protocolViolation(.enhanceYourCalm)
            case NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE.rawValue: .noNewStreams
            default: .internal
            }
        let text = unsafe String(cString: nghttp2_strerror(result))
        return HTTP2Error(code: code, message: "\(action): \(text) (nghttp2 error \(result))", libraryCode: result)
    }
}

extension HTTP2Error {
    /// The first bytes are no client preface: says what they look like, for that is a wrong port or a missing TLS.
    static func badPreface(_ firstBytes: [UInt8]) -> HTTP2Error {
        let looks: String
        if firstBytes.starts(with: [0x16, 0x03]) {
            looks = "it looks like TLS: connect in plain text, or give this listener a certificate"
        } else if ["GET ", "POST ", "PUT ", "HEAD ", "OPTIONS ", "PATCH ", "DELETE ", "CONNECT "]
            .contains(where: { firstBytes.starts(with: $0.utf8.prefix(firstBytes.count)) }), !firstBytes.isEmpty
        {
            looks = "it looks like HTTP/1: use an HTTP/2 client with prior knowledge"
        } else {
            looks = "it is no protocol known here"
        }
        let hexadecimal = firstBytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return HTTP2Error(
            code: .badClientPreface,
            message: "the connection starts with 0x\(hexadecimal), not with the HTTP/2 preface; \(looks)",
            libraryCode: NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue)
    }
}
