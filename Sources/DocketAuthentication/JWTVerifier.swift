import Crypto
package import DocketModel
package import DocketRegistry
import Foundation
import JWTKit
import Synchronization

/// A JWT that has been verified: whom it is for, and until when.
package struct VerifiedJWT: Sendable, Equatable {
    /// What a credential for it is known by.
    package let identity: CredentialIdentity
    /// From when on it is no longer taken: its `exp`, and what clocks may be apart.
    package let expiresAt: Timestamp
    /// Which keys it was verified with.
    let generation: UInt64
}

/// A JWT as a caller has shown it, and what it has turned out to be. A secret: never logged.
package struct BearerJWT: Sendable, CustomStringConvertible {
    fileprivate let token: [UInt8]
    fileprivate let verified: VerifiedJWT

    package var description: String { "JWT of \(self.verified.identity.name ?? "")" }
}

/// Verifies JWTs (RFC 7519) by the keys of one issuer, for one audience.
///
/// What has been verified is kept by the SHA-256 of the token until other keys come, so that a signature is checked once and not
/// for each call. A check takes 50 to 200 µs, so it is done on the event loop.
package final class JWTVerifier: Sendable {
    /// What a JWT must say.
    package struct Policy: Sendable {
        /// The claim `iss`.
        package var issuer: String
        /// What the claim `aud` must have among others.
        package var audience: String
        /// How far apart clocks may be, in seconds.
        package var leewaySeconds: Int

        package init(issuer: String, audience: String, leewaySeconds: Int) {
            self.issuer = issuer
            self.audience = audience
            self.leewaySeconds = leewaySeconds
        }
    }

    private struct State {
        var keys: JWTKeySet
        var generation: UInt64 = 0
        var known = RecentValues<SHA256Digest, VerifiedJWT>(maxCount: JWTVerifier.maxKnown)
    }

    /// How many JWTs that have been verified are kept.
    package static let maxKnown = 10_000

    private let policy: Policy
    private let state: Mutex<State>
    /// That of the state, read without its lock.
    private let generation = Atomic<UInt64>(0)

    package init(policy: Policy, keys: JWTKeySet) {
        self.policy = policy
        self.state = Mutex(State(keys: keys))
    }

    /// Goes by other keys from here on: what was verified by the former ones is verified anew, also on streams that are open.
    package func replaceKeys(_ keys: JWTKeySet) {
        self.state.withLock { state in
            state = State(keys: keys, generation: state.generation + 1)
            self.generation.store(state.generation, ordering: .releasing)
        }
    }

    /// How many JWTs are kept.
    var knownCount: Int { self.state.withLock { $0.known.count } }

    /// Verifies what a caller shows.
    ///
    /// - Throws: ``AuthenticationError`` that says what is wrong with it, and doesn't repeat it.
    package func bearer(_ token: ArraySlice<UInt8>, at now: Timestamp) throws(AuthenticationError) -> BearerJWT {
        let bytes = Array(token)
        return BearerJWT(token: bytes, verified: try self.verify(bytes, at: now))
    }

    /// Whom a JWT is for that was verified before: as long as its time isn't over and its key is still there.
    package func identity(of jwt: BearerJWT, at now: Timestamp) throws(AuthenticationError) -> CredentialIdentity {
        if jwt.verified.generation == self.generation.load(ordering: .acquiring) {
            try Self.checkExpiry(jwt.verified, at: now)
            return jwt.verified.identity
        }
        return try self.verify(jwt.token, at: now).identity
    }

    private func verify(_ token: [UInt8], at now: Timestamp) throws(AuthenticationError) -> VerifiedJWT {
        let digest = SHA256.hash(data: token)
        let (known, keys, generation) = self.state.withLock { ($0.known.value(for: digest), $0.keys, $0.generation) }
        if let known {
            try Self.checkExpiry(known, at: now)
            return known
        }
        let claims = try Self.claims(token, by: keys)
        let verified = try self.judge(claims, generation: generation, at: now)
        self.state.withLock { state in
            if state.generation == generation { state.known.insert(verified, for: digest) }
        }
        return verified
    }

    private static func checkExpiry(_ jwt: VerifiedJWT, at now: Timestamp) throws(AuthenticationError) {
        guard now < jwt.expiresAt else {
            throw AuthenticationError(
                .tokenExpired, "the JWT was good until \(jwt.expiresAt.rfc3339); send one that is newer")
        }
    }

    /// The claims of a JWT whose signature is right (RFC 7515 section 5.2).
    private static func claims(_ token: [UInt8], by keys: JWTKeySet) throws(AuthenticationError) -> Claims {
        let parser = DefaultJWTParser(jsonDecoder: HeaderDecoder())
        guard let (header, claims, signature) = try? parser.parse(token, as: Claims.self),
            let end = token.lastIndex(of: UInt8(ascii: "."))
        else {
            throw AuthenticationError(
                .tokenMalformed,
                "not a token: neither one of Docket's nor a JWT in the compact form (RFC 7515 section 3.1)")
        }
        // RFC 7515 section 4.1.11: what it names must be understood, and nothing is.
        guard header.fields["crit"] == nil else {
            throw AuthenticationError(.tokenMalformed, "the JWT has critical header fields; none are supported")
        }
        guard let algorithm = header.alg, JWTKeySet.algorithms.contains(algorithm) else {
            throw AuthenticationError(
                .tokenUntrusted,
                "the JWT is signed by '\((header.alg ?? "").prefix(32))'; it must be by one of "
                    + JWTKeySet.algorithms.joined(separator: ", "))
        }
        let verifier = try keys.verifier(kid: header.kid, algorithm: algorithm)
        // A signature of the wrong form is an error, and as wrong as another.
        guard (try? verifier.verify(signature, signs: token[..<end])) == true else {
            throw AuthenticationError(.tokenUntrusted, "the JWT's signature is wrong")
        }
        return claims
    }

    private func judge(
        _ claims: Claims, generation: UInt64, at now: Timestamp
    ) throws(AuthenticationError) -> VerifiedJWT {
        guard claims.iss.map({ ExactText($0) }) == ExactText(self.policy.issuer) else {
            throw AuthenticationError(
                .tokenUntrusted,
                "the JWT's issuer (iss) is '\((claims.iss ?? "").prefix(128))'; it must be '\(self.policy.issuer)'")
        }
        guard let audience = claims.aud?.values,
            audience.contains(where: { ExactText($0) == ExactText(self.policy.audience) })
        else {
            throw AuthenticationError(
                .tokenUntrusted, "the JWT is for another audience (aud); it must be for '\(self.policy.audience)'")
        }
        guard let exp = claims.exp else {
            throw AuthenticationError(.tokenUntrusted, "the JWT never expires; it must have the claim exp")
        }
        let leeway = Double(self.policy.leewaySeconds)
        for (name, seconds) in [("nbf", claims.nbf), ("iat", claims.iat)] {
            guard let seconds, now < Timestamp(seconds: seconds - leeway) else { continue }
            throw AuthenticationError(
                .tokenUntrusted, "the JWT is good from \(Timestamp(seconds: seconds)) on (\(name)); check the clocks")
        }
        let identity: CredentialIdentity
        do throws(RegistryError) {
            identity = try .jwt(checkedIssuer: self.policy.issuer, subject: claims.sub ?? "")
        } catch {
            throw AuthenticationError(.tokenUntrusted, error.message)
        }
        let verified = VerifiedJWT(
            identity: identity, expiresAt: Timestamp(seconds: exp + leeway), generation: generation)
        try Self.checkExpiry(verified, at: now)
        return verified
    }
}

/// What is read of a JWT's header (RFC 7515 section 4.1).
private struct Header: Decodable {
    let alg: String?
    let kid: String?
    let hasCritical: Bool

    private enum CodingKeys: CodingKey {
        case alg, kid, crit
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.alg = try values.decodeIfPresent(String.self, forKey: .alg)
        self.kid = try values.decodeIfPresent(String.self, forKey: .kid)
        self.hasCritical = values.contains(.crit)
    }

    var fields: [String: JWTHeaderField] {
        var fields: [String: JWTHeaderField] = [:]
        fields["alg"] = self.alg.map { .string($0) }
        fields["kid"] = self.kid.map { .string($0) }
        if self.hasCritical { fields["crit"] = .null }
        return fields
    }
}

/// Decodes of a header only what is read of it: `JWTHeader` turns numbers of any field into an `Int`, and traps on those beyond.
private struct HeaderDecoder: JWTJSONDecoder {
    private let decoder = JSONDecoder()

    func decode<T: Decodable>(_ type: T.Type, from data: Data) throws -> T {
        guard type == JWTHeader.self else { return try self.decoder.decode(type, from: data) }
        let header = JWTHeader(fields: try self.decoder.decode(Header.self, from: data).fields)
        guard let header = header as? T else { throw AuthenticationError(.tokenMalformed, "not the header of a JWT") }
        return header
    }
}

/// What is read of a JWT (RFC 7519 section 4.1). Times are in seconds since 1970, possibly with a fraction.
private struct Claims: JWTPayload {
    let iss: String?
    let sub: String?
    let aud: Audience?
    let exp: Double?
    let nbf: Double?
    let iat: Double?

    /// They are judged apart from the signature.
    func verify(using algorithm: some JWTAlgorithm) {}
}

/// One audience or several.
private struct Audience: Codable {
    let values: [String]

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let one = try? container.decode(String.self) {
            self.values = [one]
        } else {
            self.values = try container.decode([String].self)
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.values)
    }
}

extension Timestamp {
    /// A time in seconds since 1970, which may be any number; held within the years that Docket knows.
    fileprivate init(seconds: Double) {
        let microseconds = seconds * 1_000_000
        // As a number with a fraction the last moment is rounded, and may be later.
        self =
            if microseconds >= Double(Timestamp.latest.microsecondsSinceEpoch) {
                .latest
            } else if microseconds <= Double(Timestamp.earliest.microsecondsSinceEpoch) {
                .earliest
            } else {
                Timestamp(microsecondsSinceEpoch: Int64(microseconds))
            }
    }
}
