/// Writes JSON text (RFC 8259) straight into bytes, without a tree.
///
/// The caller keeps to the grammar (a key before each value of an object, as many ends as beginnings); commas come by
/// themselves. What is written is one line: line breaks inside embedded JSON text become spaces.
package struct JSONWriter: Sendable {
    /// What has been written so far: UTF-8.
    package private(set) var bytes: [UInt8] = []
    /// Whether a comma is due before the next value or key.
    private var commaIsDue = false

    package init() {}

    /// What has been written so far.
    package var text: String { String(decoding: self.bytes, as: UTF8.self) }

    /// Makes room for so many bytes, so that writing them doesn't allocate again and again.
    package mutating func reserveCapacity(_ bytes: Int) { self.bytes.reserveCapacity(bytes) }

    /// Forgets what was written and keeps the memory.
    package mutating func removeAll() {
        self.bytes.removeAll(keepingCapacity: true)
        self.commaIsDue = false
    }

    /// Ends a line of JSON lines; the next value starts a text of its own.
    package mutating func endLine() {
        self.bytes.append(UInt8(ascii: "\n"))
        self.commaIsDue = false
    }

    package mutating func beginObject() { self.begin(UInt8(ascii: "{")) }
    package mutating func endObject() { self.end(UInt8(ascii: "}")) }
    package mutating func beginArray() { self.begin(UInt8(ascii: "[")) }
    package mutating func endArray() { self.end(UInt8(ascii: "]")) }

    /// The name of the member whose value comes next.
    package mutating func key(_ name: some StringProtocol) { self.key(String(name)) }

    package mutating func key(_ name: String) {
        self.string(name)
        self.bytes.append(UInt8(ascii: ":"))
        self.commaIsDue = false
    }

    /// A string. Quotation mark, reverse solidus and U+0000 to U+001F are escaped (RFC 8259 section 7), nothing else
    /// is.
    package mutating func string(_ text: some StringProtocol) { self.string(String(text)) }

    // Not generic: from other modules a generic function goes through the characters as through any collection's elements.
    package mutating func string(_ text: String) {
        self.comma()
        self.bytes.append(UInt8(ascii: "\""))
        if text.utf8.contains(where: { $0 < 0x20 || $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }) {
            self.escaped(text)
        } else {
            self.bytes.append(contentsOf: text.utf8)
        }
        self.bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escaped(_ text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                self.bytes.append(UInt8(ascii: "\\"))
                self.bytes.append(byte)
            case 0..<0x20:
                self.escape(control: byte)
            default:
                self.bytes.append(byte)
            }
        }
    }

    /// A number, by digits that JSON takes.
    package mutating func number(_ digits: String) { self.token(digits) }

    /// An integer.
    package mutating func integer(_ value: some BinaryInteger) { self.token(String(value)) }

    /// A number in the shortest digits that read back as the same value; `null` for what JSON has no number for.
    package mutating func double(_ value: Double) { self.token(value.isFinite ? value.description : "null") }

    package mutating func bool(_ value: Bool) { self.token(value ? "true" : "false") }

    package mutating func null() { self.token("null") }

    /// JSON text that has been checked already, embedded as it stands. Its line breaks, which a checked text has only
    /// between its tokens, become spaces.
    package mutating func raw(_ text: some StringProtocol) {
        self.comma()
        for byte in text.utf8 {
            let isLineBreak = byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
            self.bytes.append(isLineBreak ? UInt8(ascii: " ") : byte)
        }
    }

    private mutating func begin(_ bracket: UInt8) {
        self.comma()
        self.bytes.append(bracket)
        self.commaIsDue = false
    }

    private mutating func end(_ bracket: UInt8) {
        self.bytes.append(bracket)
        self.commaIsDue = true
    }

    private mutating func token(_ text: String) {
        self.comma()
        self.bytes.append(contentsOf: text.utf8)
    }

    /// Writes the comma that is due; one is due again after the value that follows.
    private mutating func comma() {
        if self.commaIsDue { self.bytes.append(UInt8(ascii: ",")) }
        self.commaIsDue = true
    }

    private mutating func escape(control byte: UInt8) {
        self.bytes.append(UInt8(ascii: "\\"))
        switch byte {
        case 0x08: self.bytes.append(UInt8(ascii: "b"))
        case 0x09: self.bytes.append(UInt8(ascii: "t"))
        case 0x0A: self.bytes.append(UInt8(ascii: "n"))
        case 0x0C: self.bytes.append(UInt8(ascii: "f"))
        case 0x0D: self.bytes.append(UInt8(ascii: "r"))
        default:
            self.bytes.append(contentsOf: "u00".utf8)
            self.bytes.append(contentsOf: hexadecimal([byte]).utf8)
        }
    }
}
