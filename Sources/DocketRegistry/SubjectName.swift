/// The subject of a certificate as text, by RFC 4514: `CN=checkout,O=Acme Ltd,C=GB`, the most specific part first.
///
/// Written in one form, so that equal names are equal strings: types by their short names in capitals, or by their
/// numbers; no spaces around separators; what must be escaped by a backslash, and nothing else; the parts of a part with
/// several (`+`) in the order of their text. Values are compared byte by byte, unlike in directories.
package struct SubjectName: Sendable, Hashable {
    package let text: String

    /// What a name is made of.
    package struct Attribute {
        fileprivate let type: String
        fileprivate let value: [UInt8]

        /// - Parameters:
        ///   - type: its short name of RFC 4514, or its number, such as `2.5.4.5`.
        ///   - value: as it is, nothing escaped.
        package init(type: String, value: String) {
            self.init(type: type, value: Array(value.utf8))
        }

        fileprivate init(type: String, value: [UInt8]) {
            self.type = type
            self.value = value
        }
    }

    /// - Throws: ``RegistryError`` when the text is empty, too long, or not as RFC 4514 section 3 has it. Values in
    ///   hexadecimal (`#04…`), which only types without text need, are not taken.
    package init(_ text: String) throws(RegistryError) {
        guard (1...CredentialIdentity.maxNameBytes).contains(text.utf8.count) else { throw Self.malformedLength(text) }
        var reader = SubjectReader(text)
        var parts: [[Attribute]] = []
        repeat {
            var attributes: [Attribute] = []
            repeat { attributes.append(try reader.attribute()) } while reader.take(UInt8(ascii: "+"))
            parts.append(attributes)
        } while reader.take(UInt8(ascii: ","))
        try self.init(parts, given: text)
    }

    /// The name that a certificate has.
    ///
    /// - Parameter parts: the most specific part first; each has at least one attribute.
    /// - Throws: ``RegistryError`` when the name is empty or too long, or when its text could not be typed: a value is empty, or has
    ///   control characters.
    package init(parts: [[Attribute]]) throws(RegistryError) {
        let given = parts.map { part in
            part.map { "\($0.type)=\(String(decoding: $0.value, as: UTF8.self))" }.joined(separator: "+")
        }
        try self.init(parts, given: given.joined(separator: ","))
    }

    /// - Parameter given: what an error shows.
    private init(_ parts: [[Attribute]], given: String) throws(RegistryError) {
        var written: [String] = []
        for part in parts {
            var attributes: [String] = []
            for attribute in part { attributes.append(try attribute.text(in: given)) }
            guard !attributes.isEmpty else { throw Self.malformed(given, "each of its parts must be TYPE=value") }
            written.append(attributes.sorted().joined(separator: "+"))
        }
        self.text = written.joined(separator: ",")
        // Longer than what was typed, where a type has no name but its number.
        guard (1...CredentialIdentity.maxNameBytes).contains(self.text.utf8.count) else {
            throw Self.malformedLength(given)
        }
    }

    static func malformed(_ text: String, _ demand: String) -> RegistryError {
        RegistryError(
            code: .malformedIdentity,
            message: "'\(text.prefix(128))' is no subject of a certificate: \(demand); "
                + "'openssl x509 -noout -subject -nameopt RFC2253' prints one")
    }

    private static func malformedLength(_ text: String) -> RegistryError {
        self.malformed(
            text, "it must have 1 to \(CredentialIdentity.maxNameBytes) bytes in the form in which it is kept")
    }
}

extension SubjectName.Attribute {
    /// The types with short names of their own (RFC 4514 section 3), and what else they are called.
    private static let shortNames: [String: String] = [
        "CN": "CN", "C": "C", "L": "L", "ST": "ST", "S": "ST", "O": "O", "OU": "OU", "STREET": "STREET", "DC": "DC",
        "E": "E", "EMAILADDRESS": "E", "UID": "0.9.2342.19200300.100.1.1", "SERIALNUMBER": "2.5.4.5", "SN": "2.5.4.4",
        "GN": "2.5.4.42", "TITLE": "2.5.4.12", "DNQUALIFIER": "2.5.4.46",
    ]

    private static let numbers = [
        "2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O",
        "2.5.4.11": "OU", "0.9.2342.19200300.100.1.25": "DC", "1.2.840.113549.1.9.1": "E",
    ]

    /// `TYPE=value`, in the form of ``SubjectName``.
    fileprivate func text(in given: String) throws(RegistryError) -> String {
        let type = try self.knownType(in: given)
        guard !self.value.isEmpty, !self.value.contains(where: isControl),
            String(validating: self.value, as: UTF8.self) != nil
        else {
            throw SubjectName.malformed(
                given, "its values must be UTF-8, neither empty nor with control characters")
        }
        return "\(type)=\(self.escapedValue)"
    }

    private func knownType(in given: String) throws(RegistryError) -> String {
        if let name = Self.shortNames[self.type] { return name }
        let arcs = self.type.split(separator: ".", omittingEmptySubsequences: false)
        guard arcs.count >= 2, arcs.allSatisfy({ UInt64($0).map(String.init) == String($0) }) else {
            throw SubjectName.malformed(
                given, "'\(self.type.prefix(32))' is no known type of a part; give its number, such as 2.5.4.5")
        }
        // The numbers of some types stand in certificates under their names.
        return Self.numbers[self.type] ?? self.type
    }

    private var escapedValue: String {
        var text: [UInt8] = []
        for (index, byte) in self.value.enumerated() {
            let isOuterSpace = byte == SubjectReader.space && (index == 0 || index == self.value.count - 1)
            if SubjectReader.special.contains(byte) || isOuterSpace || (index == 0 && byte == SubjectReader.hash) {
                text.append(SubjectReader.backslash)
            }
            text.append(byte)
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// Reads the attributes of a name, one after the other.
private struct SubjectReader {
    private let text: String
    private let bytes: [UInt8]
    private var next = 0

    /// What must be escaped wherever it stands (RFC 4514 section 2.4).
    static let special = Set(#"",+;<>\"#.utf8)
    static let (space, hash, backslash) = (UInt8(ascii: " "), UInt8(ascii: "#"), UInt8(ascii: "\\"))

    init(_ text: String) {
        self.text = text
        self.bytes = Array(text.utf8)
    }

    /// Goes past a separator, if it is what comes next.
    mutating func take(_ byte: UInt8) -> Bool {
        guard self.next < self.bytes.count, self.bytes[self.next] == byte else { return false }
        self.next += 1
        return true
    }

    /// `TYPE=value`, up to a separator or the end.
    mutating func attribute() throws(RegistryError) -> SubjectName.Attribute {
        guard let equals = self.bytes[self.next...].firstIndex(of: UInt8(ascii: "=")) else {
            throw SubjectName.malformed(self.text, "each of its parts must be TYPE=value")
        }
        let given = String(decoding: self.bytes[self.next..<equals], as: UTF8.self)
            .split(separator: " ").joined(separator: " ").uppercased()
        let type = given.hasPrefix("OID.") ? String(given.dropFirst(4)) : given
        self.next = equals + 1
        return SubjectName.Attribute(type: type, value: try self.value())
    }

    private mutating func value() throws(RegistryError) -> [UInt8] {
        while self.take(Self.space) {}
        guard self.next == self.bytes.count || self.bytes[self.next] != Self.hash else {
            throw SubjectName.malformed(self.text, "a value in hexadecimal can't be compared as text")
        }
        var value: [UInt8] = []
        // Spaces at the end that aren't escaped don't belong to it.
        var end = 0
        while self.next < self.bytes.count {
            let byte = self.bytes[self.next]
            if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "+") { break }
            self.next += 1
            if byte == Self.backslash {
                value.append(try self.escaped())
                end = value.count
            } else if Self.special.contains(byte) {
                throw SubjectName.malformed(
                    self.text, "a value has '\(Character(UnicodeScalar(byte)))' without a backslash")
            } else {
                value.append(byte)
                if byte != Self.space { end = value.count }
            }
        }
        value.removeSubrange(end...)
        return value
    }

    /// What a backslash stands before: a byte in two hexadecimal digits, or a character.
    private mutating func escaped() throws(RegistryError) -> UInt8 {
        if self.next + 1 < self.bytes.count, let high = Self.digit(self.bytes[self.next]),
            let low = Self.digit(self.bytes[self.next + 1])
        {
            self.next += 2
            return high << 4 | low
        }
        guard self.next < self.bytes.count else {
            throw SubjectName.malformed(self.text, "a backslash at its end escapes nothing")
        }
        self.next += 1
        return self.bytes[self.next - 1]
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
