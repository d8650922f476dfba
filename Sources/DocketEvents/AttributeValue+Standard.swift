// What of the standard library attributes can hold.

extension String: AttributeValue {
    public static var attributeFormat: AttributeFormat { AttributeFormat(type: "string") }
    /// Any text; the collector refuses one with a U+0000, and one that is longer than the definition lets it be.
    public func writeAttribute(to writer: inout AttributeWriter) { writer.string(self) }
}

extension Bool: AttributeValue {
    public static var attributeFormat: AttributeFormat { AttributeFormat(type: "boolean") }
    public func writeAttribute(to writer: inout AttributeWriter) { writer.bool(self) }
}

// MARK: Numbers

extension AttributeValue where Self: FixedWidthInteger {
    /// An integer; of an unsigned type one from 0.
    public static var attributeFormat: AttributeFormat {
        AttributeFormat(type: "integer", keywords: Self.isSigned ? [] : [("minimum", "0")])
    }
    public func writeAttribute(to writer: inout AttributeWriter) { writer.number(String(self)) }
}

extension Int: AttributeValue {}
extension Int8: AttributeValue {}
extension Int16: AttributeValue {}
extension Int32: AttributeValue {}
extension Int64: AttributeValue {}
extension UInt: AttributeValue {}
extension UInt8: AttributeValue {}
extension UInt16: AttributeValue {}
extension UInt32: AttributeValue {}
extension UInt64: AttributeValue {}

extension AttributeValue where Self: BinaryFloatingPoint & CustomStringConvertible {
    public static var attributeFormat: AttributeFormat { AttributeFormat(type: "number") }
    /// Infinities and NaN, which JSON doesn't have, become `null`: the collector refuses them where a number must be, so that
    /// they don't get lost in silence.
    public func writeAttribute(to writer: inout AttributeWriter) {
        if self.isFinite { writer.number(self.description) } else { writer.null() }
    }
}

extension Double: AttributeValue {}
extension Float: AttributeValue {}

// MARK: Enumerations

extension AttributeValue where Self: RawRepresentable, RawValue: AttributeValue {
    /// That of the raw value.
    public static var attributeFormat: AttributeFormat { RawValue.attributeFormat }
    public func writeAttribute(to writer: inout AttributeWriter) { self.rawValue.writeAttribute(to: &writer) }
}

extension AttributeValue where Self: RawRepresentable & CaseIterable, RawValue == String {
    /// One of the cases' texts.
    public static var attributeFormat: AttributeFormat {
        AttributeFormat(type: "string", names: Self.allCases.map(\.rawValue))
    }
}

// MARK: Values within values

extension Optional: AttributeValue where Wrapped: AttributeValue {
    public static var attributeFormat: AttributeFormat {
        var format = Wrapped.attributeFormat
        format.isOptional = true
        return format
    }
    /// Without a value the member is left out; within an array it is `null`.
    public func writeAttribute(to writer: inout AttributeWriter) {
        switch self {
        case .some(let value): value.writeAttribute(to: &writer)
        case .none: writer.absent()
        }
    }
}

extension Array: AttributeValue where Element: AttributeValue {
    public static var attributeFormat: AttributeFormat {
        AttributeFormat(type: "array", items: [Element.attributeFormat])
    }
    public func writeAttribute(to writer: inout AttributeWriter) {
        writer.array { writer in
            for element in self { element.writeAttribute(to: &writer) }
        }
    }
}

extension Dictionary: AttributeValue where Key == String, Value: AttributeValue {
    /// An object with any members.
    public static var attributeFormat: AttributeFormat { AttributeFormat(type: "object") }
    /// An object, its members in the order of their names, so that equal values have equal texts.
    public func writeAttribute(to writer: inout AttributeWriter) {
        writer.object { writer in
            for (name, value) in self.sorted(by: { $0.key < $1.key }) { writer.member(name, value) }
        }
    }
}

/// Attributes, or an object within them, written down with values of different types: a dictionary literal.
///
/// ```swift
/// event.attributes(["method": "GET", "bytes": body.count, "client": ["name": name] as AttributeObject])
/// ```
///
/// Members keep their order; those without a value (`nil`) are left out. Of two with one name the last counts.
public struct AttributeObject: AttributeValue, ExpressibleByDictionaryLiteral {
    private let members: [(String, any AttributeValue)]

    /// An object with those members, in this order.
    public init(_ members: [(String, any AttributeValue)]) { self.members = members }

    public init(dictionaryLiteral members: (String, any AttributeValue)...) { self.init(members) }

    /// An object with any members.
    public static var attributeFormat: AttributeFormat { AttributeFormat(type: "object") }

    public func writeAttribute(to writer: inout AttributeWriter) {
        writer.object { self.writeMembers(to: &$0) }
    }

    func writeMembers(to writer: inout AttributeWriter) {
        for (name, value) in self.members { writer.member(name, value) }
    }
}
