/// A SPIFFE ID: `spiffe://TRUST-DOMAIN/PATH` (the SPIFFE-ID standard, section 2). Compared byte by byte.
package struct SpiffeID: Sendable, Hashable {
    /// What every one begins with.
    package static let scheme = "spiffe://"

    package let text: String

    /// - Throws: ``RegistryError`` when the text is none.
    package init(_ text: String) throws(RegistryError) {
        guard text.hasPrefix(Self.scheme), text.utf8.count <= CredentialIdentity.maxNameBytes else {
            throw Self.malformed(
                text, "it must begin with '\(Self.scheme)' and have \(CredentialIdentity.maxNameBytes) bytes at most")
        }
        let parts = text.dropFirst(Self.scheme.count).split(separator: "/", omittingEmptySubsequences: false)
        guard let domain = parts.first, (1...255).contains(domain.utf8.count), domain.utf8.allSatisfy(Self.isOfDomain)
        else {
            throw Self.malformed(text, "its trust domain must have 1 to 255 of a-z 0-9 . _ -")
        }
        for segment in parts.dropFirst() {
            guard !segment.isEmpty, segment != ".", segment != "..",
                segment.utf8.allSatisfy({ Self.isOfDomain($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) })
            else {
                throw Self.malformed(
                    text, "the parts of its path must be of a-z A-Z 0-9 . _ -, and neither empty nor '.' nor '..'")
            }
        }
        self.text = text
    }

    private static func isOfDomain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func malformed(_ text: String, _ demand: String) -> RegistryError {
        RegistryError(code: .malformedIdentity, message: "'\(text.prefix(128))' is no SPIFFE ID: \(demand)")
    }
}
