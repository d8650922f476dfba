import CDocketProtos
import CProtobufC

/// Walks over the fields of a protobuf message in memory (the encoding guide of protobuf: tags, varints, lengths).
///
/// Nothing in the bytes can make it trap or read beyond its end. Each step says whether it succeeded instead of throwing:
/// this is the innermost loop of the collector.
@safe struct FieldCursor {
    private var at: UnsafePointer<UInt8>
    private let end: UnsafePointer<UInt8>
    /// The tag that may come several times in a row.
    private let repeatedTag: UInt32
    private var lastTag: UInt32 = 0
    /// Whether what was read is in canonical form so far, as far as tags and varints go: known fields only, in rising order
    /// of their numbers, each once, and every varint in as few bytes as it needs.
    private(set) var isCanonical = true
    /// How many fields of an event may be odd. More would only cost time: no version has as many.
    static let maxOddFields = 1_000
    /// How many fields were odd: unknown, or behind one that they should precede.
    private(set) var oddFieldCount = 0
    /// The last tag that came too late: counted, whether or not it is unknown as well.
    private var countedTag: UInt32 = 0

    /// A cursor at the first of those bytes, which must stay where they are while it is used.
    ///
    /// - Parameter repeatedTag: the tag of the message's repeated field, if it has one.
    init(_ bytes: UnsafeBufferPointer<UInt8>, repeatedTag: UInt32 = 0) {
        self.repeatedTag = repeatedTag
        // Any address will do for no bytes: nothing is read from it.
        unsafe self.at = bytes.baseAddress ?? UnsafePointer(bitPattern: 1).unsafelyUnwrapped
        unsafe self.end = self.at + bytes.count
    }

    /// Whether there is nothing left.
    var isAtEnd: Bool { unsafe self.at == self.end }

    private var leftBytes: Int { unsafe self.end - self.at }

    /// The next tag: a field's number and its wire type, in at most five bytes, of which bits beyond the 32nd are dropped;
    /// `nil` when it is cut off, longer, or of the number 0.
    @inline(__always)
    mutating func tag() -> UInt32? {
        guard let varint = self.varint(maxBytes: 5) else { return nil }
        let tag = UInt32(truncatingIfNeeded: varint)
        guard tag >= 8 else { return nil }
        if tag <= self.lastTag, tag < self.lastTag || tag != self.repeatedTag {
            self.countedTag = tag
            guard self.noteOddField() else { return nil }
        }
        if varint > UInt64(UInt32.max) { self.isCanonical = false }
        self.lastTag = tag
        return tag
    }

    /// A varint of at most ten bytes, of which bits beyond the 64th are dropped.
    @inline(__always)
    mutating func varint() -> UInt64? { self.varint(maxBytes: 10) }

    @inline(__always)
    private mutating func varint(maxBytes: Int) -> UInt64? {
        // One byte holds most lengths and tags, two hold nearly all others.
        guard self.leftBytes >= 2 else { return self.longVarint(maxBytes: maxBytes) }
        let first = unsafe self.at[0]
        if first < 0x80 {
            unsafe self.at += 1
            return UInt64(first)
        }
        let second = unsafe self.at[1]
        guard second < 0x80, second > 0 else { return self.longVarint(maxBytes: maxBytes) }
        unsafe self.at += 2
        return UInt64(first & 0x7F) | UInt64(second) << 7
    }

    @inline(never)
    private mutating func longVarint(maxBytes: Int) -> UInt64? {
        var value: UInt64 = 0
        let count = min(maxBytes, self.leftBytes)
        for index in 0..<count {
            let byte = unsafe self.at[index]
            value |= UInt64(byte & 0x7F) << UInt64(7 * index)
            if byte < 0x80 {
                unsafe self.at += index + 1
                // A last byte of zero adds nothing, and the tenth has room for one bit.
                if index > 0, byte == 0 || (index == 9 && byte > 1) { self.isCanonical = false }
                return value
            }
        }
        return nil
    }

    /// Reads a length, in at most five bytes, and points `value` to that many bytes, in place.
    @inline(__always)
    mutating func bytes(_ value: inout ProtobufCBinaryData, _ isPresent: inout protobuf_c_boolean) -> Bool {
        isPresent = 1
        return unsafe self.bytes(&value)
    }

    @inline(__always)
    private mutating func bytes(_ value: inout ProtobufCBinaryData) -> Bool {
        guard let length = self.varint(maxBytes: 5), length <= UInt64(self.leftBytes) else { return false }
        unsafe value.data = UnsafeMutablePointer(mutating: self.at)
        unsafe value.len = Int(length)
        unsafe self.at += Int(length)
        return true
    }

    @inline(__always)
    mutating func number(_ value: inout Int64, _ isPresent: inout protobuf_c_boolean) -> Bool {
        guard let varint = self.varint() else { return false }
        value = Int64(bitPattern: varint)
        isPresent = 1
        return true
    }

    /// An enumeration's number: the low 32 bits of a varint, of which a negative one has 64.
    @inline(__always)
    mutating func enumeration(_ value: inout UInt32, _ isPresent: inout protobuf_c_boolean) -> Bool {
        guard let varint = self.varint() else { return false }
        value = UInt32(truncatingIfNeeded: varint)
        isPresent = 1
        // Zero says the same as an absent field.
        if value == 0 || varint != UInt64(bitPattern: Int64(Int32(bitPattern: value))) { self.isCanonical = false }
        return true
    }

    @inline(__always)
    mutating func double(_ value: inout Double, _ isPresent: inout protobuf_c_boolean) -> Bool {
        guard self.leftBytes >= 8 else { return false }
        value = unsafe Double(
            bitPattern: UInt64(littleEndian: UnsafeRawPointer(self.at).loadUnaligned(as: UInt64.self)))
        isPresent = 1
        unsafe self.at += 8
        return true
    }

    /// Reads a length and gives a cursor over that many bytes: a nested message.
    @inline(__always)
    mutating func message() -> FieldCursor? {
        var range = unsafe ProtobufCBinaryData(len: 0, data: nil)
        guard unsafe self.bytes(&range) else { return nil }
        return unsafe FieldCursor(UnsafeBufferPointer(start: range.data, count: range.len))
    }

    /// Skips the value of an unknown field. Groups, which proto3 doesn't have, are no value.
    mutating func skip(_ tag: UInt32) -> Bool {
        if tag != self.countedTag { guard self.noteOddField() else { return false } }
        switch tag & 7 {
        case 0: return self.varint() != nil
        case 1: return self.skip(bytes: 8)
        case 2: return self.message() != nil
        case 5: return self.skip(bytes: 4)
        default: return false
        }
    }

    /// Whether there may be as many.
    @inline(never)
    private mutating func noteOddField() -> Bool {
        self.isCanonical = false
        self.oddFieldCount += 1
        return self.oddFieldCount <= Self.maxOddFields
    }

    private mutating func skip(bytes count: Int) -> Bool {
        guard self.leftBytes >= count else { return false }
        unsafe self.at += count
        return true
    }
}
