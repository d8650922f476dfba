/// A schema as a few flat arrays, which the validator walks without a look at anything else: some hundred bytes for a usual
/// definition.
///
/// Nodes that are equal are one node. Names, enumerated strings and numbers lie in one buffer of bytes. The entries of a node
/// lie side by side, sorted so that a binary search finds a name or a value: names and strings by length and bytes, numbers
/// by value.
struct CompiledSchema: Sendable, Hashable {
    /// A part of an array.
    struct Slice: Sendable, Hashable {
        var start: UInt32 = 0
        var count: UInt32 = 0
    }

    /// A described or required member of an object.
    struct Property: Sendable, Hashable {
        var name: Slice
        var node: UInt16
        /// Its bit among the required ones; ``notRequired`` for the others.
        var requiredBit: UInt8
    }

    struct Number: Sendable, Hashable {
        var text: Slice
        var shape: DecimalShape
    }

    struct Node: Sendable, Hashable {
        var types: AttributeTypes = .all
        var refusesUnknown = false
        /// Whether only the values of `texts`, `numbers` and `literals` are allowed.
        var isEnumerated = false
        var literals: Literals = []
        var isLowerExclusive = false
        var isUpperExclusive = false
        var requiredCount: UInt8 = 0
        /// The node of the elements of an array.
        var items: UInt16 = CompiledSchema.anyNode
        /// Places in ``CompiledSchema/numbers``.
        var lower: UInt16 = CompiledSchema.none
        var upper: UInt16 = CompiledSchema.none
        var properties = Slice()
        var texts = Slice()
        var numbers = Slice()
        var minLength: Int32 = 0
        var maxLength: Int32 = .max
        var minItems: Int32 = 0
        var maxItems: Int32 = .max
    }

    struct Literals: OptionSet, Sendable, Hashable {
        let rawValue: UInt8
        static let null = Literals(rawValue: 1)
        static let isTrue = Literals(rawValue: 2)
        static let isFalse = Literals(rawValue: 4)
    }

    /// The node that allows everything, which nobody looks at.
    static let anyNode: UInt16 = 0
    static let none = UInt16.max
    static let notRequired = UInt8.max

    var nodes: [Node] = [Node()]
    var properties: [Property] = []
    var texts: [Slice] = []
    var numbers: [Number] = []
    var bytes: [UInt8] = []
    /// The node of the attributes themselves.
    var root: UInt16 = 0

    /// What the arrays take in memory, nearly: their elements, and 32 bytes for each that has some.
    var sizeBytes: Int {
        var size = MemoryLayout<CompiledSchema>.size
        func add(_ count: Int, _ stride: Int) { if count > 0 { size += 32 + count * stride } }
        add(self.nodes.count, MemoryLayout<Node>.stride)
        add(self.properties.count, MemoryLayout<Property>.stride)
        add(self.texts.count, MemoryLayout<Slice>.stride)
        add(self.numbers.count, MemoryLayout<Number>.stride)
        add(self.bytes.count, 1)
        return size
    }

    /// The text of a slice of the bytes.
    func text(_ slice: Slice) -> String {
        String(decoding: self.bytes[Int(slice.start)..<Int(slice.start + slice.count)], as: UTF8.self)
    }
}
