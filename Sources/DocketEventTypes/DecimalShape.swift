/// Where the digits of a JSON number stand in its text, and what power of ten they count: enough to compare numbers by
/// their exact value, however many digits they have, without converting or copying anything.
///
/// The value is 0.d₁d₂… × 10^magnitude with d₁ ≠ 0, or zero. Exponents that no log takes (`JSONScanner` refuses numbers
/// beyond PostgreSQL's `numeric`) are cut to ±``maxExponent``, so that no text makes the arithmetic overflow.
struct DecimalShape: Sendable, Hashable {
    private(set) var isNegative = false
    /// The offset of the first digit that isn't 0.
    private(set) var first = 0
    /// The offset behind the last digit that isn't 0; equal to `first` for zero.
    private(set) var end = 0
    /// How many digits there are from `first` to `end`; a decimal point may stand between them.
    private(set) var digits = 0
    private(set) var magnitude = 0

    private static let maxExponent = 1_000_000_000

    /// Reads the number that begins at the index, and moves behind it.
    init(_ text: Span<UInt8>, _ index: inout Int) {
        if index < text.count, text[index] == UInt8(ascii: "-") {
            self.isNegative = true
            index += 1
        }
        // Digits since the first one that isn't 0, and those of them in front of the point.
        var (seen, whole, leadingZeros) = (0, 0, 0)
        var hasPoint = false
        scan: while index < text.count {
            switch text[index] {
            case UInt8(ascii: "0"):
                if seen > 0 { seen += 1 } else if hasPoint { leadingZeros += 1 }
            case UInt8(ascii: "1")...UInt8(ascii: "9"):
                if seen == 0 { self.first = index }
                seen += 1
                self.digits = seen
                self.end = index + 1
            case UInt8(ascii: ".") where !hasPoint:
                hasPoint = true
                whole = seen
            default: break scan
            }
            index += 1
        }
        self.magnitude = (hasPoint ? whole : seen) - (seen > 0 ? leadingZeros : 0)
        if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            self.magnitude += Self.exponent(text, &index)
        }
    }

    var isZero: Bool { self.digits == 0 }

    /// Whether the value is a whole number: 1, 1.0, 10e-1.
    var isInteger: Bool { self.digits <= self.magnitude || self.isZero }

    private static func exponent(_ text: Span<UInt8>, _ index: inout Int) -> Int {
        var isNegative = false
        if index < text.count, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
            isNegative = text[index] == UInt8(ascii: "-")
            index += 1
        }
        var value = 0
        while index < text.count, text[index] &- 0x30 < 10 {
            value = min(value * 10 + Int(text[index] &- 0x30), Self.maxExponent)
            index += 1
        }
        return isNegative ? -value : value
    }

    /// -1, 0 or 1: this value in `text` is less than, equal to or greater than a number of a schema.
    func compare(in text: Span<UInt8>, with number: CompiledSchema.Number, of bytes: Span<UInt8>) -> Int {
        self.compare(in: text, with: number.shape, at: Int(number.text.start), in: bytes)
    }

    /// -1, 0 or 1: this value in `text` is less than, equal to or greater than the other one, whose text begins at `start` of
    /// `otherText`.
    func compare(
        in text: Span<UInt8>, with other: DecimalShape, at start: Int = 0, in otherText: Span<UInt8>
    ) -> Int {
        if self.isZero || other.isZero {
            if self.isZero && other.isZero { return 0 }
            if self.isZero { return other.isNegative ? 1 : -1 }
            return self.isNegative ? -1 : 1
        }
        guard self.isNegative == other.isNegative else { return self.isNegative ? -1 : 1 }
        let sign = self.isNegative ? -1 : 1
        guard self.magnitude == other.magnitude else { return self.magnitude < other.magnitude ? -sign : sign }
        var (index, otherIndex) = (self.first, start + other.first)
        let otherEnd = start + other.end
        while index < self.end, otherIndex < otherEnd {
            if text[index] == UInt8(ascii: ".") { index += 1 }
            if otherText[otherIndex] == UInt8(ascii: ".") { otherIndex += 1 }
            let (digit, otherDigit) = (text[index], otherText[otherIndex])
            guard digit == otherDigit else { return digit < otherDigit ? -sign : sign }
            index += 1
            otherIndex += 1
        }
        // Both end with a digit that isn't 0, so more digits are a larger amount.
        if index < self.end { return sign }
        return otherIndex < otherEnd ? -sign : 0
    }
}

/// A number by its exact value: 1, 1.0 and 10e-1 are equal, and no digit is lost.
package struct DecimalNumber: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The number as its definition writes it.
    package let text: String
    let shape: DecimalShape

    /// The number of a JSON text that has been checked to be one.
    package init(_ text: String) {
        self.text = text
        var index = 0
        self.shape = DecimalShape(Array(text.utf8).span, &index)
    }

    package var description: String { self.text }

    /// Whether it is a whole number.
    package var isInteger: Bool { self.shape.isInteger }

    package static func == (left: DecimalNumber, right: DecimalNumber) -> Bool { left.compare(with: right) == 0 }

    package static func < (left: DecimalNumber, right: DecimalNumber) -> Bool { left.compare(with: right) < 0 }

    package func hash(into hasher: inout Hasher) {
        guard !self.shape.isZero else { return hasher.combine(0) }
        hasher.combine(self.shape.isNegative)
        hasher.combine(self.shape.magnitude)
        hasher.combine(self.shape.digits)
    }

    private func compare(with other: DecimalNumber) -> Int {
        let (bytes, otherBytes) = (Array(self.text.utf8), Array(other.text.utf8))
        return self.shape.compare(in: bytes.span, with: other.shape, in: otherBytes.span)
    }
}
