package import DocketModel

/// The kinds of value that a schema allows (JSON Schema, "type"). `number` includes `integer`.
package struct AttributeTypes: OptionSet, Sendable, Hashable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let null = AttributeTypes(rawValue: 1)
    package static let boolean = AttributeTypes(rawValue: 2)
    package static let object = AttributeTypes(rawValue: 4)
    package static let array = AttributeTypes(rawValue: 8)
    package static let string = AttributeTypes(rawValue: 16)
    /// Numbers that are whole: 1, 1.0, 1e3.
    package static let integer = AttributeTypes(rawValue: 32)
    /// Numbers that aren't whole.
    package static let fraction = AttributeTypes(rawValue: 64)
    package static let number: AttributeTypes = [.integer, .fraction]
    package static let all: AttributeTypes = [.null, .boolean, .object, .array, .string, .number]

    /// The names that JSON Schema gives them. `number` stands before `integer`, which it includes.
    static let named: [(name: String, types: AttributeTypes)] = [
        ("null", .null), ("boolean", .boolean), ("object", .object), ("array", .array), ("string", .string),
        ("number", .number), ("integer", .integer),
    ]

    /// The names, for messages: `string or null`.
    package var names: String {
        var rest = self
        var names: [String] = []
        for (name, types) in Self.named where rest.isSuperset(of: types) {
            rest.subtract(types)
            names.append(name)
        }
        return names.joined(separator: " or ")
    }
}

/// A value without inside, as `enum` and `const` list them.
package enum AttributeScalar: Sendable, Hashable {
    case null
    case boolean(Bool)
    /// Equal to every spelling of its value.
    case number(DecimalNumber)
    case string(ExactText)

    /// Its JSON text, for messages.
    package var text: String {
        switch self {
        case .null: "null"
        case .boolean(let value): value ? "true" : "false"
        case .number(let value): value.text
        case .string(let value): "\"\(value.text)\""
        }
    }

    /// The kinds of value that it is one of.
    var types: AttributeTypes {
        switch self {
        case .null: .null
        case .boolean: .boolean
        case .number(let value): value.isInteger ? .integer : .fraction
        case .string: .string
        }
    }
}

/// One end of a range of numbers.
package struct NumberBound: Sendable, Hashable {
    package var value: DecimalNumber
    /// Whether the value itself lies outside.
    package var isExclusive: Bool

    package init(_ value: DecimalNumber, isExclusive: Bool = false) {
        self.value = value
        self.isExclusive = isExclusive
    }
}

/// What a value must be like: the subset of JSON Schema (draft 2020-12) of docs/event-types.md, without what only people
/// read. Equal schemas accept the same values, whatever the order and spelling of their texts.
package struct AttributeSchema: Sendable, Hashable {
    package var types: AttributeTypes = .all
    /// The members that are described, by their names in the order of their bytes.
    package var properties: [AttributeProperty] = []
    /// The members that must be there, in the order of their bytes.
    package var required: [ExactText] = []
    /// Whether members that aren't described are refused.
    package var refusesUnknown = false
    /// The only values that are allowed (`enum`, `const`), each once; `nil` allows all.
    package var allowed: [AttributeScalar]?
    /// The length of a string in Unicode code points.
    package var minLength: Int32 = 0
    package var maxLength: Int32?
    package var lower: NumberBound?
    package var upper: NumberBound?
    package var minItems: Int32 = 0
    package var maxItems: Int32?
    /// What each element of an array must be like.
    package var items: AttributeItems = .any

    package init() {}

    /// Allows everything.
    package static let any = AttributeSchema()

    /// The schema of a described member; `nil` for another one.
    package func property(_ name: ExactText) -> AttributeSchema? {
        self.properties.first { $0.name == name }?.schema
    }
}

/// A described member of an object.
package struct AttributeProperty: Sendable, Hashable {
    package var name: ExactText
    package var schema: AttributeSchema

    package init(name: ExactText, schema: AttributeSchema) {
        self.name = name
        self.schema = schema
    }
}

/// What the elements of an array must be like.
package indirect enum AttributeItems: Sendable, Hashable {
    case any
    case each(AttributeSchema)

    /// The schema of an element.
    package var schema: AttributeSchema {
        switch self {
        case .any: .any
        case .each(let schema): schema
        }
    }
}
