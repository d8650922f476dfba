package import DocketHeaders

/// What a session tells its owner, in the order of the wire.
package enum HTTP2Event: Equatable, Sendable {
    /// A whole header block: the request or response head first, trailers later. Informational (1xx) responses are
    /// left out. Pseudo-header fields come first, as on the wire.
    case headers(streamID: Int32, HeaderList)
    /// Bytes of a body: a range into the buffer given to ``HTTP2Session/receive(_:onEvent:)``, never empty. The owner
    /// gives them back with `consume` and `consumeConnection`.
    case data(streamID: Int32, range: Range<Int>)
    /// The peer ended its direction (END_STREAM).
    case remoteEnded(streamID: Int32)
    /// The stream is gone; 0 when both sides ended it, else what RST_STREAM said. The last event of a stream; it comes
    /// for every stream whose first `headers` was delivered, and for every request submitted here.
    case streamClosed(streamID: Int32, errorCode: UInt32)
    /// Everything queued with `sendData` has been handed to `output`: time to queue more.
    case outboundDrained(streamID: Int32)
    /// The peer's SETTINGS arrived; see ``HTTP2Session/remoteMaxConcurrentStreams``.
    case settings
    /// The peer acknowledged our SETTINGS.
    case settingsAcknowledged
    /// The peer sent a PING; the answer is queued already.
    case pingReceived
    /// The answer to ``HTTP2Session/ping(payload:)``.
    case pingAcknowledged(payload: UInt64)
    /// The peer takes no streams above `lastStreamID` any more. `lastStreamID` 2³¹-1 is the first of two steps.
    case goAway(lastStreamID: Int32, errorCode: UInt32, debug: [UInt8])
}

/// Streams that a session refused and its owner never hears of, by why.
package struct HTTP2Refusals: Equatable, Sendable {
    /// Their header list, the request's or its trailers, was over ``HTTP2Configuration/maxHeaderListBytes``.
    package var headerLists = 0
    /// They were more than ``HTTP2Configuration/maxConcurrentStreams`` (REFUSED_STREAM, RFC 9113 section 5.1.2).
    package var streams = 0

    /// Nothing.
    package static let none = HTTP2Refusals()
}
