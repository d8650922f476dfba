import CDocketProtos
import CProtobufC

/// A `google.rpc.Status`: the standard error model, with details for programs.
package struct StatusMessage: Sendable, Equatable {
    /// The gRPC status code.
    package var code: Int32
    /// What went wrong, for developers.
    package var message: String
    /// What programs can act on.
    package var details: [StatusDetail]

    /// A status.
    package init(code: Int32, message: String, details: [StatusDetail] = []) {
        self.code = code
        self.message = message
        self.details = details
    }

    /// Reads an encoded status. Text that isn't UTF-8 is repaired and details that can't be read are kept as
    /// ``StatusDetail/other(typeURL:value:)``: a server's explanation should never be lost over its form.
    ///
    /// - Throws: ``MessageError`` with code `malformed`, or `tooLong` over 64 KiB.
    package init(serialized bytes: [UInt8]) throws(MessageError) {
        self = try unsafe MessageArena.unpack(bytes, "google.rpc.Status", with: google__rpc__status__unpack) { status in
            var details: [StatusDetail] = []
            for index in 0..<Int(unsafe status.pointee.n_details) {
                guard let any = unsafe status.pointee.details[index] else { continue }
                let typeURL = String(decoding: unsafe any.pointee.type_url.array, as: UTF8.self)
                details.append(StatusDetail(typeURL: typeURL, value: unsafe any.pointee.value.array))
            }
            return unsafe StatusMessage(
                code: status.pointee.code, message: String(decoding: status.pointee.message.array, as: UTF8.self),
                details: details)
        }
    }

    /// The encoded status, as it stands in `grpc-status-details-bin` and in `PublishResponse.status`.
    package func serialized() -> [UInt8] {
        unsafe MessageArena.pack(size: google__rpc__status__get_packed_size, pack: google__rpc__status__pack) { arena in
            let status = unsafe arena.make(google__rpc__status__init)
            unsafe status.pointee.has_code = self.code == 0 ? 0 : 1
            unsafe status.pointee.code = self.code
            unsafe status.pointee.has_message = self.message.isEmpty ? 0 : 1
            unsafe status.pointee.message = arena.bytes(self.message.utf8)
            var details: [UnsafeMutablePointer<Google__Protobuf__Any>] = unsafe []
            for detail in self.details {
                let any = unsafe arena.make(google__protobuf__any__init)
                unsafe any.pointee.has_type_url = 1
                unsafe any.pointee.type_url = arena.bytes(detail.typeURL.utf8)
                unsafe any.pointee.has_value = 1
                unsafe any.pointee.value = arena.bytes(detail.value)
                unsafe details.append(any)
            }
            unsafe status.pointee.n_details = details.count
            unsafe status.pointee.details = arena.pointers(details)
            return unsafe status
        }
    }
}

/// A detail of a status: a message of `google/rpc/error_details.proto` in a `google.protobuf.Any`.
package enum StatusDetail: Sendable, Equatable {
    /// How long to wait at least before the next attempt.
    case retryInfo(delay: Duration)
    /// Which fields of the request are at fault.
    case badRequest([FieldViolation])
    /// Which quotas are used up.
    case quotaFailure([QuotaViolation])
    /// The cause in a form for programs: an UPPER_SNAKE_CASE reason, unique in its domain.
    case errorInfo(reason: String, domain: String = "docket")
    /// A detail of another type, or one that can't be read.
    case other(typeURL: String, value: [UInt8])

    /// A field at fault.
    package struct FieldViolation: Sendable, Equatable {
        /// The field's path.
        package var field: String
        /// Why it is refused.
        package var description: String

        /// A violation.
        package init(field: String, description: String) {
            self.field = field
            self.description = description
        }
    }

    /// A quota that is used up.
    package struct QuotaViolation: Sendable, Equatable {
        /// Whose quota it is.
        package var subject: String
        /// Which quota it is, and its size.
        package var description: String

        /// A violation.
        package init(subject: String, description: String) {
            self.subject = subject
            self.description = description
        }
    }

    static let typePrefix = "type.googleapis.com/"

    /// The type URL that the detail travels under.
    var typeURL: String {
        switch self {
        case .retryInfo: Self.typePrefix + "google.rpc.RetryInfo"
        case .badRequest: Self.typePrefix + "google.rpc.BadRequest"
        case .quotaFailure: Self.typePrefix + "google.rpc.QuotaFailure"
        case .errorInfo: Self.typePrefix + "google.rpc.ErrorInfo"
        case .other(let typeURL, _): typeURL
        }
    }

    /// The detail of that type. What stands in front of the last `/` of a type URL carries no meaning.
    init(typeURL: String, value: [UInt8]) {
        let decoded: StatusDetail?
        switch typeURL.split(separator: "/").last {
        case "google.rpc.RetryInfo": decoded = try? Self.retryInfo(value)
        case "google.rpc.BadRequest": decoded = try? Self.badRequest(value)
        case "google.rpc.QuotaFailure": decoded = try? Self.quotaFailure(value)
        case "google.rpc.ErrorInfo": decoded = try? Self.errorInfo(value)
        default: decoded = nil
        }
        self = decoded ?? .other(typeURL: typeURL, value: value)
    }
}
