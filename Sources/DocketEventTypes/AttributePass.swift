/// One walk over attributes. It recurses where schemas do, so no deeper than ``DefinitionLimits/maxDepth``; what a schema
/// doesn't describe is skipped without a look inside.
struct AttributePass {
    var cursor = JSONTextCursor()
    /// Whether members that a later one of the same name replaces are passed over, as PostgreSQL's `jsonb` and most parsers
    /// do. Else they are judged like the others, which costs less and finds no fault too few.
    private let isExact: Bool

    init(isExact: Bool) { self.isExact = isExact }

    /// Judges the value at the cursor, and moves behind it.
    mutating func value(
        _ number: UInt16, _ schema: borrowing CompiledSchema, _ text: Span<UInt8>
    ) -> AttributeFault? {
        let start = self.cursor.index
        guard number != CompiledSchema.anyNode else {
            self.cursor.skipValue(text)
            return self.cursor.isBroken ? AttributeFault(rule: .malformed, node: number, offset: start) : nil
        }
        let node = schema.nodes[Int(number)]
        var fault: AttributeFault?
        switch self.cursor.peek(text) {
        case UInt8(ascii: "{"):
            guard node.types.contains(.object) else { return AttributeFault(rule: .type, node: number, offset: start) }
            fault = self.object(node, number, schema, text)
            if node.isEnumerated { fault = AttributeFault(rule: .enumeration, node: number, offset: start) }
        case UInt8(ascii: "["):
            guard node.types.contains(.array) else { return AttributeFault(rule: .type, node: number, offset: start) }
            fault = self.array(node, number, schema, text)
            if node.isEnumerated { fault = AttributeFault(rule: .enumeration, node: number, offset: start) }
        case UInt8(ascii: "\""):
            let token = self.cursor.string(text)
            guard node.types.contains(.string) else { return AttributeFault(rule: .type, node: number, offset: start) }
            fault = self.string(token, node, number, schema, text)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let shape = DecimalShape(text, &self.cursor.index)
            fault = self.number(shape, node, number, start, schema, text)
        case UInt8(ascii: "t"):
            fault = self.literal(.boolean, .isTrue, node, number, text)
        case UInt8(ascii: "f"):
            fault = self.literal(.boolean, .isFalse, node, number, text)
        case UInt8(ascii: "n"):
            fault = self.literal(.null, .null, node, number, text)
        default:
            return AttributeFault(rule: .malformed, node: number, offset: start)
        }
        return self.cursor.isBroken ? AttributeFault(rule: .malformed, node: number, offset: start) : fault
    }

    // MARK: Containers

    private mutating func object(
        _ node: CompiledSchema.Node, _ number: UInt16, _ schema: borrowing CompiledSchema, _ text: Span<UInt8>
    ) -> AttributeFault? {
        let start = self.cursor.index
        // Where the value of each described member begins that counts.
        let lasts = self.isExact ? self.lastValues(node, schema, text) : []
        self.cursor.index += 1
        self.cursor.skipSpace(text)
        var seen: UInt64 = 0
        while self.cursor.peek(text) != UInt8(ascii: "}") {
            let nameStart = self.cursor.index
            let token = self.memberName(text)
            guard !self.cursor.isBroken else { return nil }
            if let place = Self.property(token, node, schema, text) {
                let property = schema.properties[Int(node.properties.start) + place]
                if property.requiredBit != CompiledSchema.notRequired { seen |= 1 << UInt64(property.requiredBit) }
                if self.isExact, lasts[place] != self.cursor.index {
                    self.cursor.skipValue(text)
                } else if let fault = self.value(property.node, schema, text) {
                    return fault
                }
            } else if node.refusesUnknown {
                return AttributeFault(rule: .unknown, node: number, offset: nameStart)
            } else {
                self.cursor.skipValue(text)
            }
            guard self.isAtNext(text) else { break }
        }
        self.cursor.expect(UInt8(ascii: "}"), text)
        let missing = ~seen & Self.lowBits(node.requiredCount)
        guard missing != 0 else { return nil }
        return AttributeFault(
            rule: .required, node: number, offset: start, detail: missing.trailingZeroBitCount)
    }

    private mutating func array(
        _ node: CompiledSchema.Node, _ number: UInt16, _ schema: borrowing CompiledSchema, _ text: Span<UInt8>
    ) -> AttributeFault? {
        let start = self.cursor.index
        self.cursor.index += 1
        self.cursor.skipSpace(text)
        var count = 0
        while self.cursor.peek(text) != UInt8(ascii: "]") {
            if let fault = self.value(node.items, schema, text) { return fault }
            guard !self.cursor.isBroken else { return nil }
            count += 1
            guard self.isAtNext(text) else { break }
        }
        self.cursor.expect(UInt8(ascii: "]"), text)
        if count < Int(node.minItems) {
            return AttributeFault(rule: .minItems, node: number, offset: start, detail: count)
        }
        return count > Int(node.maxItems)
            ? AttributeFault(rule: .maxItems, node: number, offset: start, detail: count) : nil
    }

    /// Moves behind a value: to the next member or element, true, or to the end of the container.
    private mutating func isAtNext(_ text: Span<UInt8>) -> Bool {
        self.cursor.skipSpace(text)
        guard self.cursor.peek(text) == UInt8(ascii: ",") else { return false }
        self.cursor.index += 1
        self.cursor.skipSpace(text)
        return true
    }

    /// Reads a member's name, up to its value.
    private mutating func memberName(_ text: Span<UInt8>) -> StringToken {
        let token = self.cursor.string(text)
        self.cursor.skipSpace(text)
        self.cursor.expect(UInt8(ascii: ":"), text)
        self.cursor.skipSpace(text)
        return token
    }

    /// The place of a member among the described ones of its object; `nil` for another.
    private static func property(
        _ token: StringToken, _ node: CompiledSchema.Node, _ schema: borrowing CompiledSchema, _ text: Span<UInt8>
    ) -> Int? {
        guard node.properties.count > 0 else { return nil }
        let count = token.decodedCount(text)
        let bytes = schema.bytes.span
        var (low, high) = (0, Int(node.properties.count))
        while low < high {
            let middle = (low + high) / 2
            let name = schema.properties[Int(node.properties.start) + middle].name
            switch token.compare(text, count: count, with: name, of: bytes) {
            case 0: return middle
            case ..<0: high = middle
            default: low = middle + 1
            }
        }
        return nil
    }

    /// Where the last value of each described member of the object at the cursor begins; -1 for one that isn't there.
    private func lastValues(
        _ node: CompiledSchema.Node, _ schema: borrowing CompiledSchema, _ text: Span<UInt8>
    ) -> [Int] {
        var lasts = [Int](repeating: -1, count: Int(node.properties.count))
        var ahead = self
        ahead.cursor.index += 1
        ahead.cursor.skipSpace(text)
        while ahead.cursor.peek(text) == UInt8(ascii: "\"") {
            let token = ahead.memberName(text)
            guard !ahead.cursor.isBroken else { break }
            if let place = Self.property(token, node, schema, text) { lasts[place] = ahead.cursor.index }
            ahead.cursor.skipValue(text)
            guard ahead.isAtNext(text) else { break }
        }
        return lasts
    }

    private static func lowBits(_ count: UInt8) -> UInt64 { count >= 64 ? .max : 1 << UInt64(count) - 1 }
}
