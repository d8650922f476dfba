internal import DocketModel

/// What an attribute can hold.
///
/// Strings, booleans, integers, `Double` and `Float`, and arrays, dictionaries and optionals of them do. An enumeration
/// with texts needs only to say so; its cases become the `enum` of the schema:
///
/// ```swift
/// enum Method: String, CaseIterable, AttributeValue { case password, passkey }
/// ```
///
/// Another type leaves it to one that can:
///
/// ```swift
/// extension UUID: AttributeValue {
///     public static var attributeFormat: AttributeFormat { String.attributeFormat }
///     public func writeAttribute(to writer: inout AttributeWriter) { self.uuidString.writeAttribute(to: &writer) }
/// }
/// ```
public protocol AttributeValue: Sendable {
    /// What the values look like in JSON.
    static var attributeFormat: AttributeFormat { get }

    /// Writes the value, once.
    func writeAttribute(to writer: inout AttributeWriter)
}

/// What the values of a type look like in JSON: the schema that events are judged by. It comes from the types that have one.
public struct AttributeFormat: Sendable {
    /// The name of the type in JSON Schema.
    let type: String
    /// The texts that a string may be; `nil` when it may be any.
    var names: [String]?
    /// Further keywords with their JSON text, in the order in which they are written.
    var keywords: [(name: String, json: String)] = []
    /// None, or that of an array's elements.
    var items: [AttributeFormat] = []
    /// Whether a value may be absent, which within an array is `null`.
    var isOptional = false
}

/// Takes the JSON text of attributes as it is written, into one buffer.
public struct AttributeWriter: Sendable {
    private var json = JSONWriter()
    /// The member whose value comes next: it isn't written before its value is known to be there.
    private var pendingName: String?

    /// The JSON text of an object.
    static func text(ofObject writeMembers: (inout AttributeWriter) -> Void) -> String {
        var writer = AttributeWriter()
        writer.json.reserveCapacity(128)
        writer.object(writeMembers)
        return writer.json.text
    }

    /// The JSON text of an array.
    static func text(ofArray elements: [any AttributeValue]) -> String {
        var writer = AttributeWriter()
        writer.array { writer in
            for element in elements { element.writeAttribute(to: &writer) }
        }
        return writer.json.text
    }

    /// The JSON text of a value.
    static func text(of value: any AttributeValue) -> String {
        var writer = AttributeWriter()
        value.writeAttribute(to: &writer)
        return writer.json.text
    }

    /// A member of the object that is being written, unless its value is absent.
    mutating func member(_ name: String, _ value: some AttributeValue) {
        self.pendingName = name
        value.writeAttribute(to: &self)
        self.pendingName = nil
    }

    mutating func object(_ writeMembers: (inout AttributeWriter) -> Void) {
        self.begin()
        self.json.beginObject()
        writeMembers(&self)
        self.json.endObject()
    }

    mutating func array(_ writeElements: (inout AttributeWriter) -> Void) {
        self.begin()
        self.json.beginArray()
        writeElements(&self)
        self.json.endArray()
    }

    mutating func string(_ text: String) {
        self.begin()
        self.json.string(text)
    }

    mutating func bool(_ value: Bool) {
        self.begin()
        self.json.bool(value)
    }

    /// A number by digits that JSON takes.
    mutating func number(_ digits: String) {
        self.begin()
        self.json.number(digits)
    }

    mutating func null() {
        self.begin()
        self.json.null()
    }

    /// Leaves a member out; `null` where a value must stand.
    mutating func absent() {
        guard self.pendingName == nil else { return self.pendingName = nil }
        self.json.null()
    }

    /// Writes the name of the member whose value begins.
    private mutating func begin() {
        guard let name = self.pendingName else { return }
        self.json.key(name)
        self.pendingName = nil
    }
}
