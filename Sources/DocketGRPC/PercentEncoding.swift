/// The encoding of `grpc-message` (gRPC `doc/PROTOCOL-HTTP2.md`, "Responses": Percent-Encoded).
package enum PercentEncoding {
    /// UTF-8 with everything but space and visible ASCII, and `%` itself, as `%` and two upper-case digits.
    package static func encode(_ text: String) -> [UInt8] {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            if (0x20...0x7E).contains(byte), byte != Self.percent {
                encoded.append(byte)
            } else {
                encoded.append(Self.percent)
                encoded.append(Self.digits[Int(byte >> 4)])
                encoded.append(Self.digits[Int(byte & 15)])
            }
        }
        return encoded
    }

    /// The text. Never fails, as the document demands: a broken `%` stays as it is, invalid UTF-8 is repaired.
    package static func decode(_ encoded: some Collection<UInt8>) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(encoded.count)
        var rest = encoded[...]
        while let byte = rest.popFirst() {
            var ahead = rest
            if byte == Self.percent, let first = ahead.popFirst(), let second = ahead.popFirst(),
                let high = Self.value(first), let low = Self.value(second)
            {
                bytes.append(high << 4 | low)
                rest = ahead
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static let percent = UInt8(ascii: "%")
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// The value of a hexadecimal digit in either case.
    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
