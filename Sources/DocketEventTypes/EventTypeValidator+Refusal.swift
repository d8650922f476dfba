import DocketCodec
import DocketModel

// Faults in words, with the place, the value, the limit and the remedy.
extension EventTypeValidator {
    /// The longest excerpt of a value, in characters.
    private static let maxExcerpt = 40
    /// How many allowed values are listed.
    private static let maxListed = 8

    /// A required field that isn't there.
    func missing(_ column: EventColumn) -> EventRefusal {
        let field = EventField.all.first { $0.column == column }?.name ?? column.sqlName
        return EventRefusal(
            field: field, code: .missingField,
            reason: "\(field) is missing or empty; \(self.title) requires it: send it")
    }

    /// A decision or an outcome that the definition doesn't list.
    func notAllowed(_ field: String, _ value: String, _ allowed: [String]) -> EventRefusal {
        EventRefusal(
            field: field, code: .outOfRange,
            reason: "\(field) is \(value); \(self.title) allows \(allowed.joined(separator: ", "))")
    }

    /// A fault of the attributes.
    func refusal(for fault: AttributeFault, in text: Span<UInt8>) -> EventRefusal {
        var field = "attributes" + AttributePointer.pointer(to: fault.offset, in: text)
        if fault.rule == .malformed {
            return EventRefusal(
                field: "attributes", code: .invalidJSON,
                reason: "attributes are no JSON object, at byte \(fault.offset): send RFC 8259 text")
        }
        if fault.rule == .required {
            field = AttributePointer.appending(self.missingName(fault), to: field)
            return EventRefusal(
                field: field, code: .missingField, reason: "\(field) is missing; \(self.title) requires it: send it")
        }
        if fault.rule == .unknown {
            return EventRefusal(
                field: field, code: .unknownAttribute,
                reason: "\(field) is not described by \(self.title), which refuses other attributes: "
                    + "remove it, or describe it in the definition")
        }
        let value = Self.excerpt(of: fault.offset, in: text)
        return EventRefusal(
            field: field, code: .invalidAttribute,
            reason: "\(field) is \(value); \(self.title) wants \(self.demand(fault))")
    }

    /// The definition's name in messages.
    private var title: String { "\(self.name) version \(self.version)" }

    /// What the value should have been.
    private func demand(_ fault: AttributeFault) -> String {
        let node = self.schema.nodes[Int(fault.node)]
        switch fault.rule {
        case .type: return node.types.names
        case .enumeration: return self.allowed(node)
        case .minLength: return "at least \(node.minLength) characters, and it has \(fault.detail): lengthen it"
        case .maxLength: return "at most \(node.maxLength) characters, and it has \(fault.detail): shorten it"
        case .lower: return (node.isLowerExclusive ? "more than " : "at least ") + self.number(node.lower)
        case .upper: return (node.isUpperExclusive ? "less than " : "at most ") + self.number(node.upper)
        case .minItems: return "at least \(node.minItems) elements, and it has \(fault.detail): add some"
        case .maxItems: return "at most \(node.maxItems) elements, and it has \(fault.detail): remove some"
        case .required, .unknown, .malformed: return ""
        }
    }

    private func number(_ place: UInt16) -> String { self.schema.text(self.schema.numbers[Int(place)].text) }

    private func allowed(_ node: CompiledSchema.Node) -> String {
        func slice<Element>(_ slice: CompiledSchema.Slice, _ table: [Element]) -> ArraySlice<Element> {
            table[Int(slice.start)..<Int(slice.start + slice.count)]
        }
        var values = slice(node.texts, self.schema.texts).map { "\"\(Self.cut(self.schema.text($0)))\"" }
        values += slice(node.numbers, self.schema.numbers).map { Self.cut(self.schema.text($0.text)) }
        if node.literals.contains(.isTrue) { values.append("true") }
        if node.literals.contains(.isFalse) { values.append("false") }
        if node.literals.contains(.null) { values.append("null") }
        let more = values.count - Self.maxListed
        let listed = values.prefix(Self.maxListed).joined(separator: ", ")
        return (values.count == 1 ? "" : "one of ") + listed + (more > 0 ? " or \(more) more" : "")
    }

    private func missingName(_ fault: AttributeFault) -> String {
        let node = self.schema.nodes[Int(fault.node)]
        let start = Int(node.properties.start)
        let members = self.schema.properties[start..<(start + Int(node.properties.count))]
        return members.first { Int($0.requiredBit) == fault.detail }.map { self.schema.text($0.name) } ?? ""
    }

    /// The beginning of the JSON value at an offset.
    private static func excerpt(of offset: Int, in text: Span<UInt8>) -> String {
        var cursor = JSONTextCursor(at: offset)
        cursor.skipValue(text)
        var bytes: [UInt8] = []
        // A value may be long: no more is read of it than can be shown. One byte more tells that it goes on.
        let end = min(cursor.index, offset + 4 * Self.maxExcerpt + 1, text.count)
        for index in min(offset, end)..<end { bytes.append(text[index]) }
        return self.cut(beginning(bytes, isWhole: end == cursor.index))
    }

    private static func cut(_ text: String) -> String {
        text.count <= self.maxExcerpt ? text : text.prefix(self.maxExcerpt) + "…"
    }
}

/// Finds the JSON pointer (RFC 6901) of a place in a text.
enum AttributePointer {
    /// The longest component of a pointer, in characters; longer ones are cut.
    private static let maxComponent = 64

    /// The pointer to the value, or to the member's name, that begins at an offset.
    static func pointer(to offset: Int, in text: Span<UInt8>) -> String {
        var pointer = ""
        var cursor = JSONTextCursor()
        cursor.skipSpace(text)
        // Each turn enters one container, so a text has fewer turns than bytes.
        while cursor.index < offset, let component = Self.enter(&cursor, towards: offset, in: text) {
            pointer = Self.appending(component, to: pointer)
            guard cursor.peek(text) == UInt8(ascii: "{") || cursor.peek(text) == UInt8(ascii: "[") else { break }
        }
        return pointer
    }

    static func appending(_ name: String, to pointer: String) -> String {
        let cut = name.count <= self.maxComponent ? name : name.prefix(self.maxComponent) + "…"
        return "\(pointer)/\(pointerComponent(cut))"
    }

    /// Moves from a container to its member or element that the offset lies in, and names it; `nil` when there is none.
    private static func enter(_ cursor: inout JSONTextCursor, towards offset: Int, in text: Span<UInt8>) -> String? {
        let isObject = cursor.peek(text) == UInt8(ascii: "{")
        cursor.index += 1
        var count = 0
        while cursor.index <= offset, !cursor.isBroken {
            cursor.skipSpace(text)
            var name: StringToken?
            if isObject {
                let start = cursor.index
                let token = cursor.string(text)
                if start == offset { return Self.decoded(token, in: text) }
                cursor.skipSpace(text)
                cursor.expect(UInt8(ascii: ":"), text)
                cursor.skipSpace(text)
                name = token
            }
            var ahead = cursor
            ahead.skipValue(text)
            if offset < ahead.index { return name.map { Self.decoded($0, in: text) } ?? String(count) }
            cursor = ahead
            cursor.skipSpace(text)
            cursor.expect(UInt8(ascii: ","), text)
            count += 1
        }
        return nil
    }

    /// A name, as far as it can be shown.
    private static func decoded(_ token: StringToken, in text: Span<UInt8>) -> String {
        var bytes: [UInt8] = []
        var decoded = DecodedBytes(token)
        while bytes.count <= 4 * Self.maxComponent, let byte = decoded.next(text) { bytes.append(byte) }
        return beginning(bytes, isWhole: bytes.count <= 4 * Self.maxComponent)
    }
}

/// Bytes as a string, without the one character that may be cut at their end when they aren't the whole; `…` stands there then.
/// What the codec has checked has no other faults that would be repaired here.
private func beginning(_ bytes: [UInt8], isWhole: Bool) -> String {
    guard !isWhole else { return String(decoding: bytes, as: UTF8.self) }
    let end = bytes.lastIndex { $0 & 0xC0 != 0x80 } ?? 0
    return String(decoding: bytes[..<end], as: UTF8.self) + "…"
}
