import Crypto
import DocketTestSupport
import Foundation
import Testing

@testable import DocketAuthentication

@Suite("A key set")
struct JWTKeySetTests {
    @Test("leaves out keys that it has no use for, and takes the rest")
    func others() async throws {
        let point = Array(P384.Signing.PrivateKey().publicKey.rawRepresentation)
        let (x, y) = (base64URL(point.prefix(48)), base64URL(point.suffix(48)))
        let ed = base64URL(Array(Curve25519.Signing.PrivateKey().publicKey.rawRepresentation))
        let good = [
            #"{"kty":"EC","crv":"P-384","kid":"a","x":"\#(x)","y":"\#(y)","alg":"ES384"}"#,
            #"{"kty":"OKP","crv":"Ed25519","kid":"b","x":"\#(ed)"}"#,
        ]
        let unused = [
            #"{"kty":"oct","kid":"c","k":"AAAA"}"#, #"{"kty":"EC","crv":"secp256k1","kid":"d","x":"AA","y":"AA"}"#,
            #"{"kty":"EC","crv":"P-256","kid":"e","x":"AA","y":"AA"}"#,
            #"{"kty":"RSA","kid":"f","n":"AQAB","e":"AQAB"}"#,
            #"{"kty":"EC","crv":"P-384","kid":"g","x":"\#(x)","y":"\#(y)","alg":"ES256"}"#, #"{"kid":"h"}"#,
        ]
        let encryption = #"{"kty":"EC","crv":"P-384","kid":"i","use":"enc","x":"\#(x)","y":"\#(y)"}"#
        let json = #"{"keys":[\#((good + unused + [encryption]).joined(separator: ","))]}"#
        let keys = try await JWTKeySet(json: Data(json.utf8))
        #expect(keys.count == 2)
        #expect(keys.faults.count == unused.count)
        #expect(throws: Never.self) { try keys.verifier(kid: "a", algorithm: "ES384") }
        #expect(throws: Never.self) { try keys.verifier(kid: "b", algorithm: "EdDSA") }
        for (kid, algorithm) in [("a", "ES256"), ("b", "ES384"), ("i", "ES384"), (nil, "ES384"), ("", "ES384")] {
            #expect(throws: AuthenticationError.self) { try keys.verifier(kid: kid, algorithm: algorithm) }
        }
    }

    @Test(
        "without a key that can be used is an error",
        arguments: [
            "", "{", "[]", "{}", #"{"keys":[]}"#, #"{"keys":{}}"#, #"{"keys":[{"kty":"oct","k":"AAAA"}]}"#, "\u{0}",
        ])
    func unusable(_ json: String) async throws {
        let error = await #expect(throws: AuthenticationError.self) { try await JWTKeySet(json: Data(json.utf8)) }
        #expect(error?.code == .keysUnusable)
    }
}
