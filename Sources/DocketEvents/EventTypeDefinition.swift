public import DocketModel

/// The definition of an event type whose attributes are properties of `Value`; ``json`` is the file that
/// `docket event-type apply` takes.
///
/// It isn't checked here: `docket event-type test` and the registry say what is wrong with one.
public struct EventTypeDefinition<Value>: Sendable {
    /// Lower-case letters, digits and `_`, in parts with dots between; 1 to 255 bytes.
    public let name: String
    /// From 1 to 2^31-1. Who changes a registered definition raises it.
    public let version: Int
    let description: String?
    let requiredFields: [RequiredField]
    let decisions: [Decision]?
    let outcomes: [Outcome]?
    let refusesUnknownAttributes: Bool
    let attributes: [EventAttribute<Value>]

    /// A definition.
    ///
    /// - Parameters:
    ///   - name: Lower-case letters, digits and `_`, in parts with dots between; 1 to 255 bytes. Names that begin with
    ///     `docket.`, and `quota.breached`, are Docket's own.
    ///   - version: From 1 to 2^31-1.
    ///   - description: For people; up to 4,096 bytes.
    ///   - requires: The fields that each event must have, besides the attributes that aren't optional.
    ///   - decisions: The decisions that an event may have if it has one; all unless given.
    ///   - outcomes: The outcomes that an event may have if it has one; all unless given.
    ///   - refusesUnknownAttributes: Whether events with other attributes than these are refused.
    ///   - attributes: The attributes, up to 64 of which may be required.
    public init(
        _ name: String, version: Int = 1, description: String? = nil, requires: [RequiredField] = [],
        decisions: [Decision]? = nil, outcomes: [Outcome]? = nil, refusesUnknownAttributes: Bool = false,
        attributes: [EventAttribute<Value>] = []
    ) {
        self.name = name
        self.version = version
        self.description = description
        self.requiredFields = requires
        self.decisions = decisions
        self.outcomes = outcomes
        self.refusesUnknownAttributes = refusesUnknownAttributes
        self.attributes = attributes
    }
}

/// An attribute of an event type: a name, and the property that it is.
public struct EventAttribute<Value>: Sendable {
    let name: String
    let description: String?
    let format: AttributeFormat
    /// Writes the member, unless the property is `nil`.
    let write: @Sendable (Value, inout AttributeWriter) -> Void

    /// An attribute that is a property: required, unless the property is optional. Bounds on lengths and numbers are for
    /// the elements where the property is an array.
    ///
    /// - Parameters:
    ///   - name: The attribute's name; up to 255 bytes.
    ///   - property: A key path, or a closure: `\.method`.
    ///   - description: For people.
    ///   - minLength: The shortest text, in Unicode code points.
    ///   - maxLength: The longest text, in Unicode code points.
    ///   - minimum: The least number.
    ///   - maximum: The greatest number.
    ///   - minItems: The fewest elements of an array.
    ///   - maxItems: The most elements of an array.
    public init<Property: AttributeValue>(
        _ name: String, _ property: @escaping @Sendable (Value) -> Property, description: String? = nil,
        minLength: Int? = nil, maxLength: Int? = nil, minimum: Double? = nil, maximum: Double? = nil,
        minItems: Int? = nil, maxItems: Int? = nil
    ) {
        self.name = name
        self.description = description
        self.format = Property.attributeFormat.bounded(
            elements: [
                ("minLength", minLength?.description), ("maxLength", maxLength?.description),
                ("minimum", minimum?.jsonNumber), ("maximum", maximum?.jsonNumber),
            ],
            arrays: [("minItems", minItems?.description), ("maxItems", maxItems?.description)])
        self.write = { value, writer in writer.member(name, property(value)) }
    }
}

extension AttributeFormat {
    /// With those keywords that are given: of arrays their own, of what is in them, or of what is no array, the others.
    fileprivate func bounded(
        elements: [(name: String, json: String?)], arrays: [(name: String, json: String?)]
    ) -> AttributeFormat {
        var format = self
        for (name, json) in self.items.isEmpty ? elements : arrays {
            guard let json else { continue }
            format.keywords.removeAll { $0.name == name }
            format.keywords.append((name, json))
        }
        format.items = self.items.map { $0.bounded(elements: elements, arrays: []) }
        return format
    }
}

extension Double {
    /// A whole number without a fraction, as people write it.
    fileprivate var jsonNumber: String? {
        guard self.isFinite else { return nil }
        return Int64(exactly: self).map(\.description) ?? self.description
    }
}

/// A field that each event of a type must have. An empty text counts as missing.
public enum RequiredField: String, Sendable, CaseIterable {
    case scope
    case actorKind = "actor.kind"
    case actorID = "actor.id"
    case actorUserID = "actor.user_id"
    case delegation
    case action
    case resourceType = "resource.type"
    case resourceID = "resource.id"
    case decision
    case outcome
    case reason
    case policy
    case evaluatedRules = "evaluated_rules"
    case riskScore = "risk_score"
    case sessionID = "session_id"
    case requestID = "request_id"
    case agentID = "agent_id"
    case source
    case sourceEventID = "source_event_id"
    case traceID = "trace_id"
    case spanID = "span_id"
    case duration = "duration_us"
    case payloadHash = "payload.hash"
    case payloadInSize = "payload.in_size_bytes"
    case payloadOutSize = "payload.out_size_bytes"
    case attributes
}
