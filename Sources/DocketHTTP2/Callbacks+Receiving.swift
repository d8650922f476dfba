import CNghttp2

// What is received.
extension Callbacks {
    /// Frames of unknown types (see ``HTTP2Session/makeSession(role:configuration:core:)``) are counted and ignored. Of frames for a
    /// stream that is gone the library says nothing but this, and of DATA not even this: they are taken for ignored until a
    /// callback speaks of them.
    static func frameBegins(_ core: Core, _ header: nghttp2_frame_hd) {
        unsafe core.pointee.endIgnoredFrame()
        switch UInt32(header.type) {
        case NGHTTP2_WINDOW_UPDATE.rawValue:
            unsafe core.pointee.unheardOf = .windowUpdate
        case NGHTTP2_HEADERS.rawValue, NGHTTP2_PRIORITY.rawValue:
            unsafe core.pointee.unheardOf = .useless
        case NGHTTP2_CONTINUATION.rawValue where unsafe header.length > core.pointee.maxFrameBytes:
            // The library looks at the length of all others.
            unsafe core.pointee.excessiveFrameBytes = header.length
        case UInt32(firstUnknownType)...:
            unsafe core.pointee.unproductiveFrames += 1
        default:
            break
        }
    }

    static func beginHeaders(
        _ session: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ user: UnsafeMutableRawPointer?
    ) -> Int32 {
        guard let core = unsafe core(user), let frame = unsafe frame else { return failure }
        unsafe core.pointee.unheardOf = nil
        let streamID = unsafe frame.pointee.hd.stream_id
        if unsafe core.pointee.role == .server && frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
            let stream = unsafe core.pointee.streams.take(id: streamID)
            guard unsafe nghttp2_session_set_stream_user_data(session, streamID, stream) == 0 else {
                unsafe core.pointee.streams.retire(stream)
                return failure
            }
            unsafe core.pointee.beginBlock(stream)
        } else {
            unsafe core.pointee.beginBlock(stream(session, streamID))
        }
        return 0
    }

    static func frameReceived(
        _ session: OpaquePointer?, _ frame: UnsafePointer<nghttp2_frame>?, _ user: UnsafeMutableRawPointer?
    ) -> Int32 {
        guard let core = unsafe core(user), let frame = unsafe frame else { return failure }
        unsafe core.pointee.unheardOf = nil
        let header = unsafe frame.pointee.hd
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue:
            unsafe core.pointee.endBlock(
                streamID: header.stream_id, endsStream: UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0)
        case NGHTTP2_DATA.rawValue:
            if UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0 {
                if let stream = unsafe stream(session, header.stream_id) { unsafe core.pointee.endRemote(stream) }
            } else if unsafe header.length == frame.pointee.data.padlen {
                unsafe core.pointee.unproductiveFrames += 1
            }
        case NGHTTP2_SETTINGS.rawValue:
            unsafe noteSettings(core, isAcknowledgement: UInt32(header.flags) & NGHTTP2_FLAG_ACK.rawValue != 0)
        case NGHTTP2_PING.rawValue:
            if UInt32(header.flags) & NGHTTP2_FLAG_ACK.rawValue != 0 {
                unsafe core.pointee.pingAcknowledged()
                var entry = unsafe EventList.Entry(kind: .pingAcknowledged)
                entry.first = Int(bitPattern: UInt(unsafe payload(of: frame)))
                unsafe core.pointee.events.append(entry)
            } else {
                unsafe core.pointee.events.append(.init(kind: .pingReceived))
            }
        case NGHTTP2_GOAWAY.rawValue:
            unsafe core.pointee.unproductiveFrames += 1
            let goAway = unsafe frame.pointee.goaway
            let debug = unsafe UnsafeBufferPointer(start: goAway.opaque_data, count: goAway.opaque_data_len)
            unsafe core.pointee.events.appendGoAway(
                lastStreamID: goAway.last_stream_id, errorCode: goAway.error_code, debug: Array(debug))
        case NGHTTP2_PRIORITY.rawValue:
            unsafe core.pointee.unproductiveFrames += 1
        case NGHTTP2_WINDOW_UPDATE.rawValue where unsafe core.pointee.role == .server:
            unsafe core.pointee.windowUpdated()
        default:
            break
        }
        return 0
    }

    private static func noteSettings(_ core: Core, isAcknowledgement: Bool) {
        if isAcknowledgement {
            let window = unsafe nghttp2_session_get_local_settings(
                unsafe core.pointee.session, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE)
            unsafe core.pointee.baseWindowBytes = Int(window)
            unsafe core.pointee.events.append(.init(kind: .settingsAcknowledged))
        } else {
            if unsafe core.pointee.settingsSeen { unsafe core.pointee.unproductiveFrames += 1 }
            unsafe core.pointee.settingsSeen = true
            unsafe core.pointee.events.append(.init(kind: .settings))
        }
    }

    /// A PING's eight bytes as a number, big-endian.
    private static func payload(of frame: UnsafePointer<nghttp2_frame>) -> UInt64 {
        let bytes = unsafe frame.pointee.ping.opaque_data
        return unsafe withUnsafeBytes(of: bytes) { unsafe UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)) }
    }
}
