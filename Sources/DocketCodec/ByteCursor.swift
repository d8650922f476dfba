import DocketModel

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
        if let source = unsafe source { unsafe copyBytes(from: source, to: place, count: count) }
    }

    /// Bytes behind their length: four bytes in network byte order.
    @inline(__always)
    mutating func storeCounted(_ source: UnsafePointer<UInt8>?, count: Int) {
        let place = unsafe self.claim(count &+ 4)
        unsafe place.storeBytes(of: UInt32(truncatingIfNeeded: count).bigEndian, as: UInt32.self)
        if let source = unsafe source { unsafe copyBytes(from: source, to: place + 4, count: count) }
    }

    /// A number as a field of a COPY BINARY tuple: behind its length.
    @inline(__always)
    mutating func storeField<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        self.store(Int32(truncatingIfNeeded: MemoryLayout<Value>.size))
        self.store(value)
    }

    /// Bytes as such a field.
    mutating func storeField(_ value: [UInt8]) {
        unsafe value.withUnsafeBufferPointer { unsafe self.storeCounted($0.baseAddress, count: $0.count) }
    }

    /// A `uuid` as such a field.
    mutating func storeField(_ value: ProducerID) {
        self.store(Int32(16))
        self.store(value.high)
        self.store(value.low)
    }

    /// Overwrites four bytes that have been written before, in network byte order.
    mutating func patch(_ value: UInt32, at offset: Int) {
        precondition(offset >= 0 && offset + 4 <= self.count, "a patch lies within what is written")
        unsafe (self.start + offset).storeBytes(of: value.bigEndian, as: UInt32.self)
    }
}

/// Copies bytes. Most fields of an event are short: up to 32 bytes are two loads and two stores that overlap, without the
/// call.
@inline(__always)
private func copyBytes(from source: UnsafePointer<UInt8>, to place: UnsafeMutableRawPointer, count: Int) {
    if count > 32 {
        unsafe place.copyMemory(from: source, byteCount: count)
    } else if count >= 16 {
        unsafe copyEnds(SIMD16<UInt8>.self, from: source, to: place, count: count)
    } else if count >= 8 {
        unsafe copyEnds(UInt64.self, from: source, to: place, count: count)
    } else if count >= 4 {
        unsafe copyEnds(UInt32.self, from: source, to: place, count: count)
    } else {
        for index in 0..<count { unsafe place.storeBytes(of: source[index], toByteOffset: index, as: UInt8.self) }
    }
}

/// Copies the first and the last bytes of as many as a `Word` has; between one and two times as many are all of them.
@inline(__always)
private func copyEnds<Word: BitwiseCopyable>(
    _ word: Word.Type, from source: UnsafePointer<UInt8>, to place: UnsafeMutableRawPointer, count: Int
) {
    let source = unsafe UnsafeRawPointer(source)
    let last = count &- MemoryLayout<Word>.size
    let (head, tail) = unsafe (
        source.loadUnaligned(as: word), source.loadUnaligned(fromByteOffset: last, as: word)
    )
    unsafe place.storeBytes(of: head, as: word)
    unsafe place.storeBytes(of: tail, toByteOffset: last, as: word)
}
