internal import DocketAuthentication
internal import DocketCodec
package import DocketGRPC
internal import DocketMessages
internal import DocketModel
internal import DocketRPC
internal import DocketRegistry
internal import DocketStore

/// Why a whole batch, or a whole call, is refused: a gRPC status before its details are encoded.
package struct PublishRefusal: Error, Sendable, Equatable {
    package let code: GRPCCode
    /// The cause in a form for programs, as ErrorInfo carries it: docs/errors.md lists all of them.
    package let reason: Reason
    /// Names the value, the limit and the remedy.
    package let message: String
    /// When trying again makes sense, in milliseconds; `nil` when it doesn't, or nothing is known.
    package let retryAfterMilliseconds: Int?
    /// The field of the request that is at fault, by its path; `nil` when it is none, or not a single one.
    package let field: String?
    /// Whose limit is reached, when one is: what QuotaFailure names as its subject.
    package let limited: String?

    package init(
        _ code: GRPCCode, _ reason: Reason, _ message: String, retryAfterMilliseconds: Int? = nil,
        field: String? = nil, limited: String? = nil
    ) {
        self.code = code
        self.reason = reason
        self.message = message
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.field = field
        self.limited = limited
    }

    /// The details, but for RetryInfo.
    private var details: [StatusDetail] {
        var details = [StatusDetail.errorInfo(reason: self.reason.rawValue)]
        if let field = self.field {
            details.append(.badRequest([.init(field: field, description: self.message)]))
        }
        if let limited = self.limited {
            details.append(.quotaFailure([.init(subject: limited, description: self.message)]))
        }
        return details
    }

    /// The status that ends a call. Its `details` are what a reply on a stream carries.
    package var status: GRPCStatus {
        GRPCStatus(
            self.code, self.message, details: self.details, retryAfterMilliseconds: self.retryAfterMilliseconds)
    }
}

extension PublishRefusal {
    /// The causes, by their names in ErrorInfo. The names are a contract.
    package enum Reason: String, Sendable, CaseIterable {
        case tokenMissing = "TOKEN_MISSING"
        case tokenMalformed = "TOKEN_MALFORMED"
        case tokenUnknown = "TOKEN_UNKNOWN"
        case tokenUntrusted = "TOKEN_UNTRUSTED"
        case tokenExpired = "TOKEN_EXPIRED"
        case certificateUnusable = "CERTIFICATE_UNUSABLE"
        case certificateUnknown = "CERTIFICATE_UNKNOWN"
        case scopeMissing = "SCOPE_MISSING"
        case tenantAmbiguous = "TENANT_AMBIGUOUS"
        case tenantNotCovered = "TENANT_NOT_COVERED"
        case tenantSuspended = "TENANT_SUSPENDED"
        case tenantClosing = "TENANT_CLOSING"
        case messageMalformed = "MESSAGE_MALFORMED"
        case fieldInvalid = "FIELD_INVALID"
        case batchTooLarge = "BATCH_TOO_LARGE"
        case quotaExceeded = "QUOTA_EXCEEDED"
        case batchConflict = "BATCH_CONFLICT"
        case storeOverloaded = "STORE_OVERLOADED"
        case storeUnavailable = "STORE_UNAVAILABLE"
        case storeRefused = "STORE_REFUSED"
        case eventTypesNotNoted = "EVENT_TYPES_NOT_NOTED"
        case nodeLeaseLost = "NODE_LEASE_LOST"
        case shuttingDown = "SHUTTING_DOWN"
        case withdrawn = "WITHDRAWN"
        case internalFault = "INTERNAL_FAULT"
    }

    /// The pause that a client is asked for when nothing better is known.
    private static let defaultRetryMilliseconds = 250

    static let missingToken = PublishRefusal(
        .unauthenticated, .tokenMissing,
        "no credential; send the metadata 'authorization: Bearer TOKEN', or connect with a client certificate if the collector "
            + "takes them")
    static let unknownToken = PublishRefusal(
        .unauthenticated, .tokenUnknown,
        "the token is unknown, revoked or expired; ask the operator for a new one")
    /// No credential is for the certificate, or none that is still good.
    static func unknownCertificate(_ identity: CredentialIdentity) -> PublishRefusal {
        PublishRefusal(
            .unauthenticated, .certificateUnknown,
            "no credential is for the \(identity.kind == .spiffe ? "SPIFFE ID" : "subject") '\(identity.name ?? "")' of the client "
                + "certificate, or it is revoked or expired; ask the operator for one")
    }

    /// No credential is for the subject of a JWT, or none that is still good.
    static func unknownSubject(_ identity: CredentialIdentity) -> PublishRefusal {
        PublishRefusal(
            .unauthenticated, .tokenUnknown,
            "no credential is for the subject '\(identity.name ?? "")' of the JWT's issuer, or it is revoked or expired; ask the "
                + "operator for one")
    }

    static let leaseLost = PublishRefusal(
        .unavailable, .nodeLeaseLost,
        "the collector holds no node lease, since PostgreSQL can't be reached; try again, or another collector",
        retryAfterMilliseconds: 1000)

    static let notReadYet = PublishRefusal(
        .unavailable, .storeUnavailable,
        "the collector has not reached PostgreSQL since it started, and shows nothing before it has; try again, or another collector",
        retryAfterMilliseconds: 1000)

    static let typesNotNoted = PublishRefusal(
        .unavailable, .eventTypesNotNoted,
        "the batch has event types that nobody has registered, and they can't be noted now; try again, or register them",
        retryAfterMilliseconds: 1000)

    static let draining = PublishRefusal(
        .unavailable, .shuttingDown,
        "the connection is being drained; send the batches that have no answer again by another one, as they are",
        retryAfterMilliseconds: 0)

    /// The tenant sends more than it may.
    static func overQuota(_ refusal: QuotaMeter.Refusal, tenant: String) -> PublishRefusal {
        let wait = refusal.retryAfterNanoseconds.map { Int(clamping: $0 / 1_000_000 + 1) }
        return PublishRefusal(
            .resourceExhausted, .quotaExceeded,
            "the tenant '\(tenant)' has reached its quota: \(refusal.limit.rawValue) is \(refusal.value) at this collector; "
                + "nothing of the batch was stored: send it again later, or ask the operator for more",
            retryAfterMilliseconds: wait ?? Self.defaultRetryMilliseconds, limited: "tenant:\(tenant)")
    }

    /// Another batch is stored under the same key.
    static func conflict(storedHash: [UInt8], sentHash: [UInt8]) -> PublishRefusal {
        PublishRefusal(
            .alreadyExists, .batchConflict,
            "another batch is stored under this producer_id and sequence: its content hash is "
                + "\(hexadecimal(storedHash)), yours \(hexadecimal(sentHash)); give new batches new sequences")
    }

    init(_ error: CodecError) {
        switch error.code {
        case .messageTooLarge, .expandsTooFar:
            self.init(.resourceExhausted, .batchTooLarge, error.message, limited: "batch")
        case .invalidTenant: self.init(.invalidArgument, .fieldInvalid, error.message, field: "tenant")
        case .producerIDLength: self.init(.invalidArgument, .fieldInvalid, error.message, field: "producer_id")
        case .sequenceRange: self.init(.invalidArgument, .fieldInvalid, error.message, field: "sequence")
        case .noEvents, .tooManyEvents, .invalidEvent:
            self.init(.invalidArgument, .fieldInvalid, error.message, field: "events")
        case .tooManyFields: self.init(.invalidArgument, .messageMalformed, error.message)
        // As gRPC has it where a request can't be parsed (statuscodes.md).
        case .malformed, .invalidRow: self.init(.internal, .messageMalformed, error.message)
        }
    }

    init(_ error: MessageError) {
        let hasField = !error.field.isEmpty
        self.init(
            GRPCCode(error), hasField ? .fieldInvalid : .messageMalformed, error.description,
            field: hasField ? error.field : nil)
    }

    init(_ error: RegistryError) {
        switch error.code {
        case .scopeMissing: self.init(.permissionDenied, .scopeMissing, error.message)
        case .tenantNotCovered: self.init(.permissionDenied, .tenantNotCovered, error.message)
        case .tenantSuspended: self.init(.permissionDenied, .tenantSuspended, error.message)
        case .tenantClosing: self.init(.permissionDenied, .tenantClosing, error.message)
        case .tenantAmbiguous: self.init(.invalidArgument, .tenantAmbiguous, error.message, field: "tenant")
        case .malformedToken: self.init(.unauthenticated, .tokenMalformed, error.message)
        case .unusableFile: self.init(.internal, .internalFault, error.message)
        case .malformedIdentity: self.init(.unauthenticated, .certificateUnusable, error.message)
        }
    }

    init(_ error: AuthenticationError) {
        switch error.code {
        case .certificateUnusable: self.init(.unauthenticated, .certificateUnusable, error.message)
        case .tokenMalformed: self.init(.unauthenticated, .tokenMalformed, error.message)
        case .tokenUntrusted: self.init(.unauthenticated, .tokenUntrusted, error.message)
        case .tokenExpired: self.init(.unauthenticated, .tokenExpired, error.message)
        case .keysUnusable: self.init(.internal, .internalFault, error.message)
        }
    }

    init(_ error: StoreError) {
        let retry = error.retryAfterMilliseconds ?? Self.defaultRetryMilliseconds
        switch error.code {
        case .overloaded:
            self.init(
                .resourceExhausted, .storeOverloaded, error.message, retryAfterMilliseconds: retry, limited: "server"
            )
        case .unavailable: self.init(.unavailable, .storeUnavailable, error.message, retryAfterMilliseconds: retry)
        case .shuttingDown: self.init(.unavailable, .shuttingDown, error.message, retryAfterMilliseconds: retry)
        case .withdrawn: self.init(.cancelled, .withdrawn, error.message)
        case .refused: self.init(.failedPrecondition, .storeRefused, error.message)
        case .internal: self.init(.internal, .internalFault, error.message)
        }
    }
}
