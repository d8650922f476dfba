import DocketCodec
import DocketEventTypes
import DocketModel

/// A definition of an event type and attributes to judge by it, with a line feed in between. The validator, which walks over
/// bytes by flat tables, and a judge that opens values one by one and asks the schema must agree.
enum DefinitionsTarget {
    static func run(_ input: [UInt8]) throws(FuzzFinding) {
        let parts = input.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
        let attributes = parts.count > 1 ? Array(parts[1]) : []
        guard let definition = try? EventTypeDefinition(json: Array(parts[0])) else { return }
        try self.compareWithItself(definition)
        let validator = EventTypeValidator(definition)
        // Of any bytes the validator may say what it likes; of what the codec takes it is right.
        let refusal = validator.check(attributes: attributes.span)
        guard let value = try? JSONValue(parsing: attributes, maxDepth: 32, numbersFitNumeric: true),
            value.kind == .object
        else { return }
        guard let isRight = Judge.allows(value, definition.attributes) else { return }
        try requireEqual(refusal == nil, isRight, "the verdict \(refusal.map(\.reason) ?? "nil")")
        guard let refusal else { return }
        try require(refusal.code != .invalidJSON, "JSON is called none: \(refusal.reason)")
        try require(refusal.field.hasPrefix("attributes"), "the field is \(refusal.field)")
        try require(
            String(validating: Array(refusal.reason.utf8), as: UTF8.self) == refusal.reason
                && !refusal.reason.utf8.contains(0), "the reason is no text that PostgreSQL keeps")
    }

    /// A definition breaks nothing of itself, and is the same when it is registered again.
    private static func compareWithItself(_ definition: EventTypeDefinition) throws(FuzzFinding) {
        try requireEqual(compatibility(from: definition, to: definition), [], "what a definition breaks of itself")
        let evolution = try requireNoError("the evolution of a definition to itself") { () throws(EventTypeError) in
            try Evolution(from: definition, to: definition)
        }
        try requireEqual(evolution, .unchanged, "the evolution of a definition to itself")
    }
}

/// Judges a value by a schema, as JSON Schema's text reads.
private enum Judge {
    /// Whether the schema allows the value; `nil` when an object in it has two members of one name.
    static func allows(_ value: JSONValue, _ schema: AttributeSchema) -> Bool? {
        guard schema.types.contains(self.type(of: value)) else { return self.isUnambiguous(value) ? false : nil }
        if let allowed = schema.allowed {
            guard let scalar = self.scalar(value) else { return self.isUnambiguous(value) ? false : nil }
            guard allowed.contains(scalar) else { return false }
        }
        switch value.kind {
        case .string:
            let count = value.string?.unicodeScalars.count ?? 0
            return count >= Int(schema.minLength) && count <= Int(schema.maxLength ?? .max)
        case .number:
            let number = DecimalNumber(value.text)
            let isLow = schema.lower.map { number < $0.value || number == $0.value && $0.isExclusive } ?? false
            let isHigh = schema.upper.map { number > $0.value || number == $0.value && $0.isExclusive } ?? false
            return !isLow && !isHigh
        case .array: return self.allowsElements(value.elements ?? [], schema)
        case .object: return self.allowsMembers(value, schema)
        case .null, .bool: return true
        }
    }

    private static func allowsElements(_ elements: [JSONValue], _ schema: AttributeSchema) -> Bool? {
        var isRight = elements.count >= Int(schema.minItems) && elements.count <= Int(schema.maxItems ?? .max)
        for element in elements {
            guard let verdict = self.allows(element, schema.items.schema) else { return nil }
            if !verdict { isRight = false }
        }
        return isRight
    }

    private static func allowsMembers(_ value: JSONValue, _ schema: AttributeSchema) -> Bool? {
        guard let object = try? value.object() else { return nil }
        var isRight = schema.required.allSatisfy { object[$0.text] != nil }
        for name in object.names {
            guard let member = object[name] else { continue }
            if let property = schema.property(ExactText(name)) {
                guard let verdict = self.allows(member, property) else { return nil }
                if !verdict { isRight = false }
            } else if schema.refusesUnknown {
                isRight = false
            }
        }
        return isRight
    }

    private static func isUnambiguous(_ value: JSONValue) -> Bool {
        switch value.kind {
        case .array: return (value.elements ?? []).allSatisfy(self.isUnambiguous)
        case .object:
            guard let object = try? value.object() else { return false }
            return object.names.allSatisfy { object[$0].map(self.isUnambiguous) ?? true }
        case .null, .bool, .number, .string: return true
        }
    }

    private static func type(of value: JSONValue) -> AttributeTypes {
        switch value.kind {
        case .null: .null
        case .bool: .boolean
        case .number: DecimalNumber(value.text).isInteger ? .integer : .fraction
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    private static func scalar(_ value: JSONValue) -> AttributeScalar? {
        switch value.kind {
        case .null: .null
        case .bool: .boolean(value.bool ?? false)
        case .number: .number(DecimalNumber(value.text))
        case .string: .string(ExactText(value.string ?? ""))
        case .array, .object: nil
        }
    }
}
