/// Walks over JSON text (RFC 8259) value by value, with a stack of its own instead of recursion, so that no nesting
/// overflows the thread's.
///
/// Stricter than the grammar where Docket can't keep what it allows: U+0000 and lone surrogates are refused, since
/// PostgreSQL can't hold them. The bytes must be valid UTF-8; the cursor doesn't look.
struct JSONCursor {
    private let bytes: ArraySlice<UInt8>
    private let numbersFitNumeric: Bool
    private(set) var index: Int

    /// - Parameter numbersFitNumeric: Whether numbers that PostgreSQL's `numeric` can't hold are refused.
    init(_ bytes: ArraySlice<UInt8>, numbersFitNumeric: Bool = false) {
        self.bytes = bytes
        self.numbersFitNumeric = numbersFitNumeric
        self.index = bytes.startIndex
    }

    var isAtEnd: Bool { self.index == self.bytes.endIndex }

    /// The byte at the cursor; `nil` at the end.
    var current: UInt8? { self.isAtEnd ? nil : self.bytes[self.index] }

    mutating func skipWhitespace() {
        while let byte = self.current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { self.index += 1 }
    }

    /// Moves past one byte if it is the expected one.
    mutating func skip(_ byte: UInt8) -> Bool {
        guard self.current == byte else { return false }
        self.index += 1
        return true
    }

    /// Moves past a whole value, containers with all that is in them, and returns it.
    /// `maxDepth` bounds the containers that may be open at once.
    mutating func value(maxDepth: Int) throws(ModelError) -> JSONValue {
        let start = self.index
        let kind = try self.kindAtCursor()
        var open: [UInt8] = []
        repeat {
            if try self.enterOrSkipScalar(&open, maxDepth: maxDepth) { continue }
            try self.leave(&open)
        } while !open.isEmpty
        return JSONValue(kind: kind, bytes: self.bytes[start..<self.index])
    }

    /// At the start of a value: opens a container that isn't empty and stands before its first value (true), or moves
    /// past a scalar or an empty container (false).
    private mutating func enterOrSkipScalar(_ open: inout [UInt8], maxDepth: Int) throws(ModelError) -> Bool {
        switch try self.kindAtCursor() {
        case .object: return try self.enter(closing: UInt8(ascii: "}"), &open, maxDepth: maxDepth)
        case .array: return try self.enter(closing: UInt8(ascii: "]"), &open, maxDepth: maxDepth)
        case .string: try self.skipString()
        case .number: try self.skipNumber()
        case .bool: try self.skipWord(self.current == UInt8(ascii: "t") ? "true" : "false")
        case .null: try self.skipWord("null")
        }
        return false
    }

    private mutating func enter(closing: UInt8, _ open: inout [UInt8], maxDepth: Int) throws(ModelError) -> Bool {
        guard open.count < maxDepth else { throw self.fault("nested deeper than \(maxDepth) levels") }
        self.index += 1
        self.skipWhitespace()
        if self.skip(closing) { return false }
        if closing == UInt8(ascii: "}") { try self.skipKey() }
        open.append(closing)
        return true
    }

    /// After a value: moves past the ends of containers until one goes on, and stands before its next value.
    private mutating func leave(_ open: inout [UInt8]) throws(ModelError) {
        while let closing = open.last {
            self.skipWhitespace()
            if self.skip(UInt8(ascii: ",")) {
                self.skipWhitespace()
                if closing == UInt8(ascii: "}") { try self.skipKey() }
                return
            }
            guard self.skip(closing) else {
                throw self.fault("expected ',' or '\(Character(Unicode.Scalar(closing)))'")
            }
            open.removeLast()
        }
    }

    /// Moves past a key, its colon and the white space behind it.
    mutating func skipKey() throws(ModelError) {
        guard self.current == UInt8(ascii: "\"") else { throw self.fault("expected the name of a member in quotes") }
        try self.skipString()
        self.skipWhitespace()
        guard self.skip(UInt8(ascii: ":")) else { throw self.fault("expected ':'") }
        self.skipWhitespace()
    }

    private func kindAtCursor() throws(ModelError) -> JSONValue.Kind {
        guard let current = self.current else { throw self.fault("expected a value, found the end of the text") }
        switch current {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        default: throw self.fault("expected a value")
        }
    }

    private mutating func skipWord(_ word: StaticString) throws(ModelError) {
        for expected in String(describing: word).utf8 {
            guard self.skip(expected) else { throw self.fault("expected '\(word)'") }
        }
    }

    /// RFC 8259 section 6: no leading zero, no plus sign, digits on both sides of the point.
    private mutating func skipNumber() throws(ModelError) {
        _ = self.skip(UInt8(ascii: "-"))
        let integerDigits = self.skip(UInt8(ascii: "0")) ? 0 : try self.skipDigits()
        let fractionDigits = self.skip(UInt8(ascii: ".")) ? try self.skipDigits() : 0
        var exponent = 0
        if self.skip(UInt8(ascii: "e")) || self.skip(UInt8(ascii: "E")) {
            let isNegative = !self.skip(UInt8(ascii: "+")) && self.skip(UInt8(ascii: "-"))
            let count = try self.skipDigits()
            // One of more than 64 bits is far outside of what is taken.
            let digits = String(decoding: self.bytes[(self.index - count)..<self.index], as: UTF8.self)
            exponent = min(Int(digits) ?? .max, 1_000_000) * (isNegative ? -1 : 1)
        }
        guard self.numbersFitNumeric else { return }
        guard integerDigits + exponent <= 131_072, fractionDigits - exponent <= 16_383 else {
            throw self.fault("the number has more digits than PostgreSQL's numeric can hold")
        }
    }

    /// Moves past digits, at least one; returns how many there were.
    private mutating func skipDigits() throws(ModelError) -> Int {
        let start = self.index
        while let byte = self.current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { self.index += 1 }
        guard self.index > start else { throw self.fault("expected a digit") }
        return self.index - start
    }

    /// Moves past a string, with all its escapes checked.
    mutating func skipString() throws(ModelError) {
        self.index += 1
        while let byte = self.current {
            self.index += 1
            switch byte {
            case UInt8(ascii: "\""): return
            case UInt8(ascii: "\\"): _ = try self.escaped()
            case 0..<0x20:
                self.index -= 1
                throw self.fault("a control character must be escaped")
            default: continue
            }
        }
        throw self.fault("the string has no end")
    }

    /// Behind a reverse solidus: moves past the escape and returns the character that it stands for.
    mutating func escaped() throws(ModelError) -> Unicode.Scalar {
        let byte = self.current
        if byte != nil { self.index += 1 }
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try self.escapedUnicode()
        default:
            if byte != nil { self.index -= 1 }
            throw self.fault("unknown escape")
        }
    }

    private mutating func escapedUnicode() throws(ModelError) -> Unicode.Scalar {
        let first = try self.hexadecimalUnit()
        guard first != 0 else { throw self.fault("U+0000 can't be stored; leave it out") }
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00, self.skip(UInt8(ascii: "\\")), self.skip(UInt8(ascii: "u")) else {
            throw self.fault("a lone surrogate is no character")
        }
        let second = try self.hexadecimalUnit()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00))
        else { throw self.fault("a lone surrogate is no character") }
        return scalar
    }

    private mutating func hexadecimalUnit() throws(ModelError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = self.current, let digit = hexadecimalValue(byte) else {
                throw self.fault("expected four hexadecimal digits")
            }
            unit = unit << 4 | UInt16(digit)
            self.index += 1
        }
        return unit
    }

    /// The error at the cursor: of text that is incomplete when the cursor is at its end, wrong otherwise.
    func fault(_ what: String) -> ModelError {
        ModelError(
            code: self.isAtEnd ? .incompleteJSON : .invalidJSON,
            message: "not valid JSON at byte \(self.index - self.bytes.startIndex): \(what)")
    }
}
