import Crypto
import DocketAuthentication
import DocketTestSupport
import Foundation
import Synchronization

/// An issuer of JWTs whose key is known: what it signs is taken, as far as its claims go.
enum FuzzIssuer {
    private static let issuer = "https://issuer.example"
    private static let made = Mutex<JWTVerifier?>(nil)
    private static let key: Curve25519.Signing.PrivateKey? =
        try? .init(rawRepresentation: [UInt8](repeating: 7, count: 32))
    private static let header = base64URL(#"{"alg":"EdDSA","kid":"fuzz"}"#.utf8)

    /// What goes by its key; `nil` before ``prepare()``.
    static var verifier: JWTVerifier? { self.made.withLock { $0 } }

    /// Makes the verifier. Keys are read asynchronously, and targets run synchronously.
    static func prepare() async {
        guard self.verifier == nil, let key = self.key else { return }
        let x = base64URL(Array(key.publicKey.rawRepresentation))
        let set = #"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"fuzz","x":"\#(x)"}]}"#
        guard let keys = try? await JWTKeySet(json: Data(set.utf8)) else { return }
        let policy = JWTVerifier.Policy(issuer: self.issuer, audience: "docket", leewaySeconds: 10)
        self.made.withLock { $0 = JWTVerifier(policy: policy, keys: keys) }
    }

    /// A JWT with any claims, signed; `nil` when that fails.
    static func sign(claims: [UInt8]) -> [UInt8]? {
        let signed = "\(self.header).\(base64URL(claims))"
        guard let signature = try? self.key?.signature(for: Data(signed.utf8)) else { return nil }
        return Array("\(signed).\(base64URL(signature))".utf8)
    }
}
