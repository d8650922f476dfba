// Strings, numbers and what else has no inside.
extension AttributePass {
    func string(
        _ token: StringToken, _ node: CompiledSchema.Node, _ number: UInt16, _ schema: borrowing CompiledSchema,
        _ text: Span<UInt8>
    ) -> AttributeFault? {
        let offset = token.start - 1
        if node.isEnumerated, !Self.isListed(token, node, schema, text) {
            return AttributeFault(rule: .enumeration, node: number, offset: offset)
        }
        // A code point has at least one byte as it is written, and at most four, or twelve where it is escaped.
        let written = token.end - token.start
        guard written > Int(node.maxLength) || written < (token.hasEscapes ? 12 : 4) * Int(node.minLength) else {
            return nil
        }
        let count = token.codePointCount(text)
        if count < Int(node.minLength) {
            return AttributeFault(rule: .minLength, node: number, offset: offset, detail: count)
        }
        return count > Int(node.maxLength)
            ? AttributeFault(rule: .maxLength, node: number, offset: offset, detail: count) : nil
    }

    func number(
        _ shape: DecimalShape, _ node: CompiledSchema.Node, _ number: UInt16, _ offset: Int,
        _ schema: borrowing CompiledSchema, _ text: Span<UInt8>
    ) -> AttributeFault? {
        guard node.types.contains(shape.isInteger ? .integer : .fraction) else {
            return AttributeFault(rule: .type, node: number, offset: offset)
        }
        let bytes = schema.bytes.span
        if node.isEnumerated, !Self.isListed(shape, node, schema, text) {
            return AttributeFault(rule: .enumeration, node: number, offset: offset)
        }
        if node.lower != CompiledSchema.none {
            let order = shape.compare(in: text, with: schema.numbers[Int(node.lower)], of: bytes)
            if order < 0 || order == 0 && node.isLowerExclusive {
                return AttributeFault(rule: .lower, node: number, offset: offset)
            }
        }
        if node.upper != CompiledSchema.none {
            let order = shape.compare(in: text, with: schema.numbers[Int(node.upper)], of: bytes)
            if order > 0 || order == 0 && node.isUpperExclusive {
                return AttributeFault(rule: .upper, node: number, offset: offset)
            }
        }
        return nil
    }

    mutating func literal(
        _ type: AttributeTypes, _ literal: CompiledSchema.Literals, _ node: CompiledSchema.Node, _ number: UInt16,
        _ text: Span<UInt8>
    ) -> AttributeFault? {
        let offset = self.cursor.index
        self.cursor.skipWord(text)
        guard node.types.contains(type) else { return AttributeFault(rule: .type, node: number, offset: offset) }
        return node.isEnumerated && !node.literals.contains(literal)
            ? AttributeFault(rule: .enumeration, node: number, offset: offset) : nil
    }

    private static func isListed(
        _ token: StringToken, _ node: CompiledSchema.Node, _ schema: borrowing CompiledSchema, _ text: Span<UInt8>
    ) -> Bool {
        let count = token.decodedCount(text)
        let bytes = schema.bytes.span
        var (low, high) = (Int(node.texts.start), Int(node.texts.start + node.texts.count))
        while low < high {
            let middle = (low + high) / 2
            switch token.compare(text, count: count, with: schema.texts[middle], of: bytes) {
            case 0: return true
            case ..<0: high = middle
            default: low = middle + 1
            }
        }
        return false
    }

    private static func isListed(
        _ shape: DecimalShape, _ node: CompiledSchema.Node, _ schema: borrowing CompiledSchema, _ text: Span<UInt8>
    ) -> Bool {
        let bytes = schema.bytes.span
        var (low, high) = (Int(node.numbers.start), Int(node.numbers.start + node.numbers.count))
        while low < high {
            let middle = (low + high) / 2
            switch shape.compare(in: text, with: schema.numbers[middle], of: bytes) {
            case 0: return true
            case ..<0: high = middle
            default: low = middle + 1
            }
        }
        return false
    }
}
