package import DocketGRPC
package import DocketMessages

extension GRPCStatus {
    /// A status with details for programs, as `grpc-status-details-bin` carries them.
    ///
    /// - Parameters:
    ///   - details: of `google.rpc`; without any, and without a time to try again, the status is a plain one.
    ///   - retryAfterMilliseconds: when trying again makes sense, in milliseconds; said as RetryInfo, which applications
    ///     read, and as pushback, which gRPC's own retries read (gRPC A6). `nil` when it doesn't, or nothing is known.
    package init(
        _ code: GRPCCode, _ message: String, details: [StatusDetail], retryAfterMilliseconds: Int? = nil
    ) {
        self.init(code, message, retryPushbackMilliseconds: retryAfterMilliseconds)
        let retry = retryAfterMilliseconds.map { [StatusDetail.retryInfo(delay: .milliseconds($0))] } ?? []
        guard !(details + retry).isEmpty else { return }
        self.details = StatusMessage(code: Int32(code.rawValue), message: message, details: details + retry)
            .shortened().serialized()
    }

    /// The status of a request that can't be read, with the field at fault where it is one field.
    package init(_ error: MessageError) {
        let violations = [StatusDetail.FieldViolation(field: error.field, description: error.message)]
        self.init(GRPCCode(error), error.description, details: error.field.isEmpty ? [] : [.badRequest(violations)])
    }
}

extension GRPCCode {
    /// The code of a request that can't be read: INTERNAL where the bytes aren't the message at all, as gRPC has it (statuscodes.md), and
    /// INVALID_ARGUMENT where what they say is at fault.
    package init(_ error: MessageError) {
        self = error.code == .malformed && error.field.isEmpty ? .internal : .invalidArgument
    }
}
