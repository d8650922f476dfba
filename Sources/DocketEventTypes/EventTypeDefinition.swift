package import DocketModel

/// What the events of one type must be like, as docs/event-types.md describes the files: an immutable value, without I/O.
package struct EventTypeDefinition: Sendable, Hashable {
    /// Lower-case letters, digits and `_`, in parts separated by dots; 1 to 255 bytes.
    package var name: String
    /// From 1 to 2^31-1.
    package var version: Int32
    /// For people; it doesn't count when definitions are compared.
    package var summary: String
    /// The fields that each event must have, in the order of the columns.
    package var requiredFields: [EventField]
    /// The decisions that an event that has one may have, in the order of their numbers; `nil` allows all.
    package var decisions: [Decision]?
    /// The outcomes that an event that has one may have, in the order of their numbers; `nil` allows all.
    package var outcomes: [Outcome]?
    /// The schema of `attributes`: an object. It refuses unknown members if the definition's `unknown_attributes` does.
    package var attributes: AttributeSchema

    package init(
        name: String, version: Int32 = 1, summary: String = "", requiredFields: [EventField] = [],
        decisions: [Decision]? = nil, outcomes: [Outcome]? = nil, attributes: AttributeSchema = .any
    ) {
        self.name = name
        self.version = version
        self.summary = summary
        self.requiredFields = requiredFields
        self.decisions = decisions
        self.outcomes = outcomes
        self.attributes = attributes
    }

    /// Reads a definition from JSON.
    ///
    /// - Throws: ``EventTypeError`` with the place, what is wrong there and the remedy.
    package init(json bytes: [UInt8]) throws(EventTypeError) {
        guard bytes.count <= DefinitionLimits.maxBytes else {
            throw EventTypeError(
                code: .tooLarge,
                message: "the definition is \(bytes.count) bytes; the limit is \(DefinitionLimits.maxBytes): shorten it"
            )
        }
        self = try DefinitionReader(bytes).definition()
    }

    /// The definition without what is only for people: what decides about events.
    var meaning: EventTypeDefinition {
        var copy = self
        copy.summary = ""
        return copy
    }
}
