import DocketModel

/// Reads the members of a definition; ``SchemaReader`` reads its `attributes`.
struct DefinitionReader {
    private static let members = [
        "name", "version", "description", "required_fields", "decisions", "outcomes", "unknown_attributes",
        "attributes",
    ]
    /// A schema level takes two levels of JSON: `properties`, and the name of one.
    private static let maxJSONDepth = 2 * DefinitionLimits.maxDepth + 8

    private let object: JSONObject

    init(_ bytes: [UInt8]) throws(EventTypeError) {
        do throws(ModelError) {
            let value = try JSONValue(parsing: bytes, maxDepth: Self.maxJSONDepth, numbersFitNumeric: true)
            self.object = try value.object()
        } catch {
            throw EventTypeError(
                code: .malformed, message: "the definition is no JSON object that can be read: \(error.message)",
                cause: error)
        }
        for name in self.object.names where !Self.members.contains(name) {
            throw EventTypeError(
                code: .unknownKeyword,
                message: "'\(excerpt(name))' is no member of a definition; remove it, or use one of "
                    + Self.members.joined(separator: ", "))
        }
    }

    func definition() throws(EventTypeError) -> EventTypeDefinition {
        var schemas = SchemaReader()
        var attributes = AttributeSchema()
        if let value = self.object["attributes"] { attributes = try schemas.root(value) }
        attributes.types = .object
        attributes.refusesUnknown = try self.refusesUnknown()
        try SchemaReader.checkRequired(attributes, at: "attributes")
        return EventTypeDefinition(
            name: try self.name(), version: try self.version(), summary: try self.summary(),
            requiredFields: try self.requiredFields(),
            decisions: try self.names("decisions", all: Decision.allCases, name: { $0.name }),
            outcomes: try self.names("outcomes", all: Outcome.allCases, name: { $0.name }),
            attributes: attributes)
    }

    private func name() throws(EventTypeError) -> String {
        guard let name = self.object["name"]?.string else {
            throw invalid("name", "is missing or no string; give the event type's name, such as \"authz.decision\"")
        }
        guard name.utf8.count <= DefinitionLimits.maxNameBytes else {
            throw EventTypeError(
                code: .tooLarge,
                message: "name is \(name.utf8.count) bytes; the limit is \(DefinitionLimits.maxNameBytes): shorten it")
        }
        guard EventTypeName.isWellFormed(name) else {
            throw invalid(
                "name",
                "is \"\(excerpt(name))\"; it must be lower-case letters, digits and '_', in parts separated by dots")
        }
        guard !EventTypeName.isReserved(name) else {
            throw invalid(
                "name",
                "is \"\(excerpt(name))\"; \(EventTypeName.reservedNames) are Docket's own: "
                    + "choose another")
        }
        return name
    }

    private func version() throws(EventTypeError) -> Int32 {
        guard let value = self.object["version"] else {
            throw invalid("version", "is missing; give a whole number, 1 for a new type")
        }
        guard let number = value.integer, let version = Int32(exactly: number), version >= 1 else {
            throw invalid("version", "is \(excerpt(value.text)); it must be a whole number from 1 to \(Int32.max)")
        }
        return version
    }

    private func summary() throws(EventTypeError) -> String {
        guard let value = self.object["description"] else { return "" }
        guard let text = value.string else {
            throw invalid("description", "must be a string, found \(value.kind.name)")
        }
        guard text.utf8.count <= DefinitionLimits.maxDescriptionBytes else {
            throw EventTypeError(
                code: .tooLarge,
                message: "description is \(text.utf8.count) bytes; the limit is "
                    + "\(DefinitionLimits.maxDescriptionBytes): shorten it")
        }
        return text
    }

    private func requiredFields() throws(EventTypeError) -> [EventField] {
        var fields: [EventField] = []
        for name in try self.texts("required_fields") ?? [] {
            guard let field = EventField(named: name) else {
                let remedy =
                    ["event_id", "type", "occurred_at", "obligations"].contains(name)
                    ? "every event has it: leave it out"
                    : "use one of \(EventField.all.map(\.name).joined(separator: ", "))"
                throw invalid("required_fields", "names \"\(excerpt(name))\"; \(remedy)")
            }
            guard !fields.contains(field) else {
                throw invalid("required_fields", "names \"\(name)\" twice; remove one")
            }
            fields.append(field)
        }
        return fields.sorted()
    }

    /// The cases of an enumeration that a member lists, in their own order; `nil` without the member.
    private func names<Case: Equatable>(
        _ member: String, all: [Case], name: (Case) -> String
    ) throws(EventTypeError) -> [Case]? {
        guard let texts = try self.texts(member) else { return nil }
        for text in texts where !all.contains(where: { name($0) == text }) {
            throw invalid(
                member,
                "names \"\(excerpt(text))\"; use \(all.map { name($0) }.joined(separator: ", "))")
        }
        guard !texts.isEmpty else {
            throw invalid(member, "is empty, so no event that has the field could pass; leave it out, or name some")
        }
        return all.filter { texts.contains(name($0)) }
    }

    private func refusesUnknown() throws(EventTypeError) -> Bool {
        guard let value = self.object["unknown_attributes"] else { return false }
        switch value.string {
        case "keep": return false
        case "refuse": return true
        default:
            throw invalid("unknown_attributes", "is \(excerpt(value.text)); it must be \"keep\" or \"refuse\"")
        }
    }

    private func texts(_ member: String) throws(EventTypeError) -> [String]? {
        guard let value = self.object[member] else { return nil }
        return try SchemaReader.texts(value, at: member)
    }
}

/// The fault of a member.
func invalid(_ place: String, _ what: String) -> EventTypeError {
    EventTypeError(code: .invalidValue, message: "\(place) \(what)")
}

/// How event types are named.
package enum EventTypeName {
    /// What the names of Docket's own types begin with.
    private static let reservedPrefix = "docket."
    /// And those beside.
    private static let otherReserved = [Self.quotaBreached]
    /// The type of the event that tells that a tenant has reached its quota.
    package static let quotaBreached = "quota.breached"
    /// Those of the events that tell who has read a tenant's log.
    package static let logQueried = "docket.log.queried"
    package static let logExported = "docket.log.exported"
    package static let logTailed = "docket.log.tailed"
    /// Which names are Docket's own, in words.
    package static let reservedNames = "names that begin with 'docket.', and 'quota.breached',"

    /// Whether only Docket may use a name: an emitter could pass its events off as Docket's.
    package static func isReserved(_ name: String) -> Bool {
        name.hasPrefix(self.reservedPrefix) || self.otherReserved.contains(name)
    }

    /// The longest name of a type that nobody has registered, in bytes.
    private static let maxObservedBytes = 128

    /// Whether a name may become a type by being used, where a tenant takes such types.
    package static func mayBeObserved(_ name: String) -> Bool {
        name.utf8.count <= self.maxObservedBytes && self.isWellFormed(name) && !self.isReserved(name)
    }

    /// Whether a name is lower-case letters, digits and `_`, in parts separated by dots.
    package static func isWellFormed(_ name: String) -> Bool {
        name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { part in
            !part.isEmpty
                && part.allSatisfy { byte in
                    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
                }
        }
    }
}
