import CDocketProtos
import CProtobufC

// The four standard details, each from its bytes and into them.

extension StatusDetail {
    /// The encoded message without its `Any`.
    var value: [UInt8] {
        switch self {
        case .retryInfo(let delay): Self.serialized(retryDelay: delay)
        case .badRequest(let violations): Self.serialized(violations)
        case .quotaFailure(let violations): Self.serialized(violations)
        case .errorInfo(let reason, let domain): Self.serialized(reason: reason, domain: domain)
        case .other(_, let value): value
        }
    }

    // MARK: In

    static func retryInfo(_ bytes: [UInt8]) throws(MessageError) -> StatusDetail {
        try unsafe MessageArena.unpack(bytes, "RetryInfo", with: google__rpc__retry_info__unpack) {
            (info) throws(MessageError) in
            guard let delay = unsafe info.pointee.retry_delay else { return .retryInfo(delay: .zero) }
            let seconds = unsafe delay.pointee.seconds
            let nanoseconds = unsafe Int64(delay.pointee.nanos)
            // The bounds of google.protobuf.Duration.
            guard abs(nanoseconds) < 1_000_000_000, (-315_576_000_000...315_576_000_000).contains(seconds) else {
                throw MessageError(
                    code: .outOfRange, field: "retry_delay",
                    message: "\(seconds) s and \(nanoseconds) ns are no Duration")
            }
            return .retryInfo(delay: .seconds(seconds) + .nanoseconds(nanoseconds))
        }
    }

    static func badRequest(_ bytes: [UInt8]) throws(MessageError) -> StatusDetail {
        try unsafe MessageArena.unpack(bytes, "BadRequest", with: google__rpc__bad_request__unpack) { request in
            var violations: [FieldViolation] = []
            for index in 0..<Int(unsafe request.pointee.n_field_violations) {
                guard let violation = unsafe request.pointee.field_violations[index] else { continue }
                violations.append(
                    FieldViolation(
                        field: String(decoding: unsafe violation.pointee.field.array, as: UTF8.self),
                        description: String(decoding: unsafe violation.pointee.description.array, as: UTF8.self)))
            }
            return .badRequest(violations)
        }
    }

    static func quotaFailure(_ bytes: [UInt8]) throws(MessageError) -> StatusDetail {
        try unsafe MessageArena.unpack(bytes, "QuotaFailure", with: google__rpc__quota_failure__unpack) { failure in
            var violations: [QuotaViolation] = []
            for index in 0..<Int(unsafe failure.pointee.n_violations) {
                guard let violation = unsafe failure.pointee.violations[index] else { continue }
                violations.append(
                    QuotaViolation(
                        subject: String(decoding: unsafe violation.pointee.subject.array, as: UTF8.self),
                        description: String(decoding: unsafe violation.pointee.description.array, as: UTF8.self)))
            }
            return .quotaFailure(violations)
        }
    }

    static func errorInfo(_ bytes: [UInt8]) throws(MessageError) -> StatusDetail {
        try unsafe MessageArena.unpack(bytes, "ErrorInfo", with: google__rpc__error_info__unpack) { info in
            .errorInfo(
                reason: String(decoding: unsafe info.pointee.reason.array, as: UTF8.self),
                domain: String(decoding: unsafe info.pointee.domain.array, as: UTF8.self))
        }
    }

    // MARK: Out

    /// Cut to the bounds of google.protobuf.Duration and to nanoseconds.
    private static func serialized(retryDelay: Duration) -> [UInt8] {
        unsafe MessageArena.pack(
            size: google__rpc__retry_info__get_packed_size, pack: google__rpc__retry_info__pack
        ) { arena in
            let bound = Duration.seconds(315_576_000_000)
            let (seconds, attoseconds) = min(max(retryDelay, .zero - bound), bound).components
            let info = unsafe arena.make(google__rpc__retry_info__init)
            let delay = unsafe arena.make(google__protobuf__duration__init)
            unsafe delay.pointee.has_seconds = seconds == 0 ? 0 : 1
            unsafe delay.pointee.seconds = seconds
            let nanoseconds = Int32(attoseconds / 1_000_000_000)
            unsafe delay.pointee.has_nanos = nanoseconds == 0 ? 0 : 1
            unsafe delay.pointee.nanos = nanoseconds
            unsafe info.pointee.retry_delay = delay
            return unsafe info
        }
    }

    private static func serialized(_ violations: [FieldViolation]) -> [UInt8] {
        unsafe MessageArena.pack(
            size: google__rpc__bad_request__get_packed_size, pack: google__rpc__bad_request__pack
        ) { arena in
            var pointers: [UnsafeMutablePointer<Google__Rpc__BadRequest__FieldViolation>] = unsafe []
            for violation in violations {
                let item = unsafe arena.make(google__rpc__bad_request__field_violation__init)
                unsafe item.pointee.has_field = violation.field.isEmpty ? 0 : 1
                unsafe item.pointee.field = arena.bytes(violation.field.utf8)
                unsafe item.pointee.has_description = violation.description.isEmpty ? 0 : 1
                unsafe item.pointee.description = arena.bytes(violation.description.utf8)
                unsafe pointers.append(item)
            }
            let request = unsafe arena.make(google__rpc__bad_request__init)
            unsafe request.pointee.n_field_violations = pointers.count
            unsafe request.pointee.field_violations = arena.pointers(pointers)
            return unsafe request
        }
    }

    private static func serialized(_ violations: [QuotaViolation]) -> [UInt8] {
        unsafe MessageArena.pack(
            size: google__rpc__quota_failure__get_packed_size, pack: google__rpc__quota_failure__pack
        ) { arena in
            var pointers: [UnsafeMutablePointer<Google__Rpc__QuotaFailure__Violation>] = unsafe []
            for violation in violations {
                let item = unsafe arena.make(google__rpc__quota_failure__violation__init)
                unsafe item.pointee.has_subject = violation.subject.isEmpty ? 0 : 1
                unsafe item.pointee.subject = arena.bytes(violation.subject.utf8)
                unsafe item.pointee.has_description = violation.description.isEmpty ? 0 : 1
                unsafe item.pointee.description = arena.bytes(violation.description.utf8)
                unsafe pointers.append(item)
            }
            let failure = unsafe arena.make(google__rpc__quota_failure__init)
            unsafe failure.pointee.n_violations = pointers.count
            unsafe failure.pointee.violations = arena.pointers(pointers)
            return unsafe failure
        }
    }

    private static func serialized(reason: String, domain: String) -> [UInt8] {
        unsafe MessageArena.pack(
            size: google__rpc__error_info__get_packed_size, pack: google__rpc__error_info__pack
        ) { arena in
            let info = unsafe arena.make(google__rpc__error_info__init)
            unsafe info.pointee.has_reason = reason.isEmpty ? 0 : 1
            unsafe info.pointee.reason = arena.bytes(reason.utf8)
            unsafe info.pointee.has_domain = domain.isEmpty ? 0 : 1
            unsafe info.pointee.domain = arena.bytes(domain.utf8)
            return unsafe info
        }
    }
}
