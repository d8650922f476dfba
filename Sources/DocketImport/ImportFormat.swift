/// A format of audit records that Docket imports. docs/import.md maps each, field by field.
package enum ImportFormat: String, CaseIterable, Sendable {
    /// Kubernetes API server audit events as CSV with 15 columns and no header.
    case kubernetesAuditCSV = "kubernetes-audit-csv"
    /// AWS CloudTrail records, one JSON object a line.
    case cloudTrail = "cloudtrail"
    /// Docket's own JSON projection, one event a line.
    case jsonLines = "jsonl"

    /// The name on the command line. It is part of what event ids and producer ids are derived from, so it never
    /// changes.
    package var name: String { self.rawValue }

    /// The format of that name; `nil` when there is none.
    package init?(name: some StringProtocol) { self.init(rawValue: String(name)) }

    /// One line that tells a person what the format is.
    package var summary: String {
        switch self {
        case .kubernetesAuditCSV: "Kubernetes API server audit events, CSV with 15 columns and no header"
        case .cloudTrail: "AWS CloudTrail records, one JSON object a line"
        case .jsonLines: "Docket's own JSON projection (docs/json.md), one event a line"
        }
    }

    /// The event types that an import of this format writes, which the tenant must have registered; empty when the
    /// records name their own.
    package var eventTypes: [String] {
        switch self {
        case .kubernetesAuditCSV: ["kubernetes.audit"]
        case .cloudTrail: ["aws.cloudtrail"]
        case .jsonLines: []
        }
    }
}
