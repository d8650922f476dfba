/// Literals in the text of a statement. A commit group goes to the server as one simple query, which takes no
/// parameters; everything in it is a number or a hexadecimal literal.
struct SQLText {
    private(set) var bytes: [UInt8] = []

    init(_ text: String = "", capacity: Int = 0) {
        self.bytes.reserveCapacity(capacity)
        self.append(text)
    }

    var text: String { String(decoding: self.bytes, as: UTF8.self) }

    mutating func append(_ text: String) { self.bytes.append(contentsOf: text.utf8) }

    mutating func append(_ number: some BinaryInteger) { self.append(String(number)) }

    /// A `uuid` literal of 16 bytes.
    mutating func append(uuid value: [UInt8]) {
        self.append("'")
        self.append(digits: value)
        self.append("'")
    }

    /// Elements with commas in between.
    mutating func append<Element>(
        list elements: some Sequence<Element>, _ body: (inout SQLText, Element) -> Void
    ) {
        var isFirst = true
        for element in elements {
            if !isFirst { self.append(",") }
            isFirst = false
            body(&self, element)
        }
    }

    private static let digits = Array("0123456789abcdef".utf8)

    /// Hexadecimal digits without quotes.
    mutating func append(digits value: some Sequence<UInt8>) {
        for byte in value {
            self.bytes.append(Self.digits[Int(byte >> 4)])
            self.bytes.append(Self.digits[Int(byte & 15)])
        }
    }
}
