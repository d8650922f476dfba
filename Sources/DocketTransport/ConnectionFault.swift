import DocketHTTP2

/// By which fault of the peer a connection ended, as metrics name it.
enum ConnectionFault: String, CaseIterable {
    /// What came is no HTTP/2.
    case notHTTP2 = "not_http2"
    case tls
    /// Streams opened and reset faster than the limit (CVE-2023-44487).
    case rapidReset = "rapid_reset"
    /// PINGs or SETTINGS whose answers aren't read.
    case unreadAnswers = "unread_answers"
    /// Frames without use, or CONTINUATION without end.
    case enhanceYourCalm = "enhance_your_calm"
    case protocolError = "protocol_error"
    case flowControlError = "flow_control_error"
    case frameSizeError = "frame_size_error"
    case compressionError = "compression_error"
    case streamClosed = "stream_closed"
    /// Anything else.
    case other

    /// - Parameter error: why the session can't go on.
    init(_ error: any Error) {
        guard let error = error as? HTTP2Error else {
            self = .other
            return
        }
        self =
            switch error.code {
            case .badClientPreface, .truncatedPreface: .notHTTP2
            case .flooded: .unreadAnswers
            case .rapidReset: .rapidReset
            case .protocolViolation(let code): Self.named[code] ?? .other
            default: .other
            }
    }

    private static let named: [HTTP2ErrorCode: ConnectionFault] = [
        .enhanceYourCalm: .enhanceYourCalm, .protocolError: .protocolError, .flowControlError: .flowControlError,
        .frameSizeError: .frameSizeError, .compressionError: .compressionError, .streamClosed: .streamClosed,
    ]
}
