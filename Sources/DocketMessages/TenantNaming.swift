import CProtobufC

/// A request that names the tenants whose logs are read together.
package protocol TenantNaming {
    /// The tenant whose log is read; empty when the credential covers exactly one.
    var tenant: String { get }
    /// Further tenants whose logs are read together with that of ``tenant``; at most ``TenantNames/maxCount``.
    var moreTenants: [String] { get }
    /// Whether all tenants are meant that the credential covers; none is named then.
    var isOfAllTenants: Bool { get }
}

/// The tenants that a request names, as its message has them.
package struct TenantNames: Sendable, Equatable {
    /// The most tenants that one request names beside its first.
    package static let maxCount = 1_000

    let tenant: String
    let moreTenants: [String]
    let isOfAllTenants: Bool

    /// Reads the fields `tenant`, `more_tenants` and `all_tenants` of a message.
    init(
        _ tenant: ProtobufCBinaryData, more: UnsafeMutablePointer<ProtobufCBinaryData>?, count: Int, areAll: Bool
    ) throws(MessageError) {
        self.tenant = try unsafe tenant.text("tenant")
        guard count <= Self.maxCount else {
            throw MessageError(
                code: .outOfRange, field: "more_tenants",
                message: "\(count) tenants exceed \(Self.maxCount); name fewer, or set 'all_tenants'")
        }
        self.moreTenants = try (0..<count).map { (index) throws(MessageError) in
            guard let more = unsafe more else {
                throw MessageError(code: .malformed, field: "more_tenants", message: "a tenant is missing")
            }
            return try unsafe more[index].text("more_tenants")
        }
        self.isOfAllTenants = areAll
        guard !areAll || (self.tenant.isEmpty && self.moreTenants.isEmpty) else {
            throw MessageError(
                code: .outOfRange, field: "all_tenants",
                message: "all tenants are asked for, and some by name; leave 'tenant' and 'more_tenants' out")
        }
    }
}
