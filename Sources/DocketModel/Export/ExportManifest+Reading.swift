// Reads what ExportManifest.swift writes. Strict, since a manifest is there to be relied upon.

extension ExportManifest {
    /// Reads a manifest from one JSON text. Throws a ``ModelError`` that names the member and what to do.
    package init(json bytes: [UInt8]) throws(ModelError) {
        let value = try JSONValue(parsing: bytes)
        try Self.checkVersion(value)
        let reader = try FieldReader(value, of: .manifest, known: Self.memberNames)
        let formats = ExportFormat.allCases.map(\.rawValue).joined(separator: ", ")
        self.init(
            docketVersion: try reader.required(try reader.text("docket_version"), "docket_version", "Docket's version"),
            createdAt: try reader.required(try reader.time("created_at"), "created_at", "an RFC 3339 time"),
            format: try reader.required(
                try reader.text("format", "one of \(formats)", parse: ExportFormat.init(rawValue:)), "format",
                "one of \(formats)"),
            formulaSafe: try reader.required(try reader.bool("formula_safe"), "formula_safe", "true or false"),
            filter: try reader.required(try reader.json("filter", kind: .object), "filter", "an object, {} for all"),
            tenants: try Self.tenants(reader),
            eventCount: try reader.required(try reader.count("events"), "events", "the number of events"),
            byteCount: try reader.required(try reader.count("bytes"), "bytes", "the export's size"),
            sha256: try reader.required(
                try reader.text("sha256", "64 lower case hexadecimal digits", parse: Self.digest), "sha256",
                "64 lower case hexadecimal digits"),
            occurred: try Self.range(reader, "occurred_at"), received: try Self.range(reader, "received_at"))
        for (name, range) in [("occurred_at", self.occurred), ("received_at", self.received)] {
            if self.eventCount > 0, range == nil {
                throw reader.fault("first_\(name)", "is missing; an export with events has its first and last times")
            }
            if self.eventCount == 0, range != nil {
                throw reader.fault("first_\(name)", "is there, but events is 0; remove it or correct the number")
            }
        }
    }

    /// The names of the manifest's members, in order.
    private static let memberNames = [
        "version", "docket_version", "created_at", "format", "formula_safe", "filter", "tenants", "events", "bytes",
        "sha256", "first_occurred_at", "last_occurred_at", "first_received_at", "last_received_at",
    ]

    /// Before anything else: one of another version may have any members.
    private static func checkVersion(_ value: JSONValue) throws(ModelError) {
        guard value.kind == .object else {
            throw ModelError(
                code: .invalidField, message: "a manifest must be an object, found \(value.kind.name)")
        }
        guard let version = try value.object()["version"] else {
            throw ModelError(
                code: .invalidField, message: "version is missing; a manifest of this form has version \(Self.version)")
        }
        guard version.integer == Self.version else {
            throw ModelError(
                code: .invalidField,
                message: "version is \(excerpt(version.text)); this Docket reads version \(Self.version): "
                    + "use the Docket that wrote the manifest, or a later one")
        }
    }

    private static func tenants(_ reader: FieldReader) throws(ModelError) -> [TenantRange] {
        var ranges: [TenantRange] = []
        var seen: Set<ExactText> = []
        for item in try reader.objects("tenants", known: ["tenant", "from_log_index", "next_log_index"]) {
            let range = TenantRange(
                tenant: try item.required(try item.text("tenant"), "tenant", "the tenant's slug"),
                fromLogIndex: try item.required(
                    try item.count("from_log_index"), "from_log_index", "the first batch's place in the log"),
                nextLogIndex: try item.required(
                    try item.count("next_log_index"), "next_log_index", "the place behind the last batch"))
            guard range.fromLogIndex <= range.nextLogIndex else {
                throw item.fault(
                    "next_log_index", "is \(range.nextLogIndex), before from_log_index, \(range.fromLogIndex)")
            }
            guard seen.insert(ExactText(range.tenant)).inserted else {
                throw item.fault("tenant", "is \"\(excerpt(range.tenant))\" a second time; each tenant has one entry")
            }
            ranges.append(range)
        }
        guard !ranges.isEmpty else { throw reader.fault("tenants", "names nobody; give at least one tenant") }
        return ranges
    }

    private static func digest(_ text: String) -> String? {
        let isDigest = text.utf8.count == 64 && text.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
        return isDigest ? text : nil
    }

    private static func range(_ reader: FieldReader, _ name: String) throws(ModelError) -> ClosedRange<Timestamp>? {
        let first = try reader.time("first_\(name)")
        let last = try reader.time("last_\(name)")
        guard let first, let last else {
            guard first == nil, last == nil else {
                let (absent, present) = first == nil ? ("first", "last") : ("last", "first")
                throw reader.fault("\(absent)_\(name)", "is missing, but \(present)_\(name) is there; give both")
            }
            return nil
        }
        guard first <= last else {
            throw reader.fault("last_\(name)", "is \(last.rfc3339), before first_\(name), \(first.rfc3339)")
        }
        return first...last
    }
}

extension FieldReader.Document {
    fileprivate static let manifest = FieldReader.Document(
        name: "a manifest",
        unknownMember: "is no member of a manifest; correct its name or remove it")
}
