/// Reads the fields of one protobuf message in turn (the encoding guide of protobuf: tags, varints, lengths).
///
/// For the two messages whose fields are wanted without a copy: a publish request, whose events are decoded one by one,
/// and its response. Nothing in the bytes can make it trap or read beyond its range.
struct WireReader {
    /// What a field carries.
    enum Value: Equatable {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        /// The range of the field's bytes in the buffer that is being read.
        case bytes(Range<Int>)
    }

    private let bytes: [UInt8]
    private(set) var index: Int
    private let end: Int

    /// A reader over a range of `bytes`, which must lie within them; over all of them without one.
    init(_ bytes: [UInt8], range: Range<Int>? = nil) {
        self.bytes = bytes
        self.index = range?.lowerBound ?? 0
        self.end = range?.upperBound ?? bytes.count
    }

    /// The next field; `nil` at the end.
    mutating func next() throws(CodecError) -> (number: Int, value: Value)? {
        guard self.index < self.end else { return nil }
        let tag = try self.varint()
        guard tag <= UInt64(UInt32.max), tag >> 3 > 0 else { throw self.malformed("a tag is out of range") }
        let value: Value
        switch tag & 7 {
        case 0: value = .varint(try self.varint())
        case 1: value = .fixed64(try self.fixed(bytes: 8))
        case 2: value = .bytes(try self.lengthDelimited())
        case 5: value = .fixed32(UInt32(truncatingIfNeeded: try self.fixed(bytes: 4)))
        default: throw self.malformed("wire type \(tag & 7) is not supported")
        }
        return (Int(tag >> 3), value)
    }

    private mutating func varint() throws(CodecError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while self.index < self.end, shift < 70 {
            let byte = self.bytes[self.index]
            self.index += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        throw self.malformed("a varint has no end")
    }

    private mutating func lengthDelimited() throws(CodecError) -> Range<Int> {
        let length = try self.varint()
        guard length <= UInt64(self.end - self.index) else {
            throw self.malformed("a field of \(length) bytes has only \(self.end - self.index)")
        }
        let range = self.index..<self.index + Int(length)
        self.index = range.upperBound
        return range
    }

    private mutating func fixed(bytes count: Int) throws(CodecError) -> UInt64 {
        guard self.end - self.index >= count else { throw self.malformed("a number is cut off") }
        var value: UInt64 = 0
        for offset in 0..<count { value |= UInt64(self.bytes[self.index + offset]) << UInt64(8 * offset) }
        self.index += count
        return value
    }

    private func malformed(_ what: String) -> CodecError {
        CodecError(code: .malformed, message: "no protobuf message, at byte \(self.index): \(what)")
    }
}

// MARK: - Writing

extension [UInt8] {
    /// A base-128 varint.
    mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.append(UInt8(truncatingIfNeeded: rest))
    }

    /// A varint field; the number must be below 16, so that the tag is one byte, or up to 2,047, then it is two.
    mutating func appendField(_ number: Int, varint value: UInt64) {
        self.appendVarint(UInt64(number) << 3)
        self.appendVarint(value)
    }

    /// A length-delimited field.
    mutating func appendField(_ number: Int, bytes value: some Collection<UInt8>) {
        self.appendVarint(UInt64(number) << 3 | 2)
        self.appendVarint(UInt64(value.count))
        self.append(contentsOf: value)
    }
}

/// How many bytes a varint takes.
@inline(__always)
func varintSizeBytes(_ value: UInt64) -> Int {
    (70 - (value | 1).leadingZeroBitCount) / 7
}
