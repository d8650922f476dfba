/// A value of a JSON text, kept as the slice of text that it is: a number keeps its digits and a container its
/// spelling, so that nothing is lost by reading.
///
/// There is no tree: a container is opened one level at a time, and only where somebody looks inside.
package struct JSONValue: Sendable, Equatable {
    /// What sort of value.
    package enum Kind: Sendable, Equatable {
        case null, bool, number, string, array, object

        /// For error messages: `a string`.
        package var name: String {
            switch self {
            case .null: "null"
            case .bool: "a boolean"
            case .number: "a number"
            case .string: "a string"
            case .array: "an array"
            case .object: "an object"
            }
        }
    }

    /// How deep a text may nest where nobody says otherwise, in levels.
    package static let defaultMaxDepth = 128

    package let kind: Kind
    /// The value's own text, without white space around it: valid JSON and UTF-8.
    package let bytes: ArraySlice<UInt8>

    /// A slice that ``JSONCursor`` has walked over.
    init(kind: Kind, bytes: ArraySlice<UInt8>) {
        self.kind = kind
        self.bytes = bytes
    }

    /// Reads a text that holds exactly one value (RFC 8259), all of it checked: UTF-8, grammar, depth; U+0000 and lone
    /// surrogates are refused. Throws a ``ModelError`` that names the byte.
    ///
    /// - Parameter numbersFitNumeric: Whether numbers of more than 131,072 digits before or 16,383 after the decimal point
    ///   are refused: PostgreSQL's `numeric` can't hold them (PostgreSQL, "Numeric Types").
    package init(
        parsing bytes: [UInt8], maxDepth: Int = Self.defaultMaxDepth, numbersFitNumeric: Bool = false
    ) throws(ModelError) {
        guard String(validating: bytes, as: UTF8.self) != nil else {
            // A character has at most four bytes: without three of them a text that was cut is whole again.
            let isCut = (1...3).contains { String(validating: bytes.dropLast($0), as: UTF8.self) != nil }
            throw ModelError(
                code: isCut ? .incompleteJSON : .invalidJSON, message: "not valid UTF-8; JSON must be UTF-8")
        }
        var cursor = JSONCursor(bytes[...], numbersFitNumeric: numbersFitNumeric)
        cursor.skipWhitespace()
        self = try cursor.value(maxDepth: maxDepth)
        cursor.skipWhitespace()
        guard cursor.isAtEnd else { throw cursor.fault("more text after the value") }
    }

    /// The value's own text.
    package var text: String { String(decoding: self.bytes, as: UTF8.self) }

    /// The value of a boolean; `nil` for another kind.
    package var bool: Bool? { self.kind == .bool ? self.bytes.first == UInt8(ascii: "t") : nil }

    /// The value of a number without fraction and exponent; `nil` for another or one outside 64 bits.
    package var integer: Int64? { self.kind == .number ? Int64(self.text) : nil }

    /// The value nearest to a number; `nil` for another kind or a number too large for 64 bits of floating point.
    package var double: Double? {
        guard self.kind == .number, let value = Double(self.text), value.isFinite else { return nil }
        return value
    }

    /// The characters of a string; `nil` for another kind.
    package var string: String? {
        guard self.kind == .string else { return nil }
        let content = self.bytes.dropFirst().dropLast()
        guard content.contains(UInt8(ascii: "\\")) else { return String(decoding: content, as: UTF8.self) }
        var text: [UInt8] = []
        var cursor = JSONCursor(content)
        while let byte = cursor.current {
            _ = cursor.skip(byte)
            if byte != UInt8(ascii: "\\") {
                text.append(byte)
            } else if let scalar = try? cursor.escaped() {
                text.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The values of an array, in order; `nil` for another kind.
    package var elements: [JSONValue]? {
        guard self.kind == .array else { return nil }
        var elements: [JSONValue] = []
        var cursor = self.insideCursor()
        while !cursor.isAtEnd, let value = try? cursor.value(maxDepth: .max) {
            elements.append(value)
            cursor.skipWhitespace()
            _ = cursor.skip(UInt8(ascii: ","))
            cursor.skipWhitespace()
        }
        return elements
    }

    /// The members of an object. Throws a ``ModelError`` when the value is none, or has two members of one name: which
    /// of them counts would be anybody's guess.
    package func object() throws(ModelError) -> JSONObject {
        guard self.kind == .object else {
            throw ModelError(code: .invalidJSON, message: "expected an object, found \(self.kind.name)")
        }
        var object = JSONObject()
        try self.forEachMember { (name, value) throws(ModelError) in
            guard object.append(name, value) else {
                throw ModelError(
                    code: .invalidJSON,
                    message: "two members are named \"\(name)\"; only one can count, remove the other")
            }
        }
        return object
    }

    /// Calls `body` with each member of an object, in the order of the text; one name may come twice. Of another kind, none.
    func forEachMember(
        _ body: (_ name: String, _ value: JSONValue) throws(ModelError) -> Void
    ) throws(ModelError) {
        guard self.kind == .object else { return }
        var cursor = self.insideCursor()
        while !cursor.isAtEnd {
            let name = try cursor.value(maxDepth: 0).string ?? ""
            cursor.skipWhitespace()
            _ = cursor.skip(UInt8(ascii: ":"))
            cursor.skipWhitespace()
            try body(name, try cursor.value(maxDepth: .max))
            cursor.skipWhitespace()
            _ = cursor.skip(UInt8(ascii: ","))
            cursor.skipWhitespace()
        }
    }

    /// A cursor over what stands between a container's brackets, before its first value.
    private func insideCursor() -> JSONCursor {
        var cursor = JSONCursor(self.bytes.dropFirst().dropLast())
        cursor.skipWhitespace()
        return cursor
    }
}

/// The members of a JSON object, in the order of its text.
package struct JSONObject: Sendable, Equatable {
    /// The names, in order.
    package private(set) var names: [String] = []
    private var values: [ExactText: JSONValue] = [:]

    /// The value of that name; `nil` when the object has none.
    package subscript(_ name: String) -> JSONValue? { self.values[ExactText(name)] }

    /// False, and nothing added, when the name is there already.
    fileprivate mutating func append(_ name: String, _ value: JSONValue) -> Bool {
        guard self.values.updateValue(value, forKey: ExactText(name)) == nil else { return false }
        self.names.append(name)
        return true
    }
}
