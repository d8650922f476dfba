// Numbers in bytes, the least byte first.

extension [UInt8] {
    mutating func appendNumber<Value: FixedWidthInteger>(_ value: Value) {
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            self.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    /// The number at an offset; `nil` when the bytes end before it does.
    func number<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value? {
        let width = Value.bitWidth / 8
        guard offset >= 0, offset <= self.count - width else { return nil }
        var value: Value = 0
        for index in (offset..<offset + width).reversed() {
            value = value << 8 | Value(truncatingIfNeeded: self[index])
        }
        return value
    }

    /// A number at an offset that is known to be within the bytes.
    subscript<Value: FixedWidthInteger>(number offset: Int) -> Value { self.number(at: offset) ?? 0 }
}
