/// Writes into memory whose size was computed beforehand. Every store checks that bound: a wrong computation stops the
/// process instead of spoiling its memory.
@safe struct ByteCursor {
    private let start: UnsafeMutableRawPointer
    private(set) var count = 0
    private let capacity: Int

    init(_ memory: UnsafeMutableRawBufferPointer) {
        precondition(unsafe memory.baseAddress != nil, "a cursor needs memory")
        unsafe self.start = unsafe memory.baseAddress.unsafelyUnwrapped
        self.capacity = memory.count
    }

    @inline(__always)
    private mutating func claim(_ bytes: Int) -> UnsafeMutableRawPointer {
        precondition(
            bytes >= 0 && bytes <= self.capacity - self.count, "the bound of an encoding was computed too small")
        let place = unsafe self.start + self.count
        self.count += bytes
        return unsafe place
    }

    /// A number in network byte order.
    @inline(__always)
    mutating func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        let place = unsafe self.claim(MemoryLayout<Value>.size)
        unsafe place.storeBytes(of: value.bigEndian, as: Value.self)
    }

    /// Bytes as they are; `source` may be nil when there are none.
    @inline(__always)
    mutating func copy(_ source: UnsafePointer<UInt8>?, count: Int) {
        let place = unsafe self.claim(count)
        if count > 0, let source = unsafe source { unsafe place.copyMemory(from: source, byteCount: count) }
    }

    /// Bytes behind their length: four bytes in network byte order.
    @inline(__always)
    mutating func storeCounted(_ source: UnsafePointer<UInt8>?, count: Int) {
        let place = unsafe self.claim(count &+ 4)
        unsafe place.storeBytes(of: UInt32(truncatingIfNeeded: count).bigEndian, as: UInt32.self)
        if count > 0, let source = unsafe source { unsafe (place + 4).copyMemory(from: source, byteCount: count) }
    }

    /// Bytes behind one byte and their length.
    @inline(__always)
    mutating func storeCounted(_ first: UInt8, _ source: UnsafePointer<UInt8>?, count: Int) {
        let place = unsafe self.claim(count &+ 5)
        unsafe place.storeBytes(of: first, as: UInt8.self)
        unsafe (place + 1).storeBytes(of: UInt32(truncatingIfNeeded: count).bigEndian, as: UInt32.self)
        if count > 0, let source = unsafe source { unsafe (place + 5).copyMemory(from: source, byteCount: count) }
    }

    /// Overwrites four bytes that have been written before, in network byte order.
    mutating func patch(_ value: UInt32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= self.count, "a patch lies within what is written")
        unsafe (self.start + offset).storeBytes(of: value.bigEndian, as: UInt32.self)
    }
}
