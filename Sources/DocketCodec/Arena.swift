/// A bump allocator with a budget, for what one message at a time needs.
///
/// Freeing is free: everything goes at once with ``reset()``. Over the budget nothing is handed out: an empty message can
/// take 50 times its size on the wire.
@safe final class Arena {
    private var state: ArenaState

    /// How many bytes it hands out at most between two resets.
    let budgetBytes: Int

    init(budgetBytes: Int) {
        self.budgetBytes = budgetBytes
        self.state = ArenaState(budgetBytes: budgetBytes)
    }

    deinit { self.state.deallocate() }

    /// Aligned, uninitialised bytes, until the next ``reset()``; `nil` over the budget.
    func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? { unsafe self.state.allocate(bytes) }

    /// Takes everything back.
    func reset() { self.state.reset() }

    /// Whether an allocation has failed since the last ``reset()``.
    var isExhausted: Bool { self.state.isExhausted }
}

@safe private struct ArenaState {
    /// The size of a block; larger requests get a block of their own.
    private static let blockBytes = 64 * 1024
    /// Structs of protobuf-c hold pointers and 64-bit numbers, nothing wider.
    private static let alignmentBytes = 8

    private var next: UnsafeMutableRawPointer
    private var leftInBlockBytes: Int
    private var leftOfBudgetBytes: Int
    private(set) var isExhausted = false
    private let budgetBytes: Int
    /// The first block stays for good; the others go at a reset.
    private let firstBlock: UnsafeMutableRawPointer
    private var moreBlocks: [UnsafeMutableRawPointer] = unsafe []

    init(budgetBytes: Int) {
        self.budgetBytes = budgetBytes
        self.leftOfBudgetBytes = budgetBytes
        unsafe self.firstBlock = .allocate(byteCount: Self.blockBytes, alignment: 16)
        unsafe self.next = self.firstBlock
        self.leftInBlockBytes = Self.blockBytes
    }

    mutating func reset() {
        if unsafe !self.moreBlocks.isEmpty { self.dropMoreBlocks() }
        unsafe self.next = self.firstBlock
        self.leftInBlockBytes = Self.blockBytes
        self.leftOfBudgetBytes = self.budgetBytes
        self.isExhausted = false
    }

    mutating func deallocate() {
        self.dropMoreBlocks()
        unsafe self.firstBlock.deallocate()
    }

    private mutating func dropMoreBlocks() {
        while let block = unsafe self.moreBlocks.popLast() { unsafe block.deallocate() }
    }

    /// Aligned, uninitialised bytes; `nil` over the budget.
    @inline(__always)
    mutating func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? {
        // Sizes come from counts that a peer chooses: nothing here may overflow.
        guard bytes >= 0, bytes <= self.leftOfBudgetBytes else {
            self.isExhausted = true
            return nil
        }
        let rounded = (bytes &+ Self.alignmentBytes &- 1) & ~(Self.alignmentBytes &- 1)
        if rounded > self.leftInBlockBytes { self.openBlock(atLeast: rounded) }
        let pointer = unsafe self.next
        unsafe self.next = pointer + rounded
        self.leftInBlockBytes &-= rounded
        self.leftOfBudgetBytes &-= rounded
        return unsafe pointer
    }

    @inline(never)
    private mutating func openBlock(atLeast bytes: Int) {
        let size = max(bytes, Self.blockBytes)
        let block = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        unsafe self.moreBlocks.append(block)
        unsafe self.next = block
        self.leftInBlockBytes = size
    }
}
