/// How a call ended: the error type of this room and of everything that answers calls.
///
/// It travels as `grpc-status`, `grpc-message`, `grpc-status-details-bin` and `grpc-retry-pushback-ms`.
package struct GRPCStatus: Error, Sendable, Equatable {
    /// The sort of end.
    package var code: GRPCCode
    /// What went wrong, for people: names the value, the limit and the remedy. Any Unicode text.
    package var message: String
    /// An encoded `google.rpc.Status`, opaque here; empty when there is none.
    package var details: [UInt8]
    /// How long the client should wait before it tries again, in milliseconds; negative: it should not try again at
    /// all; `nil`: the server says nothing about it (gRPC A6, "Pushback").
    package var retryPushbackMilliseconds: Int?

    /// A status with a code and what else is known.
    package init(
        _ code: GRPCCode,
        _ message: String = "",
        details: [UInt8] = [],
        retryPushbackMilliseconds: Int? = nil
    ) {
        self.code = code
        self.message = message
        self.details = details
        self.retryPushbackMilliseconds = retryPushbackMilliseconds
    }

    /// Success.
    package static let ok = GRPCStatus(.ok)

    /// Whether the call succeeded.
    package var isOK: Bool { self.code == .ok }
}

extension GRPCStatus: CustomStringConvertible {
    /// The code's name and the message.
    package var description: String {
        self.message.isEmpty ? self.code.name : "\(self.code.name): \(self.message)"
    }
}
