import DocketModel

/// Lays a schema out flat.
struct SchemaCompiler {
    private var compiled = CompiledSchema()
    private var nodes: [CompiledSchema.Node: UInt16] = [CompiledSchema.Node(): CompiledSchema.anyNode]
    private var slices: [ExactText: CompiledSchema.Slice] = [:]

    /// The compiled form of the schema of `attributes`.
    static func compile(_ schema: AttributeSchema) -> CompiledSchema {
        var compiler = SchemaCompiler()
        compiler.compiled.root = compiler.node(schema)
        var compiled = compiler.compiled
        // What growing has reserved isn't kept.
        compiled.nodes = compiled.nodes.map(\.self)
        compiled.properties = compiled.properties.map(\.self)
        compiled.texts = compiled.texts.map(\.self)
        compiled.numbers = compiled.numbers.map(\.self)
        compiled.bytes = compiled.bytes.map(\.self)
        return compiled
    }

    /// The number of the node of a schema. ``DefinitionLimits`` bounds all counts far below what their types hold.
    private mutating func node(_ schema: AttributeSchema) -> UInt16 {
        var node = CompiledSchema.Node()
        node.types = schema.types
        node.refusesUnknown = schema.refusesUnknown
        node.minLength = schema.minLength
        node.maxLength = schema.maxLength ?? .max
        node.minItems = schema.minItems
        node.maxItems = schema.maxItems ?? .max
        node.items = self.node(ofItems: schema.items)
        if let lower = schema.lower {
            node.lower = self.append(lower.value)
            node.isLowerExclusive = lower.isExclusive
        }
        if let upper = schema.upper {
            node.upper = self.append(upper.value)
            node.isUpperExclusive = upper.isExclusive
        }
        self.addAllowed(schema.allowed, to: &node)
        self.addProperties(of: schema, to: &node)
        if let known = self.nodes[node] { return known }
        let number = UInt16(truncatingIfNeeded: self.compiled.nodes.count)
        self.compiled.nodes.append(node)
        self.nodes[node] = number
        return number
    }

    private mutating func node(ofItems items: AttributeItems) -> UInt16 {
        switch items {
        case .any: CompiledSchema.anyNode
        case .each(let schema): self.node(schema)
        }
    }

    private mutating func addAllowed(_ allowed: [AttributeScalar]?, to node: inout CompiledSchema.Node) {
        guard let allowed else { return }
        node.isEnumerated = true
        var (texts, numbers): ([ExactText], [DecimalNumber]) = ([], [])
        for value in allowed {
            switch value {
            case .null: node.literals.insert(.null)
            case .boolean(let value): node.literals.insert(value ? .isTrue : .isFalse)
            case .number(let value): numbers.append(value)
            case .string(let value): texts.append(value)
            }
        }
        let slices = texts.sorted(by: Self.isBefore).map { self.slice($0) }
        node.texts = Self.append(slices, to: &self.compiled.texts)
        let start = UInt32(self.compiled.numbers.count)
        for value in numbers.sorted() { _ = self.append(value) }
        node.numbers = CompiledSchema.Slice(start: start, count: UInt32(numbers.count))
    }

    private mutating func addProperties(of schema: AttributeSchema, to node: inout CompiledSchema.Node) {
        var members = schema.properties
        // Members that are required without being described may be anything.
        for name in schema.required where schema.property(name) == nil {
            members.append(AttributeProperty(name: name, schema: .any))
        }
        members.sort { Self.isBefore($0.name, $1.name) }
        let required = Set(schema.required)
        var properties: [CompiledSchema.Property] = []
        for member in members {
            var bit = CompiledSchema.notRequired
            if required.contains(member.name) {
                bit = node.requiredCount
                node.requiredCount += 1
            }
            properties.append(
                CompiledSchema.Property(
                    name: self.slice(member.name), node: self.node(member.schema), requiredBit: bit))
        }
        node.properties = Self.append(properties, to: &self.compiled.properties)
    }

    /// The order of the look-up tables: the length first, which nearly always decides.
    private static func isBefore(_ left: ExactText, _ right: ExactText) -> Bool {
        let (leftCount, rightCount) = (left.text.utf8.count, right.text.utf8.count)
        return leftCount == rightCount ? left < right : leftCount < rightCount
    }

    /// Appends entries, or finds them side by side where they are already.
    private static func append<Entry: Equatable>(_ entries: [Entry], to table: inout [Entry]) -> CompiledSchema.Slice {
        guard !entries.isEmpty else { return CompiledSchema.Slice() }
        var start = table.count
        for known in 0..<max(0, table.count - entries.count + 1)
        where table[known..<(known + entries.count)].elementsEqual(entries) {
            start = known
            break
        }
        if start == table.count { table += entries }
        return CompiledSchema.Slice(start: UInt32(start), count: UInt32(entries.count))
    }

    /// The place of a text in the bytes; the same for equal texts.
    private mutating func slice(_ text: ExactText) -> CompiledSchema.Slice {
        if let known = self.slices[text] { return known }
        let slice = CompiledSchema.Slice(
            start: UInt32(self.compiled.bytes.count), count: UInt32(text.text.utf8.count))
        self.compiled.bytes += text.text.utf8
        self.slices[text] = slice
        return slice
    }

    private mutating func append(_ number: DecimalNumber) -> UInt16 {
        let slice = self.slice(ExactText(number.text))
        let place = UInt16(truncatingIfNeeded: self.compiled.numbers.count)
        self.compiled.numbers.append(CompiledSchema.Number(text: slice, shape: number.shape))
        return place
    }
}
