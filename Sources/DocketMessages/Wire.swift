/// Writes protobuf fields (https://protobuf.dev/programming-guides/encoding/).
package struct WireWriter {
    /// What has been written.
    package internal(set) var bytes: [UInt8] = []

    /// A writer of an empty message.
    package init() {}

    /// A length-delimited field: text, bytes or a nested message.
    package mutating func append(field: UInt32, _ value: some Collection<UInt8>) {
        self.append(varint: UInt64(field) << 3 | 2)
        self.append(varint: UInt64(value.count))
        self.bytes.append(contentsOf: value)
    }

    /// A number; zero, the default of proto3, is left out.
    package mutating func append(field: UInt32, varint value: UInt64) {
        if value != 0 { self.append(field: field, present: value) }
    }

    /// A number that is written even if it is zero: that of an `optional` field.
    package mutating func append(field: UInt32, present value: UInt64) {
        self.append(varint: UInt64(field) << 3)
        self.append(varint: value)
    }

    /// Numbers of one `repeated` field, packed; none are left out.
    package mutating func append(field: UInt32, packed values: [Int64]) {
        guard !values.isEmpty else { return }
        var packed = WireWriter()
        for value in values { packed.append(varint: UInt64(bitPattern: value)) }
        self.append(field: field, packed.bytes)
    }

    private mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            self.bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.bytes.append(UInt8(rest))
    }
}

/// Reads protobuf fields one after the other; what it hands out lies in the bytes that it was given.
package struct WireReader {
    /// A field by its number; those of other wire types are `skipped`.
    package enum Field: Sendable, Equatable {
        /// A number: the field's number, and its value as it stands on the wire.
        case varint(UInt32, UInt64)
        /// Text, bytes or a nested message: the field's number, and the value.
        case bytes(UInt32, ArraySlice<UInt8>)
        /// A field of another type.
        case skipped
    }

    private var rest: ArraySlice<UInt8>
    /// The message's name, for errors.
    private let name: String

    /// A reader of an encoded message; `name` is its name, for errors.
    package init(_ bytes: ArraySlice<UInt8>, of name: String) {
        self.rest = bytes
        self.name = name
    }

    /// How many bytes have not been read yet.
    var leftBytes: Int { self.rest.count }

    /// The next field; `nil` at the end. Groups, which proto3 doesn't have, are refused.
    ///
    /// - Throws: ``MessageError`` with code `malformed`.
    package mutating func next() throws(MessageError) -> Field? {
        guard !self.rest.isEmpty else { return nil }
        let tag = try self.varint()
        guard let number = UInt32(exactly: tag >> 3), (1...0x1FFF_FFFF).contains(number) else { throw self.malformed }
        switch tag & 7 {
        case 0: return .varint(number, try self.varint())
        case 1: return try self.skip(8)
        case 2: return .bytes(number, try self.take(try self.varint()))
        case 5: return try self.skip(4)
        default: throw self.malformed
        }
    }

    /// The numbers of a packed field.
    ///
    /// - Parameter maxCount: of more, the field is refused, so that it can't fill the memory.
    static func packed(_ bytes: ArraySlice<UInt8>, of name: String, maxCount: Int) throws(MessageError) -> [Int64] {
        var reader = WireReader(bytes, of: name)
        var values: [Int64] = []
        while !reader.rest.isEmpty {
            guard values.count < maxCount else {
                throw MessageError(
                    code: .outOfRange, message: "a field of \(name) holds more than \(maxCount) numbers; ask for less")
            }
            values.append(Int64(bitPattern: try reader.varint()))
        }
        return values
    }

    private mutating func varint() throws(MessageError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = self.rest.popFirst() else { throw self.malformed }
            // Bits beyond the sixty-fourth are dropped, as protobuf does.
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw self.malformed
    }

    private mutating func take(_ count: UInt64) throws(MessageError) -> ArraySlice<UInt8> {
        guard count <= UInt64(self.rest.count) else { throw self.malformed }
        defer { self.rest = self.rest.dropFirst(Int(count)) }
        return self.rest.prefix(Int(count))
    }

    private mutating func skip(_ count: UInt64) throws(MessageError) -> Field {
        _ = try self.take(count)
        return .skipped
    }

    private var malformed: MessageError {
        MessageError(code: .malformed, message: "the bytes are not a \(self.name); send one as in the .proto file")
    }
}
