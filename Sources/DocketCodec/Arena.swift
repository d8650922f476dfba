import CProtobufC

/// A bump allocator with a budget, for one message at a time: what protobuf-c unpacks into.
///
/// Freeing is free: everything goes at once with ``reset()``. Over the budget the allocator returns NULL, which makes
/// protobuf-c give up cleanly: a message of empty or unknown fields can take 50 times its wire size.
@safe final class Arena {
    /// The allocator to give to protobuf-c. It must not be used when the arena is gone.
    let allocator: UnsafeMutablePointer<ProtobufCAllocator>
    /// Behind a pointer, as protobuf-c hands it back to each allocation.
    private let state: UnsafeMutablePointer<ArenaState>

    /// How many bytes it hands out at most between two resets.
    let budgetBytes: Int

    init(budgetBytes: Int) {
        self.budgetBytes = budgetBytes
        unsafe self.state = .allocate(capacity: 1)
        unsafe self.state.initialize(to: ArenaState(budgetBytes: budgetBytes))
        unsafe self.allocator = .allocate(capacity: 1)
        unsafe self.allocator.initialize(
            to: ProtobufCAllocator(
                alloc: { state, bytes in
                    unsafe state?.assumingMemoryBound(to: ArenaState.self).pointee.allocate(bytes)
                },
                free: { _, _ in },
                allocator_data: self.state))
    }

    deinit {
        unsafe self.state.pointee.deallocate()
        unsafe self.state.deinitialize(count: 1)
        unsafe self.state.deallocate()
        unsafe self.allocator.deallocate()
    }

    /// Takes everything back.
    func reset() { unsafe self.state.pointee.reset() }

    /// Whether an allocation has failed since the last ``reset()``.
    var isExhausted: Bool { unsafe self.state.pointee.isExhausted }
}

@safe private struct ArenaState {
    /// The size of a block; larger requests get a block of their own.
    private static let blockBytes = 64 * 1024
    /// protobuf-c stores pointers and 64-bit numbers, nothing wider.
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

    /// Aligned, uninitialised bytes; NULL over the budget.
    @inline(__always)
    mutating func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? {
        // protobuf-c computes sizes from counts that a peer chooses: nothing here may overflow.
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
