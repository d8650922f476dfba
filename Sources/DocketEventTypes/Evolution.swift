import DocketModel

/// Something that events of an earlier version may be and those of a later one may not.
package struct BreakingChange: Sendable, Hashable, CustomStringConvertible {
    /// The place in the definition: `required_fields`, `attributes/amount`, `attributes/items/[]`.
    package let path: String
    /// What was taken away there.
    package let change: String

    package init(path: String, change: String) {
        self.path = path
        self.change = change
    }

    package var description: String { "\(self.path): \(self.change)" }
}

/// What a definition does to the one that is registered under its name.
package enum Evolution: Sendable, Equatable {
    /// Nothing: both say the same, but for texts that only people read.
    case unchanged
    /// A later version; what it breaks, which may be nothing.
    case newVersion([BreakingChange])

    /// Compares a definition with the registered one of the same name.
    ///
    /// - Throws: ``EventTypeError`` with the code `versionTaken` when the version is the registered one and the content isn't, or
    ///   when the version is lower.
    package init(from registered: EventTypeDefinition, to definition: EventTypeDefinition) throws(EventTypeError) {
        if definition.version > registered.version {
            self = .newVersion(compatibility(from: registered, to: definition))
            return
        }
        guard definition.version == registered.version else {
            throw EventTypeError(
                code: .versionTaken,
                message: "\(definition.name) is registered in version \(registered.version), and this is version "
                    + "\(definition.version); take the definition from there, or make it version \(registered.version + 1)"
            )
        }
        guard definition.meaning == registered.meaning else {
            let breaking = compatibility(from: registered, to: definition)
            let why = breaking.isEmpty ? "" : " (it breaks \(breaking.map(\.path).prefix(5).joined(separator: ", ")))"
            throw EventTypeError(
                code: .versionTaken,
                message:
                    "\(definition.name) is registered in version \(registered.version) with another content\(why); "
                    + "make this version \(registered.version + 1)")
        }
        self = .unchanged
    }
}

/// What the second definition breaks of the first: whatever events of the first may be and events of the second may not, and
/// attributes that are described no longer. Empty when whoever sends events after the first can go on.
///
/// One thing isn't counted: to describe an attribute that was let through as an unknown one. Nothing had been promised of it.
package func compatibility(from old: EventTypeDefinition, to new: EventTypeDefinition) -> [BreakingChange] {
    var changes: [BreakingChange] = []
    for field in new.requiredFields where !old.requiredFields.contains(field) {
        changes.append(BreakingChange(path: "required_fields", change: "\(field.name) is required now"))
    }
    func narrowed<Case: Equatable>(_ path: String, _ old: [Case]?, _ new: [Case]?, all: [Case], name: (Case) -> String)
    {
        let (before, after) = (old ?? all, new ?? all)
        for value in before where !after.contains(value) {
            changes.append(BreakingChange(path: path, change: "\(name(value)) is no longer allowed"))
        }
    }
    narrowed("decisions", old.decisions, new.decisions, all: .init(Decision.allCases), name: \.name)
    narrowed("outcomes", old.outcomes, new.outcomes, all: .init(Outcome.allCases), name: \.name)
    var comparison = SchemaComparison()
    comparison.compare(old.attributes, new.attributes, at: "attributes")
    return changes + comparison.changes
}

/// Walks over two schemas at once.
private struct SchemaComparison {
    private(set) var changes: [BreakingChange] = []

    private mutating func add(_ path: String, _ change: String) {
        self.changes.append(BreakingChange(path: path, change: change))
    }

    mutating func compare(_ old: AttributeSchema, _ new: AttributeSchema, at path: String) {
        // What the old one has no values of can't be taken away.
        let values = old.allowed.map { _ in Self.values(of: old) }
        let types = values.map { $0.reduce(into: AttributeTypes()) { $0.formUnion($1.types) } } ?? .all
        let before = old.types.intersection(types)
        if !new.types.isSuperset(of: before) {
            self.add(path, "\(before.subtracting(new.types).names) is no longer allowed; it must be \(new.types.names)")
        }
        self.compareAllowed(values, new, before, at: path)
        if let values {
            self.compareListed(values, new, at: path)
        } else {
            if before.contains(.string) { self.compareLengths(old, new, at: path) }
            if !before.isDisjoint(with: .number) { self.compareBounds(old, new, at: path) }
        }
        if before.contains(.array) { self.compareArrays(old, new, at: path) }
        if before.contains(.object) { self.compareObjects(old, new, at: path) }
    }

    private mutating func compareAllowed(
        _ values: [AttributeScalar]?, _ new: AttributeSchema, _ before: AttributeTypes, at path: String
    ) {
        guard let after = new.allowed else { return }
        guard let values else {
            // The values of null and of boolean can be counted.
            var few: Set<AttributeScalar> = []
            if before.contains(.null) { few.insert(.null) }
            if before.contains(.boolean) { few.formUnion([.boolean(true), .boolean(false)]) }
            let isAll = before.isSubset(of: [.null, .boolean]) && few.isSubset(of: after)
            if !isAll { self.add(path, "only some values are allowed now") }
            return
        }
        let kept = Set(after)
        let gone = values.filter { !kept.contains($0) }
        if !gone.isEmpty {
            self.add(path, "no longer allowed: \(gone.prefix(8).map(\.text).joined(separator: ", "))")
        }
    }

    private mutating func compareLengths(_ old: AttributeSchema, _ new: AttributeSchema, at path: String) {
        if new.minLength > old.minLength { self.add(path, "minLength is \(new.minLength) instead of \(old.minLength)") }
        if let after = new.maxLength, old.maxLength.map({ after < $0 }) ?? true {
            self.add(path, "maxLength is \(after) instead of \(old.maxLength.map(String.init) ?? "none")")
        }
    }

    private mutating func compareBounds(_ old: AttributeSchema, _ new: AttributeSchema, at path: String) {
        if let after = new.lower {
            let isTighter =
                old.lower.map {
                    after.value > $0.value || after.value == $0.value && after.isExclusive && !$0.isExclusive
                }
                ?? true
            if isTighter { self.add(path, "the least value is \(Self.text(after)) instead of \(Self.text(old.lower))") }
        }
        if let after = new.upper {
            let isTighter =
                old.upper.map {
                    after.value < $0.value || after.value == $0.value && after.isExclusive && !$0.isExclusive
                }
                ?? true
            if isTighter {
                self.add(path, "the greatest value is \(Self.text(after)) instead of \(Self.text(old.upper))")
            }
        }
    }

    /// Where the old schema lists its values, each of them is tried.
    private mutating func compareListed(_ values: [AttributeScalar], _ new: AttributeSchema, at path: String) {
        var limits = new
        (limits.allowed, limits.types) = (values, .all)
        for value in Set(values).subtracting(Self.values(of: limits)).sorted(by: { $0.text < $1.text }) {
            self.add(path, "\(value.text) is outside of the limits now")
        }
    }

    /// The values that a schema lists and that meet its other keywords as well.
    private static func values(of schema: AttributeSchema) -> [AttributeScalar] {
        let compiled = SchemaCompiler.compile(schema)
        return (schema.allowed ?? []).filter { value in
            var writer = JSONWriter()
            switch value {
            case .string(let text): writer.string(text.text)
            default: writer.raw(value.text)
            }
            var pass = AttributePass(isExact: false)
            return pass.value(compiled.root, compiled, writer.bytes.span) == nil
        }
    }

    private mutating func compareArrays(_ old: AttributeSchema, _ new: AttributeSchema, at path: String) {
        if new.minItems > old.minItems { self.add(path, "minItems is \(new.minItems) instead of \(old.minItems)") }
        if let after = new.maxItems, old.maxItems.map({ after < $0 }) ?? true {
            self.add(path, "maxItems is \(after) instead of \(old.maxItems.map(String.init) ?? "none")")
        }
        // Arrays without elements have none that could be refused. Elements of any kind may be arrays of the like: without end.
        guard old.maxItems != 0, old.items != .any || new.items != .any else { return }
        self.compare(old.items.schema, new.items.schema, at: "\(path)/[]")
    }

    private mutating func compareObjects(_ old: AttributeSchema, _ new: AttributeSchema, at path: String) {
        if new.refusesUnknown, !old.refusesUnknown { self.add(path, "unknown attributes are refused now") }
        let before = Set(old.required)
        for name in new.required where !before.contains(name) {
            self.add("\(path)/\(pointerComponent(name.text))", "is required now")
        }
        let after = Dictionary(new.properties.map { ($0.name, $0.schema) }, uniquingKeysWith: { first, _ in first })
        for property in old.properties {
            let place = "\(path)/\(pointerComponent(property.name.text))"
            if let schema = after[property.name] {
                self.compare(property.schema, schema, at: place)
            } else {
                self.add(place, new.refusesUnknown ? "was removed, and is refused now" : "was removed")
            }
        }
    }

    private static func text(_ bound: NumberBound?) -> String {
        guard let bound else { return "none" }
        return bound.isExclusive ? "\(bound.value) (exclusive)" : bound.value.text
    }
}
