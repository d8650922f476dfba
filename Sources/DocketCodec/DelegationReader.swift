import DocketModel

/// Reads the JSON text of a delegation chain.
struct DelegationReader {
    private let text: [UInt8]
    private var index = 0

    init(_ text: [UInt8]) { self.text = text }

    mutating func chain() throws(CodecError) -> [Actor] {
        var chain: [Actor] = []
        try self.expect("[")
        if self.skip("]") { return try self.atEnd(chain) }
        repeat { chain.append(try self.actor()) } while self.skip(",")
        try self.expect("]")
        return try self.atEnd(chain)
    }

    private mutating func atEnd(_ chain: [Actor]) throws(CodecError) -> [Actor] {
        self.skipSpace()
        guard self.index == self.text.count else { throw self.fault("text behind the array") }
        return chain
    }

    private mutating func actor() throws(CodecError) -> Actor {
        var actor = Actor()
        try self.expect("{")
        if self.skip("}") { return actor }
        repeat {
            let key = try self.string()
            try self.expect(":")
            let value = try self.string()
            switch key {
            case "kind": actor.kind = value
            case "id": actor.id = value
            case "user_id": actor.userID = value
            default: throw self.fault("a key other than kind, id and user_id")
            }
        } while self.skip(",")
        try self.expect("}")
        return actor
    }

    private mutating func string() throws(CodecError) -> String {
        try self.expect("\"")
        var bytes: [UInt8] = []
        while let byte = self.take() {
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: bytes, as: UTF8.self) else { throw self.fault("invalid UTF-8") }
                return string
            case UInt8(ascii: "\\"):
                try self.escape(into: &bytes)
            case 0x00..<0x20:
                throw self.fault("a control character")
            default:
                bytes.append(byte)
            }
        }
        throw self.fault("a string without end")
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(CodecError) {
        switch self.take() {
        case UInt8(ascii: "\""): bytes.append(UInt8(ascii: "\""))
        case UInt8(ascii: "\\"): bytes.append(UInt8(ascii: "\\"))
        case UInt8(ascii: "/"): bytes.append(UInt8(ascii: "/"))
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            var unit = try self.codeUnit()
            if (0xD800...0xDBFF).contains(unit) {
                guard self.take() == UInt8(ascii: "\\"), self.take() == UInt8(ascii: "u"),
                    case let low = try self.codeUnit(), (0xDC00...0xDFFF).contains(low)
                else { throw self.fault("half a surrogate pair") }
                unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(unit) else { throw self.fault("half a surrogate pair") }
            bytes.append(contentsOf: Character(scalar).utf8)
        default: throw self.fault("an unknown escape")
        }
    }

    private mutating func codeUnit() throws(CodecError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = self.take().flatMap(hexadecimalValue) else { throw self.fault("a bad escape") }
            unit = unit << 4 | UInt32(digit)
        }
        return unit
    }

    // MARK: Characters

    private mutating func take() -> UInt8? {
        guard self.index < self.text.count else { return nil }
        self.index += 1
        return self.text[self.index - 1]
    }

    private mutating func skipSpace() {
        while self.index < self.text.count, [0x20, 0x09, 0x0A, 0x0D].contains(self.text[self.index]) { self.index += 1 }
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        self.skipSpace()
        guard self.index < self.text.count, self.text[self.index] == UInt8(ascii: character) else { return false }
        self.index += 1
        return true
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(CodecError) {
        guard self.skip(character) else { throw self.fault("'\(character)' was expected") }
    }

    private func fault(_ what: String) -> CodecError {
        CodecError(code: .invalidRow, message: "a delegation chain, at byte \(self.index): \(what)")
    }
}
