package import DocketGRPC
internal import DocketMessages

// What the collector's statuses mean for a batch.

extension GRPCCode {
    /// Whether the same request may succeed later without anybody mending anything.
    var mayPass: Bool {
        switch self {
        case .unavailable, .resourceExhausted, .aborted, .deadlineExceeded, .cancelled, .internal, .unknown: true
        default: false
        }
    }

    /// Whether the collector itself failed: that may pass, or be the batch's doing.
    var isDoubtful: Bool { self == .internal || self == .unknown }
}

extension GRPCStatus {
    /// The pause that the collector asks for, from `grpc-retry-pushback-ms` or `google.rpc.RetryInfo`, in milliseconds
    /// up to an hour; `nil` when it asks for none.
    var retryDelayMilliseconds: Int64? {
        let longest: Int64 = 3_600_000
        if let pushback = self.retryPushbackMilliseconds { return pushback < 0 ? nil : min(Int64(pushback), longest) }
        guard !self.details.isEmpty, let status = try? StatusMessage(serialized: self.details) else { return nil }
        for case .retryInfo(let delay) in status.details {
            let (seconds, attoseconds) = delay.components
            let milliseconds = min(max(seconds, 0), 3600) * 1000 + attoseconds / 1_000_000_000_000_000
            return min(max(milliseconds, 0), longest)
        }
        return nil
    }

    /// Whether a limit was overstepped that stays where it is, rather than one that the load of the moment overstepped:
    /// only then does RESOURCE_EXHAUSTED come without a time to try again.
    private var isOverFixedLimit: Bool { self.code == .resourceExhausted && self.retryDelayMilliseconds == nil }

    /// Whether another attempt would end in the same way.
    var isPermanent: Bool { !self.isOK && (!self.code.mayPass || self.isOverFixedLimit) }

    /// Whether a stream that ended so ended because of one of its batches. Whoever sends them can't tell which.
    var blamesBatch: Bool {
        switch self.code {
        case .resourceExhausted: self.isOverFixedLimit
        case .invalidArgument, .outOfRange, .alreadyExists, .failedPrecondition: true
        default: false
        }
    }
}

extension ClientError {
    /// The error of a gRPC status.
    package init(status: GRPCStatus) {
        let code: Code =
            switch status.code {
            case .unauthenticated, .permissionDenied: .unauthorized
            case .unavailable, .cancelled, .aborted, .unknown, .internal: .unavailable
            case .deadlineExceeded: .timedOut
            case .resourceExhausted: status.retryDelayMilliseconds == nil ? .tooLarge : .unavailable
            default: .refused
            }
        self.init(code: code, message: status.description.ofPeer)
    }
}

extension String {
    /// How long a peer's words may be in an error, in characters.
    private static let maxPeerCharacters = 1024

    /// What a peer has said, as one line for a log: shortened, and without control characters.
    var ofPeer: String {
        var text = String(
            String.UnicodeScalarView(
                self.unicodeScalars.prefix(Self.maxPeerCharacters).map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .lineSeparator, .paragraphSeparator, .format: "\u{FFFD}"
                    default: scalar
                    }
                }))
        if self.unicodeScalars.count > Self.maxPeerCharacters { text += "…" }
        return text
    }
}
