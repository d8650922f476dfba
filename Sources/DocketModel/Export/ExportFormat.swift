/// In which form events leave Docket; docs/export-formats.md is the contract. The raw value is the name on the command
/// line and in manifests.
package enum ExportFormat: String, Sendable, CaseIterable {
    /// Docket's own JSON, one event a line (docs/json.md). The only form that reads back as the same event.
    case jsonl
    /// RFC 4180, with a header.
    case csv
    /// CloudEvents 1.0 in the JSON event format, one event a line.
    case cloudevents
    /// OCSF API Activity, one event a line.
    case ocsf
}
