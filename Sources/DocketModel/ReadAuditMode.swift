/// Which readings of a tenant's log are told in that log.
package enum ReadAuditMode: String, Sendable, CaseIterable {
    /// None.
    case off
    /// Exports.
    case exports
    /// Exports, and each page of a query.
    case all
}
