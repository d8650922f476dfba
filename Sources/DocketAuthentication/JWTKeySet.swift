package import Foundation
import JWTKit

/// The public keys of an issuer of JWTs: a JWK Set (RFC 7517 section 5).
package struct JWTKeySet: Sendable {
    /// The algorithms that are taken: those with a public key. With `none` anybody could sign, and with an HMAC (RFC 7518
    /// section 3.2) whoever can verify.
    package static let algorithms = [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    ]

    /// The largest set, in bytes.
    package static let maxBytes = 1 << 20

    /// What verifies, by `kid` and `alg`. A key without a `kid` has an empty one.
    private let verifiers: [String: [String: any JWTAlgorithm]]
    /// Why keys of the set are left out, one line each.
    package let faults: [String]

    /// Reads a set. Keys of other kinds and for other uses are left out, as RFC 7517 section 5 has it.
    ///
    /// - Throws: ``AuthenticationError`` when it is no JWK Set, or has no key that can be used.
    package init(json: Data) async throws(AuthenticationError) {
        guard json.count <= Self.maxBytes else {
            throw AuthenticationError(
                .keysUnusable, "the key set has \(json.count) bytes; at most \(Self.maxBytes) are taken")
        }
        let entries: [KeyEntry]
        do {
            entries = try JSONDecoder().decode(KeyList.self, from: json).keys
        } catch {
            throw AuthenticationError(
                .keysUnusable, "it is not a JWK Set (RFC 7517 section 5): a JSON object with an array 'keys' of objects"
            )
        }
        var verifiers: [String: [String: any JWTAlgorithm]] = [:]
        var faults: [String] = []
        for (index, entry) in entries.enumerated() where entry.isForSigning {
            let name = "key \(index) ('\((entry.kid ?? "").prefix(64))')"
            let made = await entry.verifiers()
            if made.isEmpty { faults.append("\(name) is none that can verify a signature by a public key") }
            for (algorithm, verifier) in made {
                let former = verifiers[entry.kid ?? "", default: [:]].updateValue(verifier, forKey: algorithm)
                if former != nil { faults.append("\(name) replaces another of the same name for \(algorithm)") }
            }
        }
        guard !verifiers.isEmpty else {
            let lack = "the key set has no key for \(Self.algorithms.joined(separator: ", "))"
            throw AuthenticationError(.keysUnusable, ([lack] + faults).joined(separator: "; "))
        }
        self.verifiers = verifiers
        self.faults = faults
    }

    /// How many keys it has, by their names.
    package var count: Int { self.verifiers.count }

    /// What verifies a signature.
    ///
    /// - Parameters:
    ///   - kid: the key that the JWT names; `nil` when it names none, which is enough where there is one key only.
    /// - Throws: ``AuthenticationError`` when there is no such key, or it is for other algorithms.
    func verifier(kid: String?, algorithm: String) throws(AuthenticationError) -> any JWTAlgorithm {
        let found =
            if let kid { self.verifiers[kid] } else { self.verifiers.count == 1 ? self.verifiers.values.first : nil }
        guard let found else {
            throw AuthenticationError(
                .tokenUntrusted,
                kid.map { "the JWT is signed with the key '\($0.prefix(64))', which is not in the collector's key set" }
                    ?? "the JWT names no key (kid), and the collector's key set has \(self.verifiers.count)")
        }
        guard let verifier = found[algorithm] else {
            throw AuthenticationError(
                .tokenUntrusted, "the key that the JWT names is not for \(algorithm), by which it says it is signed")
        }
        return verifier
    }
}

private struct KeyList: Decodable {
    let keys: [KeyEntry]
}

/// A key of a set, be it of a kind that is known or not.
private struct KeyEntry: Decodable {
    let kid: String?
    private let use: String?
    private let operations: [String]?
    private let key: JWK?

    private enum CodingKeys: String, CodingKey {
        case kid, use
        case operations = "key_ops"
    }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.kid = try values.decodeIfPresent(String.self, forKey: .kid)
        self.use = try values.decodeIfPresent(String.self, forKey: .use)
        self.operations = try values.decodeIfPresent([String].self, forKey: .operations)
        self.key = try? JWK(from: decoder)
    }

    /// Whether it is meant for signatures (RFC 7517 sections 4.2 and 4.3).
    var isForSigning: Bool { self.use ?? "sig" == "sig" && self.operations?.contains("verify") ?? true }

    /// What verifies with it, by algorithm: the one that the key is for, or all that fit its kind.
    func verifiers() async -> [String: any JWTAlgorithm] {
        guard var key = self.key else { return [:] }
        // A private key has no business in a set that is given out; its public part is all that is wanted.
        (key.privateExponent, key.prime1, key.prime2) = (nil, nil, nil)
        // The collection takes no key without a name.
        key.keyIdentifier = "key"
        var verifiers: [String: any JWTAlgorithm] = [:]
        for name in JWTKeySet.algorithms {
            guard let algorithm = JWK.Algorithm(rawValue: name), self.key?.algorithm ?? algorithm == algorithm else {
                continue
            }
            key.algorithm = algorithm
            // It makes what verifies of a key; a key that doesn't fit the algorithm is an error.
            guard let collection = try? await JWTKeyCollection().add(jwk: key),
                let verifier = try? await collection.getKey(for: "key", alg: name)
            else { continue }
            verifiers[name] = verifier
        }
        return verifiers
    }
}
