import DocketModel

// What has no schema inside.
extension SchemaReader {
    static func object(_ value: JSONValue, at path: String, what: String) throws(EventTypeError) -> JSONObject {
        guard value.kind == .object else { throw invalid(path, "is \(value.kind.name); it must be \(what)") }
        do throws(ModelError) {
            return try value.object()
        } catch {
            throw EventTypeError(code: .malformed, message: "\(path): \(error.message)", cause: error)
        }
    }

    /// An array of strings.
    static func texts(_ value: JSONValue, at path: String) throws(EventTypeError) -> [String] {
        guard let elements = value.elements else {
            throw invalid(path, "must be an array of strings, found \(value.kind.name)")
        }
        var texts: [String] = []
        for element in elements {
            guard let text = element.string else {
                throw invalid(path, "must be an array of strings; it holds \(element.kind.name)")
            }
            texts.append(text)
        }
        return texts
    }

    static func types(_ value: JSONValue?, at path: String) throws(EventTypeError) -> AttributeTypes {
        guard let value else { return .all }
        let names = if let name = value.string { [name] } else { try self.texts(value, at: "\(path)/type") }
        var types: AttributeTypes = []
        for name in names {
            guard let named = AttributeTypes.named.first(where: { $0.name == name }) else {
                throw invalid(
                    "\(path)/type",
                    "is \"\(excerpt(name))\"; use \(AttributeTypes.named.map(\.name).joined(separator: ", "))")
            }
            types.formUnion(named.types)
        }
        guard !types.isEmpty else { throw invalid("\(path)/type", "is empty, so no value could pass; name a type") }
        return types
    }

    static func required(_ value: JSONValue?, at path: String) throws(EventTypeError) -> [ExactText] {
        guard let value else { return [] }
        let names = Set(try self.texts(value, at: "\(path)/required").map { ExactText($0) })
        guard names.count <= DefinitionLimits.maxRequiredProperties else {
            throw EventTypeError(
                code: .tooLarge,
                message: "\(path)/required names \(names.count) properties; the limit is "
                    + "\(DefinitionLimits.maxRequiredProperties): let some be optional")
        }
        for name in names where name.text.utf8.count > DefinitionLimits.maxPropertyNameBytes {
            throw EventTypeError(
                code: .tooLarge,
                message: "\(path)/required has a name of \(name.text.utf8.count) bytes; the limit is "
                    + "\(DefinitionLimits.maxPropertyNameBytes): shorten it")
        }
        return names.sorted()
    }

    static func scalar(_ value: JSONValue, at path: String) throws(EventTypeError) -> AttributeScalar {
        switch value.kind {
        case .null: return .null
        case .bool: return .boolean(value.bool ?? false)
        case .number: return .number(try self.number(value, at: path))
        case .string: return .string(ExactText(value.string ?? ""))
        case .array, .object:
            throw invalid(path, "holds \(value.kind.name); only strings, numbers, booleans and null are compared")
        }
    }

    static func number(_ value: JSONValue, at path: String) throws(EventTypeError) -> DecimalNumber {
        guard value.kind == .number else { throw invalid(path, "must be a number, found \(value.kind.name)") }
        guard value.bytes.count <= DefinitionLimits.maxNumberBytes else {
            throw EventTypeError(
                code: .tooLarge,
                message: "\(path) is a number of \(value.bytes.count) bytes; the limit is "
                    + "\(DefinitionLimits.maxNumberBytes): round it")
        }
        return DecimalNumber(value.text)
    }

    /// A least and a most count.
    static func range(
        _ least: String, _ most: String, _ object: JSONObject, at path: String
    ) throws(EventTypeError) -> (Int32, Int32?) {
        let low = try self.count(least, object, at: path) ?? 0
        let high = try self.count(most, object, at: path)
        if let high, high < low {
            throw invalid(path, "has \(least) \(low) and \(most) \(high); no value could pass")
        }
        return (low, high)
    }

    private static func count(_ keyword: String, _ object: JSONObject, at path: String) throws(EventTypeError) -> Int32?
    {
        guard let value = object[keyword] else { return nil }
        guard let number = value.integer, (0...DefinitionLimits.maxCount).contains(number) else {
            throw invalid(
                "\(path)/\(keyword)",
                "is \(excerpt(value.text)); it must be a whole number from 0 to \(DefinitionLimits.maxCount)")
        }
        return Int32(truncatingIfNeeded: number)
    }

    /// The four keywords that bound numbers, as one range: of two bounds on one side the tighter counts.
    static func readBounds(_ object: JSONObject, at path: String, into schema: inout AttributeSchema)
        throws(EventTypeError)
    {
        func bound(_ keyword: String, isExclusive: Bool) throws(EventTypeError) -> NumberBound? {
            guard let value = object[keyword] else { return nil }
            return NumberBound(try Self.number(value, at: "\(path)/\(keyword)"), isExclusive: isExclusive)
        }
        schema.lower = try bound("minimum", isExclusive: false)
        if let other = try bound("exclusiveMinimum", isExclusive: true),
            schema.lower.map({ $0.value <= other.value }) ?? true
        {
            schema.lower = other
        }
        schema.upper = try bound("maximum", isExclusive: false)
        if let other = try bound("exclusiveMaximum", isExclusive: true),
            schema.upper.map({ $0.value >= other.value }) ?? true
        {
            schema.upper = other
        }
        guard let lower = schema.lower, let upper = schema.upper else { return }
        guard lower.value < upper.value || lower.value == upper.value && !lower.isExclusive && !upper.isExclusive else {
            throw invalid(path, "has bounds from \(lower.value) to \(upper.value) with nothing in between")
        }
    }
}
