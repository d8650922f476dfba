package import DocketHeaders

/// The client's side of one call: the mirror of ``ServerCall``. Pure: no clock, no I/O; deadlines are the caller's, who
/// calls ``cancel()`` at theirs and makes the status up himself (gRPC `doc/PROTOCOL-HTTP2.md`, "Client Cancellation").
///
/// After each `received…`, `reservationGranted`, `streamClosed` and `connectionLost`, call ``nextInbound()`` until it
/// returns `nil`.
///
///     inbound    idle → headers → messages → ended → over
///     outbound   idle → open → ended
///
/// `ended`: the last action is known, and waits until the messages in front of it have been taken.
package struct ClientCall: Sendable, Equatable {
    private enum Inbound: Sendable, Equatable {
        case idle
        /// The response headers have not come yet.
        case headers
        case messages
        case ended(ClientInboundAction)
        case over
    }

    private enum Outbound: Sendable, Equatable {
        case idle
        case open
        /// By its caller: to send more is a mistake.
        case ended
        /// With the call: to send more is merely late.
        case over
    }

    private var inbound = Inbound.idle
    private var outbound = Outbound.idle
    private var deframer: MessageDeframer
    private var encoding = GRPCEncoding.identity
    /// Response headers that ``nextInbound()`` has yet to hand out.
    private var metadata: HeaderList?

    /// Whether the server surely never processed the call, so that it may be sent again as it is, whatever it does
    /// (gRPC A6, "Transparent Retries"). Known together with the status.
    package private(set) var neverProcessed = false
    /// Whether the server has ended its side.
    package private(set) var remoteHasEnded = false

    /// - Parameter maxMessageBytes: the longest reply to accept, in bytes, on the wire and decompressed.
    package init(maxMessageBytes: Int) {
        self.deframer = MessageDeframer(maxMessageBytes: maxMessageBytes)
    }

    // MARK: Outbound

    /// Starts the call, once.
    ///
    /// - Returns: the block to send, without END_STREAM.
    package mutating func start(_ request: GRPCClientRequest) -> HeaderList {
        precondition(self.inbound == .idle && self.outbound == .idle, "a call is started once")
        self.inbound = .headers
        self.outbound = .open
        self.encoding = request.encoding
        return request.headers
    }

    /// Sends a message, gzipped where the request says so and where it gains anything.
    package mutating func sendMessage(_ message: [UInt8]) -> ClientOutboundAction {
        guard message.count <= MessageFraming.maxMessageBytes else { return .misuse(.messageTooLong) }
        return self.send {
            .message(frame: $0 == .gzip ? MessageFraming.frameCompressed(message) : MessageFraming.frame(message))
        }
    }

    /// Sends a message that has its prefix already (``MessageFraming/writePrefix(into:)``): never compressed, never
    /// copied.
    package mutating func sendFrame(_ frame: [UInt8]) -> ClientOutboundAction {
        self.send { _ in .message(frame: frame) }
    }

    /// Ends the sending side.
    package mutating func sendEnd() -> ClientOutboundAction {
        let action = self.send { _ in .end }
        if action == .end { self.outbound = .ended }
        return action
    }

    /// Gives the call up: `.reset` when it was open. Nothing comes of it afterwards.
    package mutating func cancel() -> ClientOutboundAction {
        guard self.inbound != .idle else { return .misuse(.notStarted) }
        let wasOver = self.isOver
        self.inbound = .over
        self.outbound = .over
        self.metadata = nil
        self.deframer.stop()
        return wasOver ? .drop : .reset
    }

    private func send(_ action: (GRPCEncoding) -> ClientOutboundAction) -> ClientOutboundAction {
        switch self.outbound {
        case .open: action(self.encoding)
        case .idle: .misuse(.notStarted)
        case .ended: .misuse(.alreadyFinished)
        case .over: .drop
        }
    }

    // MARK: Inbound

    /// Takes a header block: an interim response, the response headers, trailers, or both in one (Trailers-Only).
    package mutating func receivedHeaders(_ headers: HeaderList) {
        switch self.inbound {
        case .headers: self.receivedFirstHeaders(headers)
        case .messages: self.receivedTrailers(headers)
        case .idle, .ended, .over: break
        }
    }

    /// Takes bytes of DATA frames, copying what is kept.
    package mutating func receivedData(_ bytes: UnsafeRawBufferPointer) {
        switch self.inbound {
        case .messages:
            unsafe self.deframer.receivedData(bytes)
        case .headers:
            self.end(.fail(GRPCStatus(.internal, "the server sent data before headers; it does not speak gRPC")))
        case .idle, .ended, .over: break
        }
    }

    /// Takes the server's END_STREAM.
    package mutating func receivedEnd() {
        self.remoteHasEnded = true
        switch self.inbound {
        case .headers, .messages:
            // The mapping document has 200 without a status as UNKNOWN.
            self.deframer.receivedEnd()
            self.end(
                .status(
                    GRPCStatus(.unknown, "the server ended the stream without a grpc-status"), trailers: HeaderList()))
        case .idle, .ended, .over: break
        }
    }

    /// Grants the reservation that ``nextInbound()`` last asked for. Ignored when the call is over by now.
    package mutating func reservationGranted() {
        self.deframer.reservationGranted()
    }

    /// Takes note that the stream is closed.
    ///
    /// - Parameter errorCode: of the RST_STREAM, either side's; 0 also when both sides ended (RFC 9113 section 7).
    package mutating func streamClosed(errorCode: UInt32) {
        let code = GRPCCode(http2ErrorCode: errorCode)
        self.neverProcessed = self.neverProcessed || (errorCode == 0x7 && self.inbound == .headers)
        let text = code == .resourceExhausted ? "; it finds this client too greedy for its bandwidth" : ""
        self.breakOff(GRPCStatus(code, "the stream was reset with HTTP/2 error code \(errorCode)\(text)"))
    }

    /// Takes note that the connection is lost, or that the server's GOAWAY left the stream out.
    ///
    /// - Parameters:
    ///   - message: what happened.
    ///   - neverProcessed: whether the server surely never saw the call.
    package mutating func connectionLost(_ message: String, neverProcessed: Bool) {
        self.neverProcessed = self.neverProcessed || (neverProcessed && self.inbound == .headers)
        self.breakOff(GRPCStatus(.unavailable, message))
    }

    /// What comes next; `nil` when more has to be received or granted first.
    package mutating func nextInbound() -> ClientInboundAction? {
        if let metadata = self.metadata {
            self.metadata = nil
            return .metadata(metadata)
        }
        switch self.inbound {
        case .messages: return self.nextMessage(last: nil)
        case .ended(let last): return self.nextMessage(last: last)
        case .idle, .headers, .over: return nil
        }
    }

    // MARK: Steps

    /// Whether the last action is known.
    private var isOver: Bool {
        switch self.inbound {
        case .ended, .over: true
        case .idle, .headers, .messages: false
        }
    }

    private mutating func receivedFirstHeaders(_ headers: HeaderList) {
        let httpStatus = headers.value(of: ":status").flatMap { Int($0) } ?? 0
        // Interim responses are skipped (RFC 9113 section 8.1).
        if (100..<200).contains(httpStatus) { return }
        // A status that the server gives counts, whatever HTTP says.
        if let status = GRPCStatus(trailers: headers) {
            self.end(.status(status, trailers: headers))
        } else if httpStatus != 200 {
            let status = GRPCStatus(
                GRPCCode(httpStatus: httpStatus), "the server answered with HTTP status \(httpStatus)")
            self.end(.status(status, trailers: headers))
        } else if !Self.isGRPC(headers) {
            let type = headers.value(of: "content-type")?.prefix(80) ?? "none"
            self.end(.fail(GRPCStatus(.unknown, "the server answered with content-type \(type), not application/grpc")))
        } else if let encoding = self.encoding(of: headers) {
            self.deframer.encoding = encoding
            self.metadata = headers
            self.inbound = .messages
        } else {
            let name = headers.value(of: "grpc-encoding")?.prefix(40) ?? ""
            self.end(
                .fail(GRPCStatus(.internal, "the server compresses with \(name); identity and gzip are supported")))
        }
    }

    private static func isGRPC(_ headers: HeaderList) -> Bool {
        guard let index = headers.firstIndex(of: "content-type") else { return false }
        return headers.valueBytes(at: index).span.isGRPCContentType
    }

    private func encoding(of headers: HeaderList) -> GRPCEncoding? {
        guard let index = headers.firstIndex(of: "grpc-encoding") else { return .identity }
        return GRPCEncoding(headers.valueBytes(at: index))
    }

    private mutating func receivedTrailers(_ trailers: HeaderList) {
        let status = GRPCStatus(trailers: trailers) ?? GRPCStatus(.unknown, "the server's trailers have no grpc-status")
        self.deframer.receivedEnd()
        self.end(.status(status, trailers: trailers))
    }

    /// Fixes the last action. Messages that have come in whole are handed out before it.
    private mutating func end(_ last: ClientInboundAction) {
        self.inbound = .ended(last)
        self.outbound = .over
    }

    /// Ends the call, unless its last action is known, without the messages that have not been taken.
    private mutating func breakOff(_ status: GRPCStatus) {
        guard !self.isOver, self.inbound != .idle else { return }
        self.deframer.stop()
        self.end(.status(status, trailers: HeaderList()))
    }

    private mutating func nextMessage(last: ClientInboundAction?) -> ClientInboundAction? {
        switch self.deframer.next() {
        case .reserve(let wireBytes, let heapBytes):
            return .reserve(wireBytes: wireBytes, heapBytes: heapBytes)
        case .message(let message, _):
            return .message(message)
        case .fail(let fault):
            self.inbound = .over
            self.outbound = .over
            // A server that fails may well leave half a message behind: its own reason tells more.
            if case .status(let status, _)? = last, !status.isOK { return last }
            return .fail(fault)
        case .end:
            return self.takeLast(last)
        case nil:
            // Without an end, the deframer still waits: for a grant, or (Trailers-Only, a reset) for nothing at all.
            guard last != nil, !self.deframer.isWaitingForGrant else { return nil }
            return self.takeLast(last)
        }
    }

    private mutating func takeLast(_ last: ClientInboundAction?) -> ClientInboundAction? {
        guard let last else { return nil }
        self.inbound = .over
        return last
    }
}
