internal import DocketModel

/// What a credential is known by: what a caller proves, in the one form in which it is compared: byte by byte, as the database does.
/// Under the canonical equivalence of Swift's strings a caller could pass for another whose name is merely composed otherwise.
package enum CredentialIdentity: Sendable, Hashable {
    /// SHA-256 of an ``AccessToken``: 32 bytes. The token itself is never kept.
    case token(hash: [UInt8])
    /// The SPIFFE ID of a client certificate, as ``SpiffeID`` checks it.
    case spiffe(String)
    /// The subject of a client certificate without a SPIFFE ID, as ``SubjectName`` writes it.
    case subject(String)
    /// The claims `iss` and `sub` of a JWT (RFC 7519 sections 4.1.1 and 4.1.2).
    case jwt(issuer: String, subject: String)

    /// The longest name in any of them, and the longest issuer, in bytes.
    package static let maxNameBytes = 2048
    package static let maxIssuerBytes = 512

    /// The sort of it.
    package var kind: CredentialKind {
        switch self {
        case .token: .token
        case .spiffe: .spiffe
        case .subject: .subject
        case .jwt: .jwt
        }
    }

    /// The name in it; `nil` for a token, which has none.
    package var name: String? {
        switch self {
        case .token: nil
        case .spiffe(let name), .subject(let name), .jwt(_, let name): name
        }
    }

    /// Who has given the name, where that isn't the authority of the certificates; `nil` otherwise.
    package var issuer: String? {
        if case .jwt(let issuer, _) = self { issuer } else { nil }
    }

    package static func == (left: CredentialIdentity, right: CredentialIdentity) -> Bool {
        switch (left, right) {
        case (.token(let left), .token(let right)): left == right
        case (.spiffe(let left), .spiffe(let right)), (.subject(let left), .subject(let right)):
            ExactText(left) == ExactText(right)
        case (.jwt(let issuer, let subject), .jwt(let otherIssuer, let otherSubject)):
            ExactText(subject) == ExactText(otherSubject) && ExactText(issuer) == ExactText(otherIssuer)
        default: false
        }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.kind)
        if case .token(let hash) = self { hasher.combine(hash) }
        if let name = self.name { hasher.combine(ExactText(name)) }
    }

    /// That of a JWT's claims.
    ///
    /// - Throws: ``RegistryError`` when one of them is empty, too long, or has control characters.
    package static func jwt(checkedIssuer issuer: String, subject: String) throws(RegistryError) -> CredentialIdentity {
        for (claim, value, most) in [("iss", issuer, self.maxIssuerBytes), ("sub", subject, self.maxNameBytes)] {
            guard (1...most).contains(value.utf8.count), !value.utf8.contains(where: isControl) else {
                throw RegistryError(
                    code: .malformedIdentity,
                    message: "'\(value.prefix(64))' can't be the claim \(claim) of a JWT: it must have 1 to "
                        + "\(most) bytes, none of them a control character")
            }
        }
        return .jwt(issuer: issuer, subject: subject)
    }
}

/// The sorts of credentials.
package enum CredentialKind: String, Sendable, CaseIterable {
    case token, spiffe, subject, jwt
}

/// Whether a byte is a control character of ASCII.
func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }
