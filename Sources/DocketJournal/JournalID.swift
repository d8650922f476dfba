/// Names a journal for good, so that segments of two journals are never taken for one's: 16 random bytes.
package struct JournalID: Sendable, Hashable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A new one.
    package static func random(using generator: inout some RandomNumberGenerator) -> JournalID {
        JournalID(high: generator.next(), low: generator.next())
    }

    /// 32 hexadecimal digits.
    package var description: String { hexadecimal(self.high) + hexadecimal(self.low) }
}

/// 16 hexadecimal digits.
func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
}
