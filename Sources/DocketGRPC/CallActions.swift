package import DocketHeaders

/// What a server call makes of a header block.
package enum ServerHeadersAction: Sendable, Equatable {
    /// The call is open: find its method, then either answer or ``ServerCall/finish(_:metadata:)`` it.
    case accept(GRPCRequestHead)
    /// The call is refused: send this one block with END_STREAM. Nothing more comes of the call.
    case refuse(trailersOnly: HeaderList)
    /// Request trailers, which gRPC doesn't know; or a block of a call that is over.
    case ignore
}

/// What a server call has received.
package enum ServerInboundAction: Sendable, Equatable {
    /// A message is announced. Reserve `heapBytes` (what it may take in memory, decompression included) from the
    /// budget, let `wireBytes` more flow on the stream, then call ``ServerCall/reservationGranted()``. Nothing else
    /// comes until then.
    case reserve(wireBytes: Int, heapBytes: Int)
    /// A whole message, decompressed, and whether it came compressed.
    case message([UInt8], wasCompressed: Bool = false)
    /// The client has ended its side, after a whole number of messages.
    case end
    /// The client broke the protocol or a limit. Answer with ``ServerCall/abort(_:)``; nothing else comes.
    case fail(GRPCStatus)
}

/// What a server call wants sent.
package enum ServerOutboundAction: Sendable, Equatable {
    /// HEADERS.
    case headers(HeaderList)
    /// HEADERS first where there are any, then DATA: a whole framed message.
    case message(headers: HeaderList?, frame: [UInt8])
    /// HEADERS first where there are any, then HEADERS with END_STREAM. When ``ServerCall/remoteHasEnded`` is false, a
    /// RST_STREAM with NO_ERROR follows them (gRPC `PROTOCOL-HTTP2.md`, "Early Server Closure").
    case trailers(headers: HeaderList?, trailers: HeaderList)
    /// HEADERS with END_STREAM, the only block of the response. RST_STREAM as with `trailers`.
    case trailersOnly(HeaderList)
    /// Nothing: the stream is gone, or the call was aborted. The caller can't have known in time, so this is no fault.
    case drop
    /// Nothing: the caller broke the order of the calls. A fault of ours, to be logged.
    case misuse(CallMisuse)
}

/// What the closing of a stream means.
package enum ServerCloseAction: Sendable, Equatable {
    /// The call was open: tell its handler that the client has gone.
    case cancelled
    /// The call was over anyway.
    case nothing
}

/// A client call's answer to a request to send.
package enum ClientOutboundAction: Sendable, Equatable {
    /// DATA: a whole framed message.
    case message(frame: [UInt8])
    /// END_STREAM behind what has been sent.
    case end
    /// RST_STREAM with CANCEL.
    case reset
    /// Nothing: the call is over already. No fault.
    case drop
    /// Nothing: the caller broke the order of the calls. A fault of ours, to be logged.
    case misuse(CallMisuse)
}

/// What a client call has received.
package enum ClientInboundAction: Sendable, Equatable {
    /// The response headers.
    case metadata(HeaderList)
    /// As ``ServerInboundAction/reserve(wireBytes:heapBytes:)``.
    case reserve(wireBytes: Int, heapBytes: Int)
    /// A whole message, decompressed.
    case message([UInt8])
    /// The call is over: the status, and the block that carried it (empty when the status was made up here, from an
    /// HTTP status, a reset or a lost connection). When the stream is still open, reset it (NO_ERROR).
    case status(GRPCStatus, trailers: HeaderList)
    /// The call is over because the server broke the protocol or a limit: reset the stream (CANCEL).
    case fail(GRPCStatus)
}

/// How a caller broke the order of the calls.
package enum CallMisuse: Sendable, Equatable {
    /// Headers can be sent once, and only before the first message.
    case headersAlreadySent
    /// The call has been finished by its handler (server) or its sending side has been ended (client).
    case alreadyFinished
    /// No request has been accepted (server) or started (client) yet.
    case notStarted
    /// A message is longer than the 4-byte length of its prefix can say.
    case messageTooLong
}
