/// Writes the data of a leaf: a version byte, then one entry for each present field, in rising order of the field
/// number.
///
/// An entry is the field number (one byte), the length of the value in bytes (four, big-endian) and the value. Text and
/// bytes are themselves, numbers eight bytes, nested messages a run of entries. docs/evidence.md is the specification;
/// two writers that follow it write the same bytes, so a leaf can be computed again from whatever holds the event.
package struct LeafWriter {
    /// The first byte of a leaf's data.
    package static let version: UInt8 = 0x01
    /// The size of what stands in front of a value: field number and length.
    package static let entryHeaderBytes = 5

    /// What has been written.
    package private(set) var bytes: [UInt8]
    private var lastField: UInt8 = 0

    /// Starts a leaf behind what `bytes` already holds.
    package init(appendingTo bytes: [UInt8] = []) {
        self.bytes = bytes
        self.bytes.append(Self.version)
    }

    /// Text, in UTF-8. `field` must not be less than the one before; equal ones are the entries of a list.
    package mutating func append(_ field: UInt8, _ text: String) {
        self.appendHeader(field, lengthBytes: text.utf8.count)
        self.bytes.append(contentsOf: text.utf8)
    }

    /// Bytes.
    package mutating func append(_ field: UInt8, _ value: [UInt8]) {
        self.appendHeader(field, lengthBytes: value.count)
        self.bytes.append(contentsOf: value)
    }

    /// A whole number: eight bytes, big-endian, two's complement.
    package mutating func append(_ field: UInt8, _ value: Int64) {
        self.append(field, bitPattern: UInt64(bitPattern: value))
    }

    /// A floating-point number: the bit pattern of IEEE 754 binary64, big-endian.
    package mutating func append(_ field: UInt8, _ value: Double) {
        self.append(field, bitPattern: value.bitPattern)
    }

    /// A nested message: the entries that `body` writes, whose field numbers count from the start again.
    package mutating func append(_ field: UInt8, _ body: (inout LeafWriter) -> Void) {
        self.appendHeader(field, lengthBytes: 0)
        let start = self.bytes.count
        self.lastField = 0
        body(&self)
        self.lastField = field
        let length = UInt32(self.bytes.count - start)
        for byte in 0..<4 { self.bytes[start - 4 + byte] = UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * byte)) }
    }

    private mutating func append(_ field: UInt8, bitPattern: UInt64) {
        self.appendHeader(field, lengthBytes: 8)
        for byte in 0..<8 { self.bytes.append(UInt8(truncatingIfNeeded: bitPattern >> UInt64(56 - 8 * byte))) }
    }

    private mutating func appendHeader(_ field: UInt8, lengthBytes: Int) {
        precondition(field >= self.lastField, "the fields of a leaf rise")
        self.lastField = field
        let length = UInt32(lengthBytes)
        self.bytes.append(field)
        for byte in 0..<4 { self.bytes.append(UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * byte))) }
    }
}
