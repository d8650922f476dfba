import DocketModel

/// Writes values one after the other, or reads them back: the same list of fields serves both, so that they can't differ.
///
/// Numbers have as many bytes as they need: seven bits each, the least first, the sign in the lowest bit (protobuf's `sint64`).
/// Texts and lists begin with their length, optional values with whether they are there. What is read may be any bytes: once they
/// aren't what was written, every further value stays as it is, and ``isAtEnd`` is false.
struct RegistryCoder {
    /// What has been written, or what is read from.
    private(set) var bytes: [UInt8]
    private let isReading: Bool
    private var offset: Int
    private var isBroken = false

    private init(bytes: [UInt8], isReading: Bool, offset: Int) {
        self.bytes = bytes
        self.isReading = isReading
        self.offset = offset
    }

    static func writer() -> RegistryCoder { RegistryCoder(bytes: [], isReading: false, offset: 0) }

    static func reader(of bytes: [UInt8], from offset: Int = 0) -> RegistryCoder {
        RegistryCoder(bytes: bytes, isReading: true, offset: offset)
    }

    /// Whether everything has been read, and was what had been written.
    var isAtEnd: Bool { !self.isBroken && self.offset == self.bytes.count }

    // MARK: Values

    /// A whole number. One that is read outside the range is broken.
    mutating func number<Value: FixedWidthInteger & SignedInteger>(
        _ value: inout Value, in range: ClosedRange<Value> = Value.min...Value.max
    ) {
        guard self.isReading else { return self.write(Int64(value)) }
        guard let read = Value(exactly: self.readNumber()), range.contains(read) else { return self.isBroken = true }
        if !self.isBroken { value = read }
    }

    mutating func flag(_ value: inout Bool) {
        var number: Int8 = value ? 1 : 0
        self.number(&number, in: 0...1)
        value = number == 1
    }

    mutating func bytes(_ value: inout [UInt8], count: Int) {
        guard self.isReading else { return self.bytes += value }
        guard let range = self.take(count) else { return }
        value = Array(self.bytes[range])
    }

    mutating func text(_ value: inout String) {
        guard self.isReading else {
            self.write(Int64(value.utf8.count))
            return self.bytes.append(contentsOf: value.utf8)
        }
        guard let count = Int(exactly: self.readNumber()), let range = self.take(count) else {
            return self.isBroken = true
        }
        guard let valid = try? UTF8Span(validating: self.bytes.span.extracting(range)) else {
            return self.isBroken = true
        }
        value = String(copying: valid)
    }

    /// One of a few, by its name.
    mutating func choice<Value: RawRepresentable<String>>(_ value: inout Value) {
        var name = value.rawValue
        self.text(&name)
        guard let named = Value(rawValue: name) else { return self.isBroken = true }
        value = named
    }

    mutating func time(_ value: inout Timestamp) {
        self.number(&value.microsecondsSinceEpoch)
    }

    /// A value that may be missing; `blank` is what one is read over.
    mutating func optional<Value>(
        _ value: inout Value?, blank: Value, _ code: (inout RegistryCoder, inout Value) -> Void
    ) {
        var isThere = value != nil
        self.flag(&isThere)
        guard isThere, !self.isBroken else { return value = nil }
        var present = value ?? blank
        code(&self, &present)
        value = present
    }

    /// A list; `blank` is what an element is read over. Each element has at least one byte, so that no length is believed that the
    /// bytes can't have.
    mutating func list<Value>(
        _ values: inout [Value], blank: Value, _ code: (inout RegistryCoder, inout Value) -> Void
    ) {
        guard self.isReading else {
            self.write(Int64(values.count))
            for var value in values { code(&self, &value) }
            return
        }
        guard let count = Int(exactly: self.readNumber()), (0...self.bytes.count - self.offset).contains(count) else {
            return self.isBroken = true
        }
        values = []
        values.reserveCapacity(min(count, Self.maxReserved))
        for _ in 0..<count where !self.isBroken {
            var value = blank
            code(&self, &value)
            values.append(value)
        }
    }

    /// How much room a length alone is given, in elements.
    private static let maxReserved = 1 << 18

    // MARK: Bytes

    private mutating func write(_ value: Int64) {
        var rest = UInt64(bitPattern: value << 1 ^ value >> 63)
        while rest > 0x7F {
            self.bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        self.bytes.append(UInt8(rest))
    }

    private mutating func readNumber() -> Int64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let range = self.take(1) else { return 0 }
            let byte = self.bytes[range.lowerBound]
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }
        }
        self.isBroken = true
        return 0
    }

    private mutating func take(_ count: Int) -> Range<Int>? {
        guard !self.isBroken, (0...self.bytes.count - self.offset).contains(count) else {
            self.isBroken = true
            return nil
        }
        defer { self.offset += count }
        return self.offset..<self.offset + count
    }
}
