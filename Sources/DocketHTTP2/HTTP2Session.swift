import CNghttp2

/// One HTTP/2 connection (RFC 9113) without a socket: bytes in, events and bytes out, by nghttp2.
///
/// - One thread owns it; it isn't `Sendable`. `receive` and `output` never call each other: nghttp2's callbacks only
///   note what happened, and the owner hears of it after the library's call has returned.
/// - Flow control is manual on both levels. Every body byte delivered is given back with ``consume(streamID:bytes:)``
///   and with ``consumeConnection(bytes:)``; padding and bytes of streams that are gone are given back here.
/// - A header list over the limit resets its stream with ENHANCE_YOUR_CALM, which gRPC clients report as
///   RESOURCE_EXHAUSTED and don't retry (gRPC over HTTP/2, "Errors"). HTTP status 431 would reach them as UNKNOWN.
///   Of a request refused so, no event is delivered.
/// - A peer that oversteps a stream's window is reset with FLOW_CONTROL_ERROR. The piece that oversteps it may be
///   delivered still; it is at most a frame's part of one slice.
/// - A fault of the peer ends the connection: `output` hands out the GOAWAY that says why, then throws.
@safe
package final class HTTP2Session {
    private enum Phase { case idle, receiving, sending }

    /// How much is given to nghttp2 at once: it bounds the list of events.
    private static let sliceBytes = 16 * 1024

    /// Which end this is.
    package let role: HTTP2Role
    /// What it was made with.
    package let configuration: HTTP2Configuration
    let core: UnsafeMutablePointer<SessionCore>
    let session: OpaquePointer
    private var phase = Phase.idle
    /// What the client sent first, to say what it was if it is no HTTP/2.
    private var firstBytes: [UInt8] = []
    private var receivedByteCount = 0

    /// Makes a session and queues its preface: SETTINGS, and for a larger connection window a WINDOW_UPDATE.
    ///
    /// Throws ``HTTP2Error/Code/configuration`` or ``HTTP2Error/Code/outOfMemory``.
    package init(role: HTTP2Role, configuration: HTTP2Configuration = HTTP2Configuration()) throws(HTTP2Error) {
        try configuration.validate()
        let core = UnsafeMutablePointer<SessionCore>.allocate(capacity: 1)
        unsafe core.initialize(to: SessionCore(role: role, configuration: configuration))
        let session: OpaquePointer
        do throws(HTTP2Error) {
            unsafe session = try Self.makeSession(role: role, configuration: configuration, core: core)
        } catch {
            unsafe Self.destroy(core)
            throw error
        }
        unsafe core.pointee.session = session
        self.role = role
        self.configuration = configuration
        unsafe self.core = core
        unsafe self.session = session
        // From here on deinit cleans up.
        try self.submitPreface()
    }

    deinit {
        unsafe nghttp2_session_del(self.session)
        unsafe Self.destroy(self.core)
    }

    // MARK: Input

    /// Feeds bytes, and calls `onEvent` for each event, in order, after at most 16 KiB each time. `onEvent` may call
    /// any method but `receive`, `drainEvents` and `output`. Throws errors of the connection only, after the events
    /// that came before; then write what `output` still has, and close.
    package func receive(_ bytes: UnsafeRawBufferPointer, onEvent: (HTTP2Event) -> Void) throws(HTTP2Error) {
        if let failure = unsafe self.core.pointee.failure { throw failure }
        self.enter(.receiving)
        defer { self.phase = .idle }
        guard let base = bytes.baseAddress else { return }
        unsafe self.noteFirstBytes(bytes)
        var offset = 0
        while offset < bytes.count {
            let count = min(Self.sliceBytes, bytes.count - offset)
            let start = unsafe base + offset
            unsafe self.core.pointee.slice = start
            unsafe self.core.pointee.sliceOffset = offset
            unsafe self.core.pointee.sliceCount = count
            let result = unsafe nghttp2_session_mem_recv(
                self.session, start.assumingMemoryBound(to: UInt8.self), count)
            unsafe self.core.pointee.slice = nil
            if result < 0 { unsafe self.core.pointee.fail(self.inputError(Int32(truncatingIfNeeded: result))) }
            self.settle()
            self.deliver(onEvent)
            self.settle()
            if let failure = unsafe self.core.pointee.failure { throw failure }
            offset += count
        }
    }

    /// The peer has closed its side. Throws ``HTTP2Error/Code/truncatedPreface`` when it never got so far as to speak
    /// HTTP/2; streams that are cut short are the owner's to end.
    package func receiveEnd() throws(HTTP2Error) {
        if let failure = unsafe self.core.pointee.failure { throw failure }
        guard unsafe !self.core.pointee.settingsSeen else { return }
        let error = HTTP2Error(
            code: .truncatedPreface,
            message: "the peer closed after \(self.receivedByteCount) bytes, before its HTTP/2 preface was complete")
        unsafe self.core.pointee.fail(error)
        throw error
    }

    /// What was refused since this was last asked; there is no event of it.
    package func takeRefusals() -> HTTP2Refusals {
        defer { unsafe self.core.pointee.refusals = HTTP2Refusals() }
        return unsafe self.core.pointee.refusals
    }

    /// Delivers events that arose outside `receive`: streams closed and queues emptied by `output`.
    package func drainEvents(_ onEvent: (HTTP2Event) -> Void) {
        guard unsafe self.core.pointee.events.count > 0 else { return }
        self.enter(.receiving)
        defer { self.phase = .idle }
        self.deliver(onEvent)
        self.settle()
    }

    /// Whether events wait for ``drainEvents(_:)``.
    package var hasEvents: Bool { unsafe self.core.pointee.events.count > 0 }

    // MARK: Output

    /// Hands out everything that may be sent now, a frame or so at a time; a piece is valid during its call only, and
    /// `write` must not call the session. Throws errors of the connection, after the last piece: close then.
    ///
    /// - Parameter bytes: after so many there is no further piece, though ``wantsWrite`` may say that there is more. Control frames
    ///   come before those of bodies.
    package func output(
        upToBytes bytes: Int = .max, _ write: (UnsafeRawBufferPointer) -> Void
    ) throws(HTTP2Error) {
        self.enter(.sending)
        defer { self.phase = .idle }
        if let failure = unsafe self.core.pointee.failure, failure.isFatal { throw failure }
        var written = 0
        while true {
            var data: UnsafePointer<UInt8>?
            let count = unsafe nghttp2_session_mem_send(self.session, &data)
            if count > 0 {
                unsafe write(UnsafeRawBufferPointer(start: data, count: count))
                written += count
                if written < bytes { continue }
                self.settle()
                break
            }
            if count < 0 {
                unsafe self.core.pointee.fail(Self.libraryError(Int32(truncatingIfNeeded: count), "writing frames"))
                break
            }
            // Resets that waited for the end of their stream's output are frames of their own.
            guard self.settle() else { break }
        }
        if let failure = unsafe self.core.pointee.failure { throw failure }
    }

    // MARK: State

    /// Whether the session still has a use for input. When it wants neither to read nor to write, close.
    package var wantsRead: Bool {
        unsafe self.core.pointee.failure == nil && nghttp2_session_want_read(self.session) != 0
    }

    /// Whether `output` has something to hand out.
    package var wantsWrite: Bool {
        if let failure = unsafe self.core.pointee.failure, failure.isFatal { return false }
        return unsafe nghttp2_session_want_write(self.session) != 0
    }

    /// The highest stream of the peer that reached this side; 0 before the first.
    package var lastProcessedStreamID: Int32 { unsafe nghttp2_session_get_last_proc_stream_id(self.session) }

    /// How many streams the peer lets us have open at once; 100 until its SETTINGS arrive.
    package var remoteMaxConcurrentStreams: Int {
        Int(unsafe nghttp2_session_get_remote_settings(self.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
    }

    /// How many streams are open, both sides' together, requests not yet sent included.
    package var openStreamCount: Int { unsafe self.core.pointee.streams.openCount }

    // MARK: Inside

    private func enter(_ phase: Phase) {
        precondition(self.phase == .idle, "receive, drainEvents and output must not be called from one another")
        self.phase = phase
    }

    private func deliver(_ onEvent: (HTTP2Event) -> Void) {
        var index = 0
        while unsafe index < self.core.pointee.events.count {
            let entry = unsafe self.core.pointee.events.entries[index]
            index += 1
            if let stream = unsafe entry.stream, unsafe stream.pointee.flags.contains(.muted) {
                // The owner has reset the stream while these were on their way.
                if entry.kind == .data { self.forgo(entry.second - entry.first) }
                guard entry.kind == .streamClosed else { continue }
            }
            onEvent(unsafe self.core.pointee.events.take(entry))
        }
        unsafe self.core.pointee.events.removeAll()
        unsafe self.core.pointee.streams.recycle()
    }

    private func forgo(_ bytes: Int) {
        unsafe self.core.pointee.connectionHeldBytes -= bytes
        unsafe self.core.pointee.connectionCredit += bytes
    }

    /// Does what callbacks left to do; says whether there was something to send.
    @discardableResult
    private func settle() -> Bool {
        var hasWork = false
        let credit = unsafe self.core.pointee.connectionCredit
        if credit > 0 {
            unsafe self.core.pointee.connectionCredit = 0
            unsafe nghttp2_session_consume_connection(self.session, credit)
            hasWork = true
        }
        while let reset = unsafe self.core.pointee.pendingResets.popLast() {
            // The stream may have ended by itself meanwhile.
            guard unsafe self.find(reset.streamID) != nil else { continue }
            unsafe nghttp2_submit_rst_stream(
                self.session, UInt8(truncatingIfNeeded: NGHTTP2_FLAG_NONE.rawValue), reset.streamID,
                reset.errorCode.rawValue)
            hasWork = true
        }
        if unsafe self.core.pointee.isNoticeSent, let payload = unsafe self.core.pointee.pingBehindNotice {
            unsafe self.core.pointee.pingBehindNotice = nil
            self.ping(payload: payload)
            hasWork = true
        }
        if unsafe self.core.pointee.unproductiveFrames > self.configuration.maxUnproductiveFrames {
            unsafe self.core.pointee.unproductiveFrames = 0
            self.terminate(
                .enhanceYourCalm,
                "more than \(self.configuration.maxUnproductiveFrames) frames without use (max_unproductive_frames)")
            hasWork = true
        }
        if let bytes = unsafe self.core.pointee.excessiveFrameBytes {
            unsafe self.core.pointee.excessiveFrameBytes = nil
            self.terminate(
                .frameSizeError,
                "a CONTINUATION frame of \(bytes) bytes; at most \(self.configuration.maxFrameBytes) are taken")
            hasWork = true
        }
        return hasWork
    }

    private func terminate(_ code: HTTP2ErrorCode, _ message: String) {
        unsafe self.core.pointee.libraryMessage = message
        unsafe nghttp2_session_terminate_session(self.session, code.rawValue)
    }

    private func noteFirstBytes(_ bytes: UnsafeRawBufferPointer) {
        self.receivedByteCount += bytes.count
        guard self.role == .server, self.firstBytes.count < 8 else { return }
        unsafe self.firstBytes.append(contentsOf: bytes.prefix(8 - self.firstBytes.count))
    }

    private func inputError(_ result: Int32) -> HTTP2Error {
        guard result == NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue else {
            return Self.libraryError(result, "reading frames")
        }
        return .badPreface(self.firstBytes)
    }

    private static func destroy(_ core: UnsafeMutablePointer<SessionCore>) {
        unsafe core.pointee.destroy()
        unsafe core.deinitialize(count: 1)
        unsafe core.deallocate()
    }
}
