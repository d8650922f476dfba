package import DocketHeaders

/// The server's side of one call: header blocks and bytes go in, named actions come out. Pure: no clock, no I/O.
///
/// Inbound, ``receivedHeaders(_:)`` answers at once. After `receivedData`, `receivedEnd` and `reservationGranted`, call
/// ``nextInbound()`` until it returns `nil`.
///
///     inbound    idle → open → over
///     outbound   idle → held → sent → finished
///                         └──────────────↗
///
/// `held`: the headers wait for the first message, so that a failure before it is one block (Trailers-Only; gRPC A6,
/// "When Retries are Valid"). Either side goes to its last state when the stream closes or the call is aborted.
///
/// Three sorts of wrong moves are kept apart: the peer's (``ServerInboundAction/fail(_:)``), our own
/// (``ServerOutboundAction/misuse(_:)``), and those that the caller could not know to be late
/// (``ServerOutboundAction/drop``).
package struct ServerCall: Sendable, Equatable {
    private enum Inbound: Sendable, Equatable {
        case idle
        case open
        case over
    }

    private enum Outbound: Sendable, Equatable {
        case idle
        case held
        case sent
        /// By its handler: whatever the handler does now is a mistake.
        case finished
        /// By somebody else, or the stream is gone: whatever the handler does now is merely late.
        case aborted
    }

    private var inbound = Inbound.idle
    private var outbound = Outbound.idle
    private var deframer: MessageDeframer
    /// Whether the client takes gzipped replies.
    private var acceptsGzip = false
    /// How this call's replies are compressed, those that are.
    private var replyEncoding = GRPCEncoding.identity

    /// Whether the client has ended its side: if not, trailers are followed by a reset.
    package private(set) var remoteHasEnded = false

    /// - Parameter maxMessageBytes: the longest message to accept, in bytes, on the wire and decompressed.
    package init(maxMessageBytes: Int) {
        self.deframer = MessageDeframer(maxMessageBytes: maxMessageBytes)
    }

    /// Whether the call was accepted and is still to be answered.
    package var isOpen: Bool { self.outbound == .held || self.outbound == .sent }

    // MARK: Inbound

    /// Accepts no messages longer than that, in bytes, from now on: for methods whose requests are small. To be called before
    /// anything of a message has come; a limit that is smaller already stays.
    package mutating func limitMessages(toBytes bytes: Int) { self.deframer.limitMessages(toBytes: bytes) }

    /// Takes a header block: the request's, or its trailers.
    package mutating func receivedHeaders(_ headers: HeaderList) -> ServerHeadersAction {
        guard self.inbound == .idle else { return .ignore }
        do {
            let head = try GRPCRequestHead(headers)
            self.inbound = .open
            self.outbound = .held
            self.deframer.encoding = head.encoding
            self.acceptsGzip = head.acceptsGzip
            // Whoever compresses finds it worth its price.
            if head.encoding == .gzip { self.setReplyEncoding(.gzip) }
            return .accept(head)
        } catch {
            self.inbound = .over
            self.outbound = .aborted
            return .refuse(trailersOnly: ResponseHeaders.trailersOnly(error.status, httpStatus: error.httpStatus))
        }
    }

    /// Takes bytes of DATA frames. They are copied; never more is kept than the stream's window let in.
    package mutating func receivedData(_ bytes: UnsafeRawBufferPointer) {
        guard self.inbound == .open else { return }
        unsafe self.deframer.receivedData(bytes)
    }

    /// Takes the client's END_STREAM.
    package mutating func receivedEnd() {
        self.remoteHasEnded = true
        self.deframer.receivedEnd()
    }

    /// Grants the reservation that ``nextInbound()`` last asked for. Ignored when the call is over by now.
    package mutating func reservationGranted() {
        self.deframer.reservationGranted()
    }

    /// Whether a message's prefix has begun to come and isn't whole.
    package var isInPrefix: Bool { self.inbound == .open && self.deframer.isInPrefix }

    /// What comes next; `nil` when more has to be received or granted first.
    package mutating func nextInbound() -> ServerInboundAction? {
        guard self.inbound == .open, let action = self.deframer.next() else { return nil }
        switch action {
        case .reserve(let wireBytes, let heapBytes):
            return .reserve(wireBytes: wireBytes, heapBytes: heapBytes)
        case .message(let message, let wasCompressed):
            return .message(message, wasCompressed: wasCompressed)
        case .end:
            self.inbound = .over
            return .end
        case .fail(let status):
            self.inbound = .over
            return .fail(status)
        }
    }

    /// Takes note that the stream is closed, by either side or with its connection.
    package mutating func streamClosed() -> ServerCloseAction {
        let wasOpen = self.isOpen
        self.stopReceiving()
        self.outbound = .aborted
        return wasOpen ? .cancelled : .nothing
    }

    // MARK: Outbound

    /// Chooses how this call's replies are compressed, as long as the response headers, which say so, have not been
    /// sent. Without a choice they are as the client's own messages are.
    ///
    /// - Returns: whether they will be so: not when it is too late, or when the client doesn't accept that encoding (gRPC
    ///   `doc/compression.md`: they are sent as they are then).
    @discardableResult
    package mutating func setReplyEncoding(_ encoding: GRPCEncoding) -> Bool {
        guard self.outbound == .held, encoding == .identity || self.acceptsGzip else { return false }
        self.replyEncoding = encoding
        return true
    }

    /// Sends the response headers now, with custom metadata behind them.
    package mutating func sendHeaders(metadata: HeaderList = HeaderList()) -> ServerOutboundAction {
        switch self.outbound {
        case .held:
            self.outbound = .sent
            var headers = self.responseHeaders
            headers.append(contentsOf: metadata)
            return .headers(headers)
        case .idle: return .misuse(.notStarted)
        case .sent: return .misuse(.headersAlreadySent)
        case .finished: return .misuse(.alreadyFinished)
        case .aborted: return .drop
        }
    }

    /// Sends a message, and before the first one the headers.
    ///
    /// - Parameter compress: whether it may be compressed, where the call's replies are and where that gains anything.
    package mutating func sendMessage(_ message: [UInt8], compress: Bool = true) -> ServerOutboundAction {
        guard message.count <= MessageFraming.maxMessageBytes else { return .misuse(.messageTooLong) }
        switch self.outbound {
        case .held:
            self.outbound = .sent
            return .message(headers: self.responseHeaders, frame: self.frame(message, compress))
        case .sent: return .message(headers: nil, frame: self.frame(message, compress))
        case .idle: return .misuse(.notStarted)
        case .finished: return .misuse(.alreadyFinished)
        case .aborted: return .drop
        }
    }

    /// Ends the call with a status, as its handler wants it. Messages that still come in are ignored.
    ///
    /// - Parameter metadata: custom metadata for the trailers.
    package mutating func finish(
        _ status: GRPCStatus, metadata: HeaderList = HeaderList()
    ) -> ServerOutboundAction {
        switch self.outbound {
        case .held, .sent: return self.end(status, metadata, as: .finished)
        case .idle: return .misuse(.notStarted)
        case .finished: return .misuse(.alreadyFinished)
        case .aborted: return .drop
        }
    }

    /// Ends the call from outside of its handler (after ``ServerInboundAction/fail(_:)``, at its deadline, at
    /// shutdown): what the handler sends later is dropped.
    package mutating func abort(_ status: GRPCStatus) -> ServerOutboundAction {
        switch self.outbound {
        case .held, .sent: return self.end(status, HeaderList(), as: .aborted)
        case .idle: return .misuse(.notStarted)
        case .finished, .aborted: return .drop
        }
    }

    // MARK: Steps

    private mutating func end(
        _ status: GRPCStatus, _ metadata: HeaderList, as end: Outbound
    ) -> ServerOutboundAction {
        let wasHeld = self.outbound == .held
        self.outbound = end
        self.stopReceiving()
        if wasHeld, !status.isOK {
            return .trailersOnly(ResponseHeaders.trailersOnly(status, metadata: metadata))
        }
        let trailers = ResponseHeaders.trailers(status, metadata: metadata)
        return .trailers(headers: wasHeld ? self.responseHeaders : nil, trailers: trailers)
    }

    private mutating func stopReceiving() {
        self.inbound = .over
        self.deframer.stop()
    }

    private var responseHeaders: HeaderList {
        self.replyEncoding == .gzip ? ResponseHeaders.gzip : ResponseHeaders.identity
    }

    private func frame(_ message: [UInt8], _ compress: Bool) -> [UInt8] {
        compress && self.replyEncoding == .gzip
            ? MessageFraming.frameCompressed(message) : MessageFraming.frame(message)
    }
}

/// The blocks that a server sends; the common ones are made once.
enum ResponseHeaders {
    /// Response headers in front of messages as they are.
    static let identity = HeaderList([
        ":status": "200", "content-type": "application/grpc", "grpc-accept-encoding": "identity,gzip",
    ])

    /// Response headers in front of messages that may be gzipped.
    static let gzip = HeaderList([
        ":status": "200", "content-type": "application/grpc", "grpc-encoding": "gzip",
        "grpc-accept-encoding": "identity,gzip",
    ])

    private static let success = HeaderList(["grpc-status": "0"])

    static func trailers(_ status: GRPCStatus, metadata: HeaderList) -> HeaderList {
        if metadata.isEmpty, status == .ok { return Self.success }
        var trailers = HeaderList()
        status.append(to: &trailers)
        trailers.append(contentsOf: metadata)
        return trailers
    }

    /// The only block of a response. It names the encodings that are accepted, which a client that used another one
    /// needs (gRPC `doc/compression.md`).
    static func trailersOnly(
        _ status: GRPCStatus, httpStatus: Int = 200, metadata: HeaderList = HeaderList()
    ) -> HeaderList {
        var block = HeaderList(reservingFields: 8, bytes: 256)
        block.append(":status", String(httpStatus))
        block.append("content-type", "application/grpc")
        block.append("grpc-accept-encoding", "identity,gzip")
        status.append(to: &block)
        block.append(contentsOf: metadata)
        return block
    }
}
