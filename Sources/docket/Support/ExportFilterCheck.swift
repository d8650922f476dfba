import DocketModel

/// Whether an export's records are of the tenants and meet the filter of its manifest, as far as a record shows it.
///
/// Not held against it are `text` and `attributes`, nor what a format has no place of its own for.
struct ExportFilterCheck {
    private let tenants: Set<String>
    private let isFormulaSafe: Bool
    /// What parts must be.
    private var values: [(part: ExportedRecord.Part, value: String)] = []
    private var typePrefix = ""
    private var minRiskScore: Double?
    private var from: Timestamp?
    private var to: Timestamp?

    /// - Throws: ``CommandError`` for a filter that can't be read.
    init(_ manifest: ExportManifest) throws {
        self.tenants = Set(manifest.tenants.map(\.tenant))
        self.isFormulaSafe = manifest.formulaSafe
        do throws(ModelError) {
            let filter = try JSONValue(parsing: Array(manifest.filter.utf8)).object()
            for name in filter.names {
                guard let value = filter[name] else { continue }
                try self.add(name, value)
            }
        } catch {
            throw CommandError(.dataError, "the manifest's filter can't be used: \(error.message)", cause: error)
        }
    }

    private mutating func add(_ name: String, _ value: JSONValue) throws(ModelError) {
        func required<Value>(_ value: Value?, _ kind: String) throws(ModelError) -> Value {
            if let value { return value }
            throw ModelError(code: .invalidField, message: "\(name) must be \(kind)")
        }
        func time() throws(ModelError) -> Timestamp {
            try required(value.string.flatMap { Timestamp(rfc3339: $0) }, "an RFC 3339 time")
        }
        switch name {
        case "occurred_from": self.from = try time()
        case "occurred_to": self.to = try time()
        case "type_prefix": self.typePrefix = try required(value.string, "a string")
        case "min_risk_score": self.minRiskScore = try required(value.double, "a number")
        case "text", "attributes": break
        default:
            // A later version may have conditions that this one knows nothing of.
            guard let part = ExportedRecord.Part(rawValue: name) else { return }
            self.values.append((part, try required(value.string, "a string")))
        }
    }

    /// - Throws: ``ModelError`` that says what of the record doesn't agree.
    func check(_ record: ExportedRecord) throws(ModelError) {
        let tenant = record.text(.tenant) ?? ""
        guard self.tenants.contains(where: { self.isSame(tenant, $0) }) else {
            throw Self.fault("tenant", tenant, "the manifest has \(self.tenants.sorted().joined(separator: ", "))")
        }
        for (part, value) in self.values where record.has(part) {
            let found = record.text(part) ?? ""
            guard self.isSame(found, value) else {
                throw Self.fault(part.rawValue, found, "the filter's is '\(excerpt(value))'")
            }
        }
        if !self.typePrefix.isEmpty, let type = record.text(.type), !type.utf8.starts(with: self.typePrefix.utf8) {
            throw Self.fault("type", type, "the filter's type_prefix is '\(excerpt(self.typePrefix))'")
        }
        if let least = self.minRiskScore, (record.text(.riskScore).flatMap(Double.init) ?? -.infinity) < least {
            throw Self.fault("risk_score", record.text(.riskScore) ?? "", "the filter's min_risk_score is \(least)")
        }
        guard let occurredAt = record.occurredAt else { return }
        if let from = self.from, occurredAt < from {
            throw Self.fault("occurred_at", occurredAt.rfc3339, "the filter's occurred_from is \(from.rfc3339)")
        }
        if let to = self.to, occurredAt > to {
            throw Self.fault("occurred_at", occurredAt.rfc3339, "the filter's occurred_to is \(to.rfc3339)")
        }
    }

    /// Texts are the same when their bytes are. A formula-safe export may have an apostrophe before one.
    private func isSame(_ found: String, _ value: String) -> Bool {
        found.utf8.elementsEqual(value.utf8) || (self.isFormulaSafe && found.utf8.elementsEqual("'\(value)".utf8))
    }

    private static func fault(_ name: String, _ found: String, _ wanted: String) -> ModelError {
        ModelError(code: .invalidField, message: "\(name) is '\(excerpt(found))', but \(wanted)")
    }
}
