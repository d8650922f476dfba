/// Base64 with the standard alphabet (RFC 4648 section 4), which `-bin` metadata travels in.
package enum Base64 {
    /// Without padding, as gRPC wants it sent.
    package static func encode(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var encoded: [UInt8] = []
        encoded.reserveCapacity((bytes.count * 4 + 2) / 3)
        var accumulator: UInt32 = 0
        var bits = 0
        for byte in bytes {
            accumulator = accumulator << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                encoded.append(Self.alphabet[Int(accumulator >> UInt32(bits) & 63)])
            }
        }
        if bits > 0 { encoded.append(Self.alphabet[Int(accumulator << UInt32(6 - bits) & 63)]) }
        return encoded
    }

    /// The bytes, with or without padding; `nil` for another character, a length that can't be, wrong padding, or
    /// unused bits that are not zero.
    package static func decode(_ encoded: some BidirectionalCollection<UInt8>) -> [UInt8]? {
        let padding = UInt8(ascii: "=")
        var body = encoded[...]
        while body.last == padding { body = body.dropLast() }
        let padCount = encoded.count - body.count
        guard padCount == 0 || padCount <= 2 && encoded.count.isMultiple(of: 4) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(body.count * 3 / 4)
        var accumulator: UInt32 = 0
        var bits = 0
        for character in body {
            guard let value = Self.value(character) else { return nil }
            accumulator = accumulator << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: accumulator >> UInt32(bits)))
            }
        }
        guard bits < 6, accumulator & (1 << UInt32(bits) - 1) == 0 else { return nil }
        return bytes
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    private static func value(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
