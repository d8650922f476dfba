/// An error of an HTTP/2 session. Errors of the connection (``isConnectionError``) are final: every later call throws
/// the same one. Those of a stream concern that call only.
package struct HTTP2Error: Error, Sendable, Equatable, CustomStringConvertible {
    /// What went wrong.
    package enum Code: Sendable, Equatable {
        /// A configured value lies outside its bounds.
        case configuration
        /// The peer's first bytes are no HTTP/2 client preface (RFC 9113 section 3.4).
        case badClientPreface
        /// The peer closed before it had sent its whole preface.
        case truncatedPreface
        /// The peer broke the protocol; the error code is what the GOAWAY frame tells it.
        case protocolViolation(HTTP2ErrorCode)
        /// The peer sends frames that must be answered and doesn't read the answers.
        case flooded
        /// The peer opened and reset streams faster than it may (CVE-2023-44487).
        case rapidReset
        /// No memory for the session.
        case outOfMemory
        /// No stream of that number is open here: it was closed, by either side. A legitimate drop, not a fault.
        case unknownStream
        /// The call doesn't fit the stream's state, say data after the trailers. Our own fault.
        case streamState
        /// The peer accepts no new streams (GOAWAY), or the stream numbers are used up. Open a new connection.
        case noNewStreams
        /// nghttp2 refused a call of ours.
        case `internal`
    }

    /// What went wrong.
    package let code: Code
    /// Names the value, the limit and the remedy.
    package let message: String
    /// nghttp2's number for it, 0 when the error is not from there.
    package let libraryCode: Int32

    package init(code: Code, message: String, libraryCode: Int32 = 0) {
        self.code = code
        self.message = message
        self.libraryCode = libraryCode
    }

    package var description: String { self.message }

    /// Whether nghttp2 must not be called any more (`nghttp2_is_fatal`): there is no GOAWAY to be had from it.
    var isFatal: Bool { self.libraryCode < -900 }

    /// Whether the connection is beyond use: write what ``HTTP2Session/output(_:)`` still has, then close.
    package var isConnectionError: Bool {
        switch self.code {
        case .badClientPreface, .truncatedPreface, .protocolViolation, .flooded, .rapidReset, .outOfMemory, .internal:
            true
        case .configuration, .unknownStream, .streamState, .noNewStreams: false
        }
    }
}

/// The error codes of RST_STREAM and GOAWAY (RFC 9113 section 7).
package enum HTTP2ErrorCode: UInt32, Sendable, Hashable {
    case noError = 0x0
    case protocolError = 0x1
    case internalError = 0x2
    case flowControlError = 0x3
    case settingsTimeout = 0x4
    case streamClosed = 0x5
    case frameSizeError = 0x6
    case refusedStream = 0x7
    case cancel = 0x8
    case compressionError = 0x9
    case connectError = 0xa
    case enhanceYourCalm = 0xb
    case inadequateSecurity = 0xc
    case http11Required = 0xd
}
