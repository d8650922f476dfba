import DocketModel

/// Reads schemas, one inside the other, and counts what bounds them.
struct SchemaReader {
    private static let annotations = [
        "title", "description", "$comment", "format", "default", "examples", "deprecated",
    ]
    private static let keywords = [
        "type", "properties", "required", "additionalProperties", "enum", "const", "minLength", "maxLength", "minimum",
        "maximum", "exclusiveMinimum", "exclusiveMaximum", "items", "minItems", "maxItems",
    ]
    /// What `attributes` itself may say; the rest is said by other members, or can't be met by an object.
    private static let rootKeywords = ["type", "properties", "required", "title", "description", "$comment"]

    private var propertyCount = 0
    private var valueCount = 0

    /// The schema of `attributes`.
    mutating func root(_ value: JSONValue) throws(EventTypeError) -> AttributeSchema {
        let object = try Self.object(value, at: "attributes", what: "a schema: an object")
        let schema = try self.schema(value, at: "attributes", depth: 1)
        for name in object.names where !Self.rootKeywords.contains(name) {
            let remedy =
                name == "additionalProperties"
                ? "say \"unknown_attributes\": \"keep\" or \"refuse\" beside it"
                : "it may have \(Self.rootKeywords.joined(separator: ", ")); say it of a property instead"
            throw invalid("attributes", "has the keyword '\(name)'; \(remedy)")
        }
        guard schema.types == .object || schema.types == .all else {
            throw invalid("attributes", "has the type \(schema.types.names); attributes are always an object")
        }
        return schema
    }

    private mutating func schema(_ value: JSONValue, at path: String, depth: Int) throws(EventTypeError)
        -> AttributeSchema
    {
        if value.bool == true { return .any }
        guard depth <= DefinitionLimits.maxDepth else {
            throw EventTypeError(
                code: .tooLarge,
                message: "\(path) is \(depth) levels deep; the limit is \(DefinitionLimits.maxDepth): flatten it")
        }
        let object = try Self.object(value, at: path, what: "a schema: an object, or true for any value")
        for name in object.names where !Self.keywords.contains(name) && !Self.annotations.contains(name) {
            throw EventTypeError(
                code: .unknownKeyword,
                message: "\(path) has the keyword '\(excerpt(name))', which event types don't know; remove it, or use "
                    + Self.keywords.joined(separator: ", "))
        }
        var schema = AttributeSchema()
        schema.types = try Self.types(object["type"], at: path)
        schema.properties = try self.properties(object["properties"], at: path, depth: depth)
        schema.required = try Self.required(object["required"], at: path)
        if let unknown = object["additionalProperties"] {
            guard let isAllowed = unknown.bool else {
                throw invalid("\(path)/additionalProperties", "must be true or false")
            }
            schema.refusesUnknown = !isAllowed
        }
        schema.allowed = try self.allowed(object, at: path)
        (schema.minLength, schema.maxLength) = try Self.range("minLength", "maxLength", object, at: path)
        (schema.minItems, schema.maxItems) = try Self.range("minItems", "maxItems", object, at: path)
        try Self.readBounds(object, at: path, into: &schema)
        if let items = object["items"] {
            let each = try self.schema(items, at: "\(path)/items", depth: depth + 1)
            schema.items = each == .any ? .any : .each(each)
        }
        // `attributes` doesn't know yet whether it refuses unknown members.
        if depth > 1 { try Self.checkRequired(schema, at: path) }
        return schema
    }

    private mutating func properties(
        _ value: JSONValue?, at path: String, depth: Int
    ) throws(EventTypeError) -> [AttributeProperty] {
        guard let value else { return [] }
        let object = try Self.object(value, at: "\(path)/properties", what: "an object with a schema a property")
        self.propertyCount += object.names.count
        guard self.propertyCount <= DefinitionLimits.maxProperties else {
            throw EventTypeError(
                code: .tooLarge,
                message:
                    "\(path)/properties: the definition has more than \(DefinitionLimits.maxProperties) properties; "
                    + "split the type")
        }
        var properties: [AttributeProperty] = []
        for name in object.names {
            guard let member = object[name] else { continue }
            let place = "\(path)/properties/\(pointerComponent(name))"
            guard name.utf8.count <= DefinitionLimits.maxPropertyNameBytes else {
                throw EventTypeError(
                    code: .tooLarge,
                    message: "\(path)/properties has a name of \(name.utf8.count) bytes; the limit is "
                        + "\(DefinitionLimits.maxPropertyNameBytes): shorten it")
            }
            guard member.bool != false else {
                throw invalid(place, "is false; leave it out, and refuse unknown attributes")
            }
            properties.append(
                AttributeProperty(name: ExactText(name), schema: try self.schema(member, at: place, depth: depth + 1)))
        }
        return properties.sorted { $0.name < $1.name }
    }

    /// `enum` and `const`; with both, what both allow.
    private mutating func allowed(_ object: JSONObject, at path: String) throws(EventTypeError) -> [AttributeScalar]? {
        var allowed: [AttributeScalar]?
        if let list = object["enum"] {
            guard let elements = list.elements, !elements.isEmpty else {
                throw invalid("\(path)/enum", "must be an array of at least one value")
            }
            self.valueCount += elements.count
            guard self.valueCount <= DefinitionLimits.maxEnumValues else {
                throw EventTypeError(
                    code: .tooLarge,
                    message:
                        "\(path)/enum: the definition enumerates more than \(DefinitionLimits.maxEnumValues) values; "
                        + "leave the enumeration out")
            }
            var (values, seen): ([AttributeScalar], Set<AttributeScalar>) = ([], [])
            for element in elements {
                let value = try Self.scalar(element, at: "\(path)/enum")
                if seen.insert(value).inserted { values.append(value) }
            }
            allowed = values
        }
        if let constant = object["const"] {
            let value = try Self.scalar(constant, at: "\(path)/const")
            guard allowed?.contains(value) ?? true else {
                throw invalid(
                    "\(path)/const", "is \(excerpt(value.text)), which enum doesn't list; no value could pass")
            }
            allowed = [value]
        }
        return allowed
    }

    /// A member that another one must be there for is described, unless unknown ones are kept.
    static func checkRequired(_ schema: AttributeSchema, at path: String) throws(EventTypeError) {
        guard schema.refusesUnknown else { return }
        for name in schema.required where schema.property(name) == nil {
            throw invalid(
                "\(path)/required",
                "names \"\(excerpt(name.text))\", which properties lacks and which would be refused as unknown; describe it"
            )
        }
    }
}

/// A name as a component of a JSON pointer (RFC 6901).
func pointerComponent(_ name: some StringProtocol) -> String {
    var text = ""
    for scalar in name.unicodeScalars {
        switch scalar {
        case "~": text += "~0"
        case "/": text += "~1"
        default: text.unicodeScalars.append(scalar)
        }
    }
    return text
}
