/// A place in a JSON document (RFC 6901), such as `/request/verb`.
public struct JSONPointer: Sendable, Hashable, CustomStringConvertible {
    /// The names and indexes that lead there, from the outside in; never empty.
    public let tokens: [String]

    /// The most bytes that a pointer has.
    public static let maxBytes = 1024

    /// - Parameter tokens: From the outside in; at least one.
    package init(tokens: [String]) {
        precondition(!tokens.isEmpty)
        self.tokens = tokens
    }

    /// Reads a pointer; `nil` when it doesn't begin with `/`, has a `~` without 0 or 1 behind it, or is too long. That of the whole
    /// document, which is empty, is none either.
    public init?(_ text: String) {
        guard text.utf8.count <= Self.maxBytes, text.utf8.first == UInt8(ascii: "/") else { return nil }
        var tokens: [String] = []
        for escaped in text.utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard let token = Self.unescape(escaped) else { return nil }
            tokens.append(token)
        }
        self.tokens = tokens
    }

    public var description: String {
        self.tokens.map { token in
            "/" + token.replacing("~", with: "~0").replacing("/", with: "~1")
        }.joined()
    }

    private static func unescape(_ escaped: Substring.UTF8View) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(escaped.count)
        var rest = escaped.makeIterator()
        while let byte = rest.next() {
            guard byte == UInt8(ascii: "~") else {
                bytes.append(byte)
                continue
            }
            switch rest.next() {
            case UInt8(ascii: "0"): bytes.append(UInt8(ascii: "~"))
            case UInt8(ascii: "1"): bytes.append(UInt8(ascii: "/"))
            default: return nil
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
