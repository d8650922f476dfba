/// One pass over one text.
@safe struct JSONPass {
    let start: UnsafePointer<UInt8>
    let count: Int
    var index = 0
    private let maxDepth: Int
    private var depth = 0
    /// One bit for each open level: set for an object.
    private var objects = SIMD4<UInt64>()

    init(_ bytes: UnsafeBufferPointer<UInt8>, maxDepth: Int) {
        // An empty text has no address; nothing is read from this one.
        unsafe self.start = unsafe bytes.baseAddress ?? UnsafePointer(bitPattern: 1).unsafelyUnwrapped
        self.count = bytes.count
        self.maxDepth = min(max(maxDepth, 0), JSONScanner.maxSupportedDepth)
    }

    mutating func run() throws(JSONFault) -> JSONKind {
        self.skipSpace()
        let kind = try self.nextKind()
        while true {
            if try self.value() {
                // The first member or element of what was just opened is due.
                if self.inObject { try self.key() } else { self.skipSpace() }
                continue
            }
            if try self.afterValue() { return kind }
        }
    }

    // MARK: Structure

    /// Reads a value from its first byte; true when that opened an object or array which is not empty.
    private mutating func value() throws(JSONFault) -> Bool {
        switch self.peek {
        case UInt8(ascii: "\""):
            self.index &+= 1
            try self.string()
        case UInt8(ascii: "{"):
            return try self.open(object: true, closing: UInt8(ascii: "}"))
        case UInt8(ascii: "["):
            return try self.open(object: false, closing: UInt8(ascii: "]"))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            try self.number()
        case UInt8(ascii: "t"):
            try self.literal("true")
        case UInt8(ascii: "f"):
            try self.literal("false")
        case UInt8(ascii: "n"):
            try self.literal("null")
        default:
            throw self.fault("a value was expected")
        }
        return false
    }

    private mutating func open(object: Bool, closing: UInt8) throws(JSONFault) -> Bool {
        guard self.depth < self.maxDepth else {
            throw JSONFault(code: .tooDeep, offset: self.index, message: "nesting deeper than \(self.maxDepth) levels")
        }
        let bit: UInt64 = 1 << UInt64(self.depth & 63)
        if object { self.objects[self.depth >> 6] |= bit } else { self.objects[self.depth >> 6] &= ~bit }
        self.depth &+= 1
        self.index &+= 1
        self.skipSpace()
        guard self.peek == closing else { return true }
        self.index &+= 1
        self.depth &-= 1
        return false
    }

    /// Goes on behind a value to the next one; true at the end of the text.
    private mutating func afterValue() throws(JSONFault) -> Bool {
        while true {
            self.skipSpace()
            guard self.depth > 0 else {
                guard self.index == self.count else { throw self.fault("the end of the text was expected") }
                return true
            }
            let isObject = self.inObject
            switch self.peek {
            case UInt8(ascii: ","):
                self.index &+= 1
                if isObject { try self.key() } else { self.skipSpace() }
                return false
            case UInt8(ascii: "}") where isObject, UInt8(ascii: "]") where !isObject:
                self.index &+= 1
                self.depth &-= 1
            default:
                throw self.fault(isObject ? "',' or '}' was expected" : "',' or ']' was expected")
            }
        }
    }

    /// Reads a key and its colon, up to the first byte of the value.
    private mutating func key() throws(JSONFault) {
        self.skipSpace()
        guard self.peek == UInt8(ascii: "\"") else { throw self.fault("a key in quotes was expected") }
        self.index &+= 1
        try self.string()
        self.skipSpace()
        guard self.peek == UInt8(ascii: ":") else { throw self.fault("':' was expected") }
        self.index &+= 1
        self.skipSpace()
    }

    private func nextKind() throws(JSONFault) -> JSONKind {
        switch self.peek {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        default: throw self.fault("a value was expected")
        }
    }

    private var inObject: Bool {
        let level = self.depth &- 1
        return self.objects[level >> 6] & (1 << UInt64(level & 63)) != 0
    }
}
