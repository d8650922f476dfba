internal import DocketCodec
package import DocketGRPC
internal import DocketMessages
internal import DocketModel
internal import DocketRegistry
internal import DocketStore

/// Why a whole batch, or a whole call, is refused: a gRPC status before it has been given its details.
package struct PublishRefusal: Error, Sendable, Equatable {
    package let code: GRPCCode
    /// Names the value, the limit and the remedy.
    package let message: String
    /// When trying again makes sense, in milliseconds; `nil` when it doesn't, or nothing is known.
    package let retryAfterMilliseconds: Int?

    package init(_ code: GRPCCode, _ message: String, retryAfterMilliseconds: Int? = nil) {
        self.code = code
        self.message = message
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }

    /// The pause that a client is asked for when nothing better is known.
    private static let defaultRetryMilliseconds = 250

    static let missingToken = PublishRefusal(
        .unauthenticated, "no credential; send the metadata 'authorization: Bearer TOKEN'")
    static let unknownToken = PublishRefusal(
        .unauthenticated, "the token is unknown, revoked or expired; ask the operator for a new one")
    static let leaseLost = PublishRefusal(
        .unavailable,
        "the collector's node lease has run out, since PostgreSQL can't be reached; try again, or another collector",
        retryAfterMilliseconds: 1000)

    /// Another batch is stored under the same key.
    static func conflict(storedHash: [UInt8], sentHash: [UInt8]) -> PublishRefusal {
        PublishRefusal(
            .alreadyExists,
            "another batch is stored under this producer_id and sequence: its content hash is "
                + "\(hexadecimal(storedHash)), yours \(hexadecimal(sentHash)); give new batches new sequences")
    }

    init(_ error: CodecError) {
        switch error.code {
        case .messageTooLarge, .expandsTooFar:
            self.init(.resourceExhausted, error.message)
        default:
            self.init(.invalidArgument, error.message)
        }
    }

    init(_ error: RegistryError) {
        switch error.code {
        case .scopeMissing, .tenantNotCovered: self.init(.permissionDenied, error.message)
        case .tenantAmbiguous: self.init(.invalidArgument, error.message)
        case .malformedToken: self.init(.unauthenticated, error.message)
        }
    }

    init(_ error: StoreError) {
        let retry = error.retryAfterMilliseconds ?? Self.defaultRetryMilliseconds
        switch error.code {
        case .overloaded: self.init(.resourceExhausted, error.message, retryAfterMilliseconds: retry)
        case .unavailable, .shuttingDown: self.init(.unavailable, error.message, retryAfterMilliseconds: retry)
        case .withdrawn: self.init(.cancelled, error.message)
        case .refused: self.init(.failedPrecondition, error.message)
        case .internal: self.init(.internal, error.message)
        }
    }

    /// The encoded `google.rpc.Status` with its details, as a reply on a stream carries it.
    var serializedStatus: [UInt8] {
        var details: [StatusDetail] = [.errorInfo(reason: self.code.name)]
        if let retry = self.retryAfterMilliseconds { details.append(.retryInfo(delay: .milliseconds(retry))) }
        return StatusMessage(code: Int32(self.code.rawValue), message: self.message, details: details).serialized()
    }

    /// The status that ends a call.
    package var status: GRPCStatus {
        GRPCStatus(
            self.code, self.message, details: self.serializedStatus,
            retryPushbackMilliseconds: self.retryAfterMilliseconds)
    }
}
