internal import DocketModel

extension EventTypeDefinition {
    /// The definition as a file of the registry (docs/event-types.md): the same text for the same definition, members in a
    /// fixed order, an attribute a line, with a line's end behind it.
    public var json: String {
        var members = [("name", quoted(self.name)), ("version", String(self.version))]
        if let description = self.description { members.append(("description", quoted(description))) }
        if !self.requiredFields.isEmpty {
            members.append(("required_fields", list(self.requiredFields.map { quoted($0.rawValue) })))
        }
        if let decisions = self.decisions { members.append(("decisions", list(decisions.map { quoted($0.name) }))) }
        if let outcomes = self.outcomes { members.append(("outcomes", list(outcomes.map { quoted($0.name) }))) }
        members.append(("unknown_attributes", quoted(self.refusesUnknownAttributes ? "refuse" : "keep")))
        if !self.attributes.isEmpty { members.append(("attributes", self.schema)) }
        return block(members, indentation: "") + "\n"
    }

    private var schema: String {
        let required = self.attributes.filter { !$0.format.isOptional }.map { quoted($0.name) }
        let properties = self.attributes.map { ($0.name, $0.format.schema(description: $0.description)) }
        return block(
            [("type", quoted("object"))] + (required.isEmpty ? [] : [("required", list(required))])
                + [("properties", block(properties, indentation: "    "))],
            indentation: "  ")
    }
}

extension AttributeFormat {
    /// The JSON Schema, on one line.
    fileprivate func schema(description: String? = nil, isElement: Bool = false) -> String {
        let mayBeNull = isElement && self.isOptional
        var members = [("type", mayBeNull ? list([quoted(self.type), quoted("null")]) : quoted(self.type))]
        if let names = self.names { members.append(("enum", list(names.map(quoted) + (mayBeNull ? ["null"] : [])))) }
        members += self.keywords.map { ($0.name, $0.json) }
        if let item = self.items.first { members.append(("items", item.schema(isElement: true))) }
        if let description { members.append(("description", quoted(description))) }
        return "{ " + members.map { "\(quoted($0)): \($1)" }.joined(separator: ", ") + " }"
    }
}

/// An object with a member a line.
private func block(_ members: [(String, String)], indentation: String) -> String {
    let lines = members.map { "\(indentation)  \(quoted($0)): \($1)" }
    return "{\n" + lines.joined(separator: ",\n") + "\n\(indentation)}"
}

private func list(_ values: [String]) -> String { "[" + values.joined(separator: ", ") + "]" }

private func quoted(_ text: String) -> String {
    var writer = JSONWriter()
    writer.string(text)
    return writer.text
}
