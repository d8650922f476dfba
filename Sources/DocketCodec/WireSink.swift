/// Takes the fields of a message in turn: counts their bytes, or writes them.
protocol WireSink {
    /// How many bytes it has counted or written.
    var bytes: Int { get }
    mutating func varint(_ field: Int, _ value: UInt64)
    mutating func fixed64(_ field: Int, _ value: UInt64)
    /// 8 or 16 bytes as big-endian halves.
    mutating func halves(_ field: Int, _ high: UInt64, _ low: UInt64?)
    mutating func text(_ field: Int, _ value: String)
    mutating func data(_ field: Int, _ value: [UInt8])
    /// The head of a nested message of that many bytes.
    mutating func message(_ field: Int, bytes: Int)
}

extension WireSink {
    @inline(__always)
    mutating func text(_ field: Int, _ value: String?) {
        if let value { self.text(field, value) }
    }

    @inline(__always)
    mutating func number(_ field: Int, _ value: Int64?) {
        if let value { self.varint(field, UInt64(bitPattern: value)) }
    }

    /// A nested message, whose size is counted first.
    @inline(__always)
    mutating func nested(_ field: Int, _ part: some WirePart) {
        self.message(field, bytes: part.wireBytes)
        part.describe(to: &self)
    }
}

/// What is a message on the wire.
protocol WirePart {
    func describe(to sink: inout some WireSink)
}

extension WirePart {
    /// How many bytes the message takes, without a tag and length of its own.
    @inline(__always)
    var wireBytes: Int {
        var counter = WireCounter()
        self.describe(to: &counter)
        return counter.bytes
    }
}

extension [UInt8] {
    /// Appends what `body` writes: at most `wireBytes` bytes.
    mutating func append(wireBytes: Int, _ body: (inout WireCursor) -> Void) {
        self.append(addingCapacity: wireBytes) { out in
            unsafe out.withUnsafeMutableBufferPointer { memory, initialized in
                var cursor = unsafe WireCursor(ByteCursor(UnsafeMutableRawBufferPointer(memory)))
                body(&cursor)
                initialized += cursor.bytes
            }
        }
    }
}

// MARK: - Sinks

/// Counts bytes.
struct WireCounter: WireSink {
    private(set) var bytes = 0

    @inline(__always)
    private mutating func tag(_ field: Int) { self.bytes &+= field < 16 ? 1 : 2 }

    mutating func varint(_ field: Int, _ value: UInt64) {
        self.tag(field)
        self.bytes &+= varintSizeBytes(value)
    }

    mutating func fixed64(_ field: Int, _ value: UInt64) {
        self.tag(field)
        self.bytes &+= 8
    }

    mutating func halves(_ field: Int, _ high: UInt64, _ low: UInt64?) {
        self.tag(field)
        self.bytes &+= low == nil ? 9 : 17
    }

    mutating func text(_ field: Int, _ value: String) {
        let count = value.utf8.count
        self.tag(field)
        self.bytes &+= varintSizeBytes(UInt64(truncatingIfNeeded: count)) &+ count
    }

    mutating func data(_ field: Int, _ value: [UInt8]) {
        self.message(field, bytes: value.count)
        self.bytes &+= value.count
    }

    mutating func message(_ field: Int, bytes: Int) {
        self.tag(field)
        self.bytes &+= varintSizeBytes(UInt64(truncatingIfNeeded: bytes))
    }
}

/// Writes bytes into memory that a ``WireCounter`` has measured.
struct WireCursor: WireSink {
    private var out: ByteCursor

    init(_ out: ByteCursor) { self.out = out }

    var bytes: Int { self.out.count }

    /// Writes what is no field of a message.
    @inline(__always)
    mutating func raw(_ body: (inout ByteCursor) -> Void) { body(&self.out) }

    @inline(__always)
    private mutating func raw(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.out.store(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.out.store(UInt8(truncatingIfNeeded: rest))
    }

    @inline(__always)
    private mutating func tag(_ field: Int, wireType: Int) {
        self.raw(varint: UInt64(truncatingIfNeeded: field << 3 | wireType))
    }

    mutating func varint(_ field: Int, _ value: UInt64) {
        self.tag(field, wireType: 0)
        self.raw(varint: value)
    }

    mutating func fixed64(_ field: Int, _ value: UInt64) {
        self.tag(field, wireType: 1)
        // The cursor stores in network order; protobuf's fixed numbers are little-endian.
        self.out.store(value.byteSwapped)
    }

    mutating func halves(_ field: Int, _ high: UInt64, _ low: UInt64?) {
        self.tag(field, wireType: 2)
        self.out.store(UInt8(low == nil ? 8 : 16))
        self.out.store(high)
        if let low { self.out.store(low) }
    }

    @inline(__always)
    mutating func text(_ field: Int, _ value: String) {
        self.tag(field, wireType: 2)
        self.raw(varint: UInt64(truncatingIfNeeded: value.utf8.count))
        let isWritten: Void? = unsafe value.utf8.withContiguousStorageIfAvailable { bytes in
            unsafe self.out.copy(bytes.baseAddress, count: bytes.count)
        }
        // Only strings bridged from Objective-C have no contiguous storage.
        if isWritten == nil { for byte in value.utf8 { self.out.store(byte) } }
    }

    mutating func data(_ field: Int, _ value: [UInt8]) {
        self.message(field, bytes: value.count)
        unsafe value.withUnsafeBufferPointer { unsafe self.out.copy($0.baseAddress, count: $0.count) }
    }

    mutating func message(_ field: Int, bytes: Int) {
        self.tag(field, wireType: 2)
        self.raw(varint: UInt64(truncatingIfNeeded: bytes))
    }
}
