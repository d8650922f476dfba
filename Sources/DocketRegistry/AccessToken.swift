internal import Crypto

/// A bearer token: `dkt_`, 64 hexadecimal digits (256 random bits), and 8 digits of checksum.
///
/// The prefix and the checksum let scanners recognise a leaked token without asking anybody. Only the token's SHA-256
/// hash is stored and compared; a token of 256 random bits needs no slow hash, and its hash no constant-time search.
package struct AccessToken: Sendable, Equatable, CustomStringConvertible {
    /// What every token begins with.
    package static let prefix = "dkt_"

    /// The token itself. A secret: shown once, never logged.
    package let secret: String

    /// SHA-256 of the token: 32 bytes. Kept, since each batch is authenticated by it.
    package let hash: [UInt8]

    /// What a credential for it is known by.
    package var identity: CredentialIdentity { .token(hash: self.hash) }

    /// A new token.
    package init(using generator: inout some RandomNumberGenerator) {
        let random = (0..<4).map { _ in Self.hexadecimal(generator.next()) }.joined()
        self.secret = Self.prefix + random + Self.checksum(of: random)
        self.hash = Self.hash(of: self.secret)
    }

    /// A token as a client shows it.
    ///
    /// - Throws: ``RegistryError`` when it isn't of the documented form. The message doesn't repeat it.
    package init(_ secret: String) throws(RegistryError) {
        let digits = secret.utf8.dropFirst(Self.prefix.utf8.count)
        let isHexadecimal = digits.allSatisfy { digit in
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit)
                || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(digit)
        }
        guard secret.hasPrefix(Self.prefix), digits.count == 72, isHexadecimal else {
            throw RegistryError(
                code: .malformedToken,
                message: "not a Docket token: expected '\(Self.prefix)' and 72 hexadecimal digits")
        }
        let random = String(decoding: digits.prefix(64), as: UTF8.self)
        guard digits.suffix(8).elementsEqual(Self.checksum(of: random).utf8) else {
            throw RegistryError(
                code: .malformedToken, message: "the token's checksum is wrong; it was cut or mistyped")
        }
        self.secret = secret
        self.hash = Self.hash(of: secret)
    }

    /// The prefix alone, so that a token which ends up in a log line gives nothing away.
    package var description: String { Self.prefix + "…" }

    private static func hash(of secret: String) -> [UInt8] { Array(SHA256.hash(data: Array(secret.utf8))) }

    /// The first four bytes of SHA-256 over the random digits.
    private static func checksum(of random: String) -> String {
        let digest = Array(SHA256.hash(data: Array(random.utf8)).prefix(4))
        return digest.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    private static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
