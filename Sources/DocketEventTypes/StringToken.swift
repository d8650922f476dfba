/// Where a JSON string stands in its text, without its quotes.
struct StringToken {
    let start: Int
    var end: Int
    /// Whether what it stands for differs from what it is written as.
    var hasEscapes = false

    init(start: Int, end: Int) {
        self.start = start
        self.end = end
    }

    /// How many bytes of UTF-8 it stands for.
    func decodedCount(_ text: Span<UInt8>) -> Int {
        guard self.hasEscapes else { return self.end - self.start }
        var bytes = DecodedBytes(self)
        var count = 0
        while bytes.next(text) != nil { count += 1 }
        return count
    }

    /// How many Unicode code points it stands for: what JSON Schema counts. Each has one byte that continues none.
    func codePointCount(_ text: Span<UInt8>) -> Int {
        var count = 0
        if self.hasEscapes {
            var bytes = DecodedBytes(self)
            while let byte = bytes.next(text) { count += byte & 0xC0 == 0x80 ? 0 : 1 }
        } else {
            for index in self.start..<self.end { count += text[index] & 0xC0 == 0x80 ? 0 : 1 }
        }
        return count
    }

    /// -1, 0 or 1: what it stands for comes before, is, or comes after the bytes of a slice, by length and then by bytes.
    ///
    /// - Parameter count: Its ``decodedCount(_:)``.
    func compare(
        _ text: Span<UInt8>, count: Int, with slice: CompiledSchema.Slice, of bytes: Span<UInt8>
    ) -> Int {
        let start = Int(slice.start)
        guard count == Int(slice.count) else { return count < Int(slice.count) ? -1 : 1 }
        if self.hasEscapes {
            var decoded = DecodedBytes(self)
            for offset in 0..<count {
                let byte = decoded.next(text) ?? 0
                guard byte == bytes[start + offset] else { return byte < bytes[start + offset] ? -1 : 1 }
            }
        } else {
            for offset in 0..<count {
                let byte = text[self.start + offset]
                guard byte == bytes[start + offset] else { return byte < bytes[start + offset] ? -1 : 1 }
            }
        }
        return 0
    }
}

/// The bytes of UTF-8 that a JSON string with escapes stands for, one at a time.
struct DecodedBytes {
    private var index: Int
    private let end: Int
    /// Bytes of a character that an escape stands for, the next one lowest.
    private var pending: UInt32 = 0

    init(_ token: StringToken) {
        self.index = token.start
        self.end = token.end
    }

    /// The next byte; `nil` at the end.
    mutating func next(_ text: Span<UInt8>) -> UInt8? {
        if self.pending != 0 {
            defer { self.pending >>= 8 }
            return UInt8(truncatingIfNeeded: self.pending)
        }
        guard self.index < self.end else { return nil }
        let byte = text[self.index]
        self.index += 1
        guard byte == UInt8(ascii: "\\"), self.index < self.end else { return byte }
        let escape = text[self.index]
        self.index += 1
        switch escape {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"): return self.character(text)
        default: return escape
        }
    }

    /// The first byte of the character of a `uXXXX`, or of two that are a pair; the others become pending.
    private mutating func character(_ text: Span<UInt8>) -> UInt8 {
        var value = self.codeUnit(text)
        if 0xD800...0xDBFF ~= value, self.index + 6 <= self.end, text[self.index] == UInt8(ascii: "\\"),
            text[self.index + 1] == UInt8(ascii: "u")
        {
            self.index += 2
            value = 0x10000 + (value & 0x3FF) << 10 + self.codeUnit(text) & 0x3FF
        }
        switch value {
        case ..<0x80: return UInt8(truncatingIfNeeded: value)
        case ..<0x800:
            self.pending = Self.continuation(value)
            return UInt8(truncatingIfNeeded: 0xC0 | value >> 6)
        case ..<0x10000:
            self.pending = Self.continuation(value >> 6) | Self.continuation(value) << 8
            return UInt8(truncatingIfNeeded: 0xE0 | value >> 12)
        default:
            self.pending =
                Self.continuation(value >> 12) | Self.continuation(value >> 6) << 8 | Self.continuation(value) << 16
            return UInt8(truncatingIfNeeded: 0xF0 | value >> 18)
        }
    }

    private static func continuation(_ bits: UInt32) -> UInt32 { 0x80 | bits & 0x3F }

    /// Four hexadecimal digits, as far as they are there.
    private mutating func codeUnit(_ text: Span<UInt8>) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 where self.index < self.end {
            let byte = text[self.index]
            self.index += 1
            let digit = byte < UInt8(ascii: "A") ? byte & 0x0F : (byte & 0x0F) + 9
            unit = unit << 4 | UInt32(digit)
        }
        return unit
    }
}
