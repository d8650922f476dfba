/// A value of 16 bytes, kept as two big-endian halves.
public protocol Bytes16: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Bytes 0 to 7, the first the most significant.
    var high: UInt64 { get }
    /// Bytes 8 to 15, the first the most significant.
    var low: UInt64 { get }
    init(high: UInt64, low: UInt64)
}

extension Bytes16 {
    /// The value of exactly 16 bytes; `nil` for any other number of bytes.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        self.init(high: bigEndian(bytes.prefix(8)), low: bigEndian(bytes.dropFirst(8)))
    }

    /// The value of 32 hexadecimal digits, with or without the four dashes of a UUID; `nil` for anything else.
    public init?(_ text: some StringProtocol) {
        let hasDashes = text.utf8.count == 36
        guard hasDashes || text.utf8.count == 32 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (index, character) in text.utf8.enumerated() {
            if hasDashes, index == 8 || index == 13 || index == 18 || index == 23 {
                guard character == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let value = hexadecimalValue(character) else { return nil }
            high = high << 4 | low >> 60
            low = low << 4 | UInt64(value)
        }
        self.init(high: high, low: low)
    }

    /// The 16 bytes.
    public var bytes: [UInt8] { bigEndianBytes(self.high) + bigEndianBytes(self.low) }

    /// 32 lower-case hexadecimal digits.
    public var hex: String { hexadecimal(self.bytes) }

    /// The text form of a UUID (RFC 9562 section 4), lower case.
    public var uuidString: String {
        let digits = Array(self.hex.utf8)
        let parts = [digits[0..<8], digits[8..<12], digits[12..<16], digits[16..<20], digits[20..<32]]
        return parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "-")
    }

    public var description: String { self.uuidString }

    public static func < (left: Self, right: Self) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

/// Names an event for good; any 16 bytes.
public struct EventID: Bytes16 {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new UUIDv7 (RFC 9562 section 5.7): 48 bits of milliseconds since the epoch, then random bits.
    public static func version7(at time: Timestamp, using generator: inout some RandomNumberGenerator) -> EventID {
        let milliseconds = UInt64(bitPattern: Int64(time.microsecondsSinceEpoch / 1000)) & 0xFFFF_FFFF_FFFF
        let high = milliseconds << 16 | 0x7000 | generator.next() & 0x0FFF
        let low = 0x8000_0000_0000_0000 | generator.next() & 0x3FFF_FFFF_FFFF_FFFF
        return EventID(high: high, low: low)
    }
}

/// Names an emitting process; any 16 bytes.
public struct ProducerID: Bytes16 {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new random producer id.
    public static func random(using generator: inout some RandomNumberGenerator) -> ProducerID {
        ProducerID(high: generator.next(), low: generator.next())
    }
}

/// A W3C trace id: 16 bytes, not all zero.
public struct TraceID: Bytes16 {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public var description: String { self.hex }
}

/// A W3C span id: 8 bytes, not all zero.
public struct SpanID: Sendable, Hashable, CustomStringConvertible {
    /// The bytes, the first the most significant.
    public let value: UInt64

    public init(_ value: UInt64) { self.value = value }

    /// The value of exactly 8 bytes; `nil` for any other number of bytes.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 8 else { return nil }
        self.value = bigEndian(bytes)
    }

    /// The value of exactly 16 hexadecimal digits; `nil` for anything else.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count == 16 else { return nil }
        var value: UInt64 = 0
        for character in text.utf8 {
            guard let digit = hexadecimalValue(character) else { return nil }
            value = value << 4 | UInt64(digit)
        }
        self.value = value
    }

    /// The 8 bytes.
    public var bytes: [UInt8] { bigEndianBytes(self.value) }

    /// 16 lower-case hexadecimal digits.
    public var hex: String { hexadecimal(self.bytes) }

    public var description: String { self.hex }
}

// MARK: - Bytes and digits

/// Up to eight bytes as a big-endian number.
package func bigEndian(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
}

/// The eight bytes of a number, the most significant first.
package func bigEndianBytes(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) }
}

/// Two lower-case hexadecimal digits a byte.
package func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}

/// The value of a hexadecimal digit in either case; `nil` for another character.
package func hexadecimalValue(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
}

/// The bytes of hexadecimal text; `nil` for an odd number of digits or another character.
package func bytes(hexadecimal text: some StringProtocol) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
        guard let high = hexadecimalValue(digits[index]), let low = hexadecimalValue(digits[index + 1]) else {
            return nil
        }
        bytes.append(high << 4 | low)
    }
    return bytes
}
