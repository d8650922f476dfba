// Strings, numbers and what else has no inside.
extension JSONPass {
    /// The next byte; 0, which stands for nothing in JSON, at the end.
    @inline(__always)
    var peek: UInt8 { self.index < self.count ? unsafe self.start[self.index] : 0 }

    @inline(__always)
    mutating func skipSpace() {
        while self.index < self.count {
            switch unsafe self.start[self.index] {
            case 0x20, 0x0A, 0x0D, 0x09: self.index &+= 1
            default: return
            }
        }
    }

    func fault(_ message: String) -> JSONFault {
        JSONFault(code: .syntax, offset: self.index, message: message)
    }

    /// Reads a string up to and including its closing quote; `index` is behind the opening one.
    mutating func string() throws(JSONFault) {
        while true {
            self.skipPlain()
            guard self.index < self.count else { throw self.fault("the string has no end") }
            switch unsafe self.start[self.index] {
            case UInt8(ascii: "\""):
                self.index &+= 1
                return
            case UInt8(ascii: "\\"):
                try self.escape()
            default:
                throw self.fault("control characters must be escaped")
            }
        }
    }

    /// Goes to the next quote, backslash or control character, eight bytes at a time.
    @inline(__always)
    private mutating func skipPlain() {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        while self.index &+ 8 <= self.count {
            let word = UInt64(
                littleEndian: unsafe UnsafeRawPointer(self.start + self.index).loadUnaligned(as: UInt64.self))
            let quotes = word ^ (ones &* 0x22)
            let backslashes = word ^ (ones &* 0x5C)
            // The lowest set bit is exact; higher ones may be false, but only the lowest is used.
            let found =
                ((quotes &- ones) & ~quotes) | ((backslashes &- ones) & ~backslashes)
                | ((word &- ones &* 0x20) & ~word)
            if found & highs != 0 {
                self.index &+= (found & highs).trailingZeroBitCount >> 3
                return
            }
            self.index &+= 8
        }
        while self.index < self.count {
            let byte = unsafe self.start[self.index]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { return }
            self.index &+= 1
        }
    }

    /// Reads an escape from its backslash.
    private mutating func escape() throws(JSONFault) {
        self.index &+= 1
        switch self.peek {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            self.index &+= 1
        case UInt8(ascii: "u"):
            try self.unicodeEscape()
        default:
            throw self.fault("an escape was expected behind '\\'")
        }
    }

    /// Reads `uXXXX`, and the second half where it is the first of a pair.
    private mutating func unicodeEscape() throws(JSONFault) {
        let offset = self.index &- 1
        let unit = try self.codeUnit()
        switch unit {
        case 0:
            throw JSONFault(
                code: .nulEscape, offset: offset, message: "the escape \\u0000, which PostgreSQL can't read")
        case 0xD800...0xDBFF:
            if self.peek == UInt8(ascii: "\\") {
                self.index &+= 1
                if self.peek == UInt8(ascii: "u"), case 0xDC00...0xDFFF = try self.codeUnit() { return }
            }
            throw JSONFault(code: .loneSurrogate, offset: offset, message: "half a surrogate pair")
        case 0xDC00...0xDFFF:
            throw JSONFault(code: .loneSurrogate, offset: offset, message: "half a surrogate pair")
        default:
            return
        }
    }

    /// Reads `uXXXX`.
    private mutating func codeUnit() throws(JSONFault) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            self.index &+= 1
            let digit: UInt8
            switch self.peek {
            case let byte where byte &- 0x30 < 10: digit = byte &- 0x30
            case let byte where (byte | 0x20) &- 0x61 < 6: digit = (byte | 0x20) &- 0x61 &+ 10
            default: throw self.fault("four hexadecimal digits were expected behind '\\u'")
            }
            unit = unit << 4 | UInt32(digit)
        }
        self.index &+= 1
        return unit
    }

    mutating func literal(_ text: StaticString) throws(JSONFault) {
        let length = text.utf8CodeUnitCount
        guard self.count - self.index >= length else { throw self.fault("a value was expected") }
        for offset in 0..<length where unsafe self.start[self.index + offset] != text.utf8Start[offset] {
            throw self.fault("a value was expected")
        }
        self.index &+= length
    }

    // MARK: Numbers

    mutating func number() throws(JSONFault) {
        let offset = self.index
        if self.peek == UInt8(ascii: "-") { self.index &+= 1 }
        let integerStart = self.index
        var integerDigits = self.digits()
        guard integerDigits > 0 else { throw self.fault("a digit was expected") }
        if unsafe self.start[integerStart] == UInt8(ascii: "0") {
            guard integerDigits == 1 else { throw self.fault("a number must not begin with 0") }
            integerDigits = 0
        }
        var fractionDigits = 0
        if self.peek == UInt8(ascii: ".") {
            self.index &+= 1
            fractionDigits = self.digits()
            guard fractionDigits > 0 else { throw self.fault("a digit was expected") }
        }
        var exponent = 0
        if self.peek | 0x20 == UInt8(ascii: "e") { exponent = try self.exponent() }
        guard integerDigits + exponent <= 131_072, fractionDigits - exponent <= 16_383 else {
            throw JSONFault(
                code: .numberRange, offset: offset, message: "a number that PostgreSQL's numeric can't hold")
        }
    }

    /// How many digits follow; reads them.
    private mutating func digits() -> Int {
        let start = self.index
        while self.peek &- 0x30 < 10 { self.index &+= 1 }
        return self.index &- start
    }

    /// Reads an exponent; a huge one reads as a million, far outside of what is taken.
    private mutating func exponent() throws(JSONFault) -> Int {
        self.index &+= 1
        let isNegative = self.peek == UInt8(ascii: "-")
        if isNegative || self.peek == UInt8(ascii: "+") { self.index &+= 1 }
        let start = self.index
        var value = 0
        while self.peek &- 0x30 < 10 {
            value = min(value &* 10 &+ Int(self.peek &- 0x30), 1_000_000)
            self.index &+= 1
        }
        guard self.index > start else { throw self.fault("a digit was expected") }
        return isNegative ? -value : value
    }
}
