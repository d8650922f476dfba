import DocketMerkle
import Testing

@Suite("Leaf encoding")
struct LeafWriterTests {
    @Test("a leaf without fields is its version byte")
    func empty() {
        #expect(LeafWriter().bytes == [0x01])
    }

    @Test("text is its field number, a length of four bytes, and itself")
    func text() {
        var leaf = LeafWriter()
        leaf.append(5, "añ")
        #expect(leaf.bytes == [0x01, 5, 0, 0, 0, 3, 0x61, 0xC3, 0xB1])
    }

    @Test("empty text is an entry; absent text is none")
    func emptyText() {
        var leaf = LeafWriter()
        leaf.append(5, "")
        #expect(leaf.bytes == [0x01, 5, 0, 0, 0, 0])
    }

    @Test("numbers take eight bytes, big-endian, in two's complement")
    func numbers() {
        var leaf = LeafWriter()
        leaf.append(4, Int64(-2))
        leaf.append(23, Int64(258))
        #expect(
            leaf.bytes == [1, 4, 0, 0, 0, 8] + [UInt8](repeating: 0xFF, count: 7) + [0xFE]
                + [23, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 1, 2])
    }

    @Test("floating-point numbers are their bit pattern, so that 0.0 and -0.0 differ")
    func doubles() {
        var positive = LeafWriter()
        positive.append(16, 0.0)
        var negative = LeafWriter()
        negative.append(16, -0.0)
        #expect(positive.bytes == [1, 16, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0])
        #expect(negative.bytes == [1, 16, 0, 0, 0, 8, 0x80, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test("a nested message carries its own length, and its field numbers start again")
    func nested() {
        var leaf = LeafWriter()
        leaf.append(9) { nested in
            nested.append(1, "t")
            nested.append(2, "i")
        }
        leaf.append(10, Int64(1))
        #expect(
            leaf.bytes == [1, 9, 0, 0, 0, 12, 1, 0, 0, 0, 1, 0x74, 2, 0, 0, 0, 1, 0x69]
                + [10, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1])
    }

    @Test("a list is one entry for each element, also for an empty one")
    func list() {
        var leaf = LeafWriter()
        leaf.append(7) { _ in }
        leaf.append(7) { $0.append(2, "x") }
        #expect(leaf.bytes == [1, 7, 0, 0, 0, 0, 7, 0, 0, 0, 6, 2, 0, 0, 0, 1, 0x78])
    }

    @Test("a leaf starts behind what is already there")
    func appending() {
        #expect(LeafWriter(appendingTo: [0xAA]).bytes == [0xAA, 0x01])
    }
}
