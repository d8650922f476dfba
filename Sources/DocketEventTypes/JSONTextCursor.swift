/// Moves over JSON text that has been checked already. On other text it stops somewhere, with ``isBroken`` set or not, but
/// it never reads outside of it.
struct JSONTextCursor {
    var index: Int
    /// Whether text was met that no checked JSON has.
    private(set) var isBroken = false

    init(at index: Int = 0) { self.index = index }

    /// The byte at the cursor; 0, which stands for nothing in JSON, at the end.
    @inline(__always)
    func peek(_ text: Span<UInt8>) -> UInt8 { self.index < text.count ? text[self.index] : 0 }

    @inline(__always)
    mutating func skipSpace(_ text: Span<UInt8>) {
        while self.index < text.count {
            switch text[self.index] {
            case 0x20, 0x0A, 0x0D, 0x09: self.index += 1
            default: return
            }
        }
    }

    /// Moves past one byte, which must be the expected one.
    @inline(__always)
    mutating func expect(_ byte: UInt8, _ text: Span<UInt8>) {
        if self.peek(text) == byte { self.index += 1 } else { self.isBroken = true }
    }

    /// Reads a string from its opening quote to behind its closing one.
    mutating func string(_ text: Span<UInt8>) -> StringToken {
        self.expect(UInt8(ascii: "\""), text)
        var token = StringToken(start: self.index, end: self.index)
        while true {
            self.skipPlain(text)
            switch self.peek(text) {
            case UInt8(ascii: "\""):
                token.end = self.index
                self.index += 1
                return token
            case UInt8(ascii: "\\") where self.index + 1 < text.count:
                token.hasEscapes = true
                self.index += 2
            default:
                self.isBroken = true
                token.end = min(self.index, text.count)
                return token
            }
        }
    }

    /// Moves to the next quote or backslash, or to the end, eight bytes at a time.
    @inline(__always)
    private mutating func skipPlain(_ text: Span<UInt8>) {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while self.index + 8 <= text.count {
            let word = UInt64(
                littleEndian: text.bytes.unsafeLoadUnaligned(fromByteOffset: self.index, as: UInt64.self))
            let quotes = word ^ (ones &* 0x22)
            let backslashes = word ^ (ones &* 0x5C)
            // The lowest set bit is exact; higher ones may be false, but only the lowest is used.
            let found = (((quotes &- ones) & ~quotes) | ((backslashes &- ones) & ~backslashes)) & highs
            if found != 0 {
                self.index += found.trailingZeroBitCount >> 3
                return
            }
            self.index += 8
        }
        while self.index < text.count {
            let byte = text[self.index]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
            self.index += 1
        }
    }

    /// Moves past a value of any kind, whatever is in it.
    mutating func skipValue(_ text: Span<UInt8>) {
        var depth = 0
        repeat {
            switch self.peek(text) {
            case UInt8(ascii: "\""):
                _ = self.string(text)
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                self.index += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                self.index += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x0A, 0x0D, 0x09:
                // Between values only: one that stands alone begins with something else.
                guard depth > 0 else { return self.isBroken = true }
                self.index += 1
            default:
                guard self.index < text.count else { return self.isBroken = true }
                self.skipWord(text)
            }
        } while depth > 0
    }

    /// Moves past a number or a literal, at least by one byte.
    mutating func skipWord(_ text: Span<UInt8>) {
        self.index += 1
        while self.index < text.count {
            switch text[self.index] {
            case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ":"), UInt8(ascii: "\""), 0x20,
                0x0A, 0x0D, 0x09:
                return
            default: self.index += 1
            }
        }
    }
}
