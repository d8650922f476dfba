/// A gRPC status code (gRPC `doc/statuscodes.md`). The raw value is the number in `grpc-status`.
package enum GRPCCode: Int, Sendable, Hashable, CaseIterable {
    /// Success.
    case ok = 0
    /// The call was cancelled, typically by its caller.
    case cancelled = 1
    /// An error that has no better code, or a number that is no code.
    case unknown = 2
    /// The request is wrong whatever the state of the system is.
    case invalidArgument = 3
    /// The deadline passed before the call ended.
    case deadlineExceeded = 4
    /// What was asked for does not exist.
    case notFound = 5
    /// What was to be created exists.
    case alreadyExists = 6
    /// The caller is known and may not do this.
    case permissionDenied = 7
    /// A quota, a limit or a resource is used up.
    case resourceExhausted = 8
    /// The system is not in the state that the call needs; trying again without changing it is no use.
    case failedPrecondition = 9
    /// A conflict with another call; the caller may begin again at a higher level.
    case aborted = 10
    /// Past the end of something that may grow.
    case outOfRange = 11
    /// The method, or something that the call needs of it, does not exist here.
    case unimplemented = 12
    /// An invariant is broken: a fault of the server, or of how the peer speaks gRPC.
    case `internal` = 13
    /// The service cannot answer now; trying again later may help.
    case unavailable = 14
    /// Data is lost or corrupted beyond recovery.
    case dataLoss = 15
    /// The caller has not shown valid credentials.
    case unauthenticated = 16

    /// The name in gRPC's documents, such as `INVALID_ARGUMENT`.
    package var name: String {
        switch self {
        case .ok: "OK"
        case .cancelled: "CANCELLED"
        case .unknown: "UNKNOWN"
        case .invalidArgument: "INVALID_ARGUMENT"
        case .deadlineExceeded: "DEADLINE_EXCEEDED"
        case .notFound: "NOT_FOUND"
        case .alreadyExists: "ALREADY_EXISTS"
        case .permissionDenied: "PERMISSION_DENIED"
        case .resourceExhausted: "RESOURCE_EXHAUSTED"
        case .failedPrecondition: "FAILED_PRECONDITION"
        case .aborted: "ABORTED"
        case .outOfRange: "OUT_OF_RANGE"
        case .unimplemented: "UNIMPLEMENTED"
        case .internal: "INTERNAL"
        case .unavailable: "UNAVAILABLE"
        case .dataLoss: "DATA_LOSS"
        case .unauthenticated: "UNAUTHENTICATED"
        }
    }

    /// What a client makes of an HTTP response without `grpc-status` (gRPC `doc/http-grpc-status-mapping.md`). Never
    /// for a server's use: the mapping isn't symmetric.
    package init(httpStatus: Int) {
        switch httpStatus {
        case 400, 431: self = .internal
        case 401: self = .unauthenticated
        case 403: self = .permissionDenied
        case 404: self = .unimplemented
        case 429, 502, 503, 504: self = .unavailable
        default: self = .unknown
        }
    }

    /// What a client makes of a stream that was reset without a status (gRPC `doc/PROTOCOL-HTTP2.md`, "Errors"; the
    /// numbers are those of RFC 9113 section 7).
    package init(http2ErrorCode: UInt32) {
        switch http2ErrorCode {
        case 0x7: self = .unavailable  // REFUSED_STREAM: never processed
        case 0x8: self = .cancelled  // CANCEL
        case 0xB: self = .resourceExhausted  // ENHANCE_YOUR_CALM
        case 0xC: self = .permissionDenied  // INADEQUATE_SECURITY
        case 0x0...0xA: self = .internal
        default: self = .unknown
        }
    }
}
