/// What an export holds: written beside its bytes, so that whoever gets them can tell whether they are all there, and
/// the next export where to go on. docs/export-formats.md is the contract of its JSON.
package struct ExportManifest: Sendable, Equatable {
    /// The version of the manifest's form.
    package static let version: Int64 = 1

    /// The part of one tenant's log that was exported, in batches: the events that met the filter among those whose
    /// batch has a log index from ``fromLogIndex`` up to but not including ``nextLogIndex``.
    package struct TenantRange: Sendable, Equatable {
        /// The tenant's slug.
        package var tenant: String
        /// From 0.
        package var fromLogIndex: Int64
        /// Where the next export goes on; at least ``fromLogIndex``.
        package var nextLogIndex: Int64

        package init(tenant: String, fromLogIndex: Int64, nextLogIndex: Int64) {
            self.tenant = tenant
            self.fromLogIndex = fromLogIndex
            self.nextLogIndex = nextLogIndex
        }
    }

    /// The version of the Docket that wrote the export.
    package var docketVersion: String
    /// When the export was made.
    package var createdAt: Timestamp
    package var format: ExportFormat
    /// Whether text that a spreadsheet would take for a formula was disarmed, which changes it.
    package var formulaSafe: Bool
    /// Which events were wanted: the text of a JSON object, `{}` when all were.
    package var filter: String
    /// At least one, each tenant once.
    package var tenants: [TenantRange]
    /// How many events the export holds; not negative.
    package var eventCount: Int64
    /// The export's size in bytes, header included, before any compression; not negative.
    package var byteCount: Int64
    /// SHA-256 of those bytes: 64 hexadecimal digits, lower case.
    package var sha256: String
    /// When the first of the events and the last occurred; `nil` when there are none.
    package var occurred: ClosedRange<Timestamp>?
    /// When the first of the events and the last were received; `nil` when there are none.
    package var received: ClosedRange<Timestamp>?

    package init(
        docketVersion: String, createdAt: Timestamp, format: ExportFormat, formulaSafe: Bool, filter: String = "{}",
        tenants: [TenantRange], eventCount: Int64, byteCount: Int64, sha256: String,
        occurred: ClosedRange<Timestamp>?, received: ClosedRange<Timestamp>?
    ) {
        self.docketVersion = docketVersion
        self.createdAt = createdAt
        self.format = format
        self.formulaSafe = formulaSafe
        self.filter = filter
        self.tenants = tenants
        self.eventCount = eventCount
        self.byteCount = byteCount
        self.sha256 = sha256
        self.occurred = occurred
        self.received = received
    }
}

extension ExportManifest {
    /// The manifest as one line of JSON, without the line's end. The filter must be valid JSON.
    package var json: String {
        var writer = JSONWriter()
        writer.manifest(self)
        return writer.text
    }
}

extension JSONWriter {
    fileprivate mutating func manifest(_ manifest: ExportManifest) {
        self.beginObject()
        self.member("version", ExportManifest.version)
        self.member("docket_version", manifest.docketVersion)
        self.member("created_at", manifest.createdAt.rfc3339)
        self.member("format", manifest.format.rawValue)
        self.key("formula_safe")
        self.bool(manifest.formulaSafe)
        self.rawMember("filter", manifest.filter)
        self.key("tenants")
        self.beginArray()
        for range in manifest.tenants {
            self.beginObject()
            self.member("tenant", range.tenant)
            self.member("from_log_index", range.fromLogIndex)
            self.member("next_log_index", range.nextLogIndex)
            self.endObject()
        }
        self.endArray()
        self.member("events", manifest.eventCount)
        self.member("bytes", manifest.byteCount)
        self.member("sha256", manifest.sha256)
        self.member("first_occurred_at", manifest.occurred?.lowerBound.rfc3339)
        self.member("last_occurred_at", manifest.occurred?.upperBound.rfc3339)
        self.member("first_received_at", manifest.received?.lowerBound.rfc3339)
        self.member("last_received_at", manifest.received?.upperBound.rfc3339)
        self.endObject()
    }
}
