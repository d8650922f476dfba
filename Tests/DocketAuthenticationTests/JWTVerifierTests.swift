import Crypto
import DocketModel
import DocketRegistry
import DocketTestSupport
import Foundation
import Testing

@testable import DocketAuthentication

/// What a test signs.
private struct TestClaims: Encodable {
    var iss: String? = JWTVerifierTests.policy.issuer
    var sub: String? = "auditor"
    var aud: [String]? = ["other", JWTVerifierTests.policy.audience]
    var exp: Double? = 1_700_000_100
    var nbf: Double?
    var iat: Double?
}

/// A claim `aud` that is one string.
private struct OneAudience: Encodable {
    var iss = JWTVerifierTests.policy.issuer
    var sub = "auditor"
    var aud = JWTVerifierTests.policy.audience
    var exp = 1_700_000_100.5
}

@Suite("A verifier of JWTs")
struct JWTVerifierTests {
    static let policy = JWTVerifier.Policy(issuer: "https://login.acme", audience: "docket", leewaySeconds: 10)
    private static let now = Timestamp(microsecondsSinceEpoch: 1_700_000_000_000_000)

    /// A key, and the set that its public part makes.
    private struct Issuer {
        let key = P256.Signing.PrivateKey()
        var name = "first"

        var set: String {
            let point = Array(self.key.publicKey.rawRepresentation)
            return """
                {"keys":[{"kty":"EC","crv":"P-256","kid":"\(self.name)","use":"sig",
                "x":"\(base64URL(point.prefix(32)))","y":"\(base64URL(point.suffix(32)))"}]}
                """
        }

        /// A JWT by this key; `algorithm` and `fields` (JSON members, each with a comma behind it) are what it says of itself.
        func sign(
            _ claims: some Encodable, algorithm: String? = "ES256", fields: String = ""
        ) throws -> ArraySlice<UInt8> {
            let named = algorithm.map { #""alg":"\#($0)","# } ?? ""
            return try compact(#"{\#(named)\#(fields)"kid":"\#(self.name)"}"#, claims) {
                Array(try self.key.signature(for: $0).rawRepresentation)
            }
        }
    }

    private func verifier(_ issuer: Issuer) async throws -> JWTVerifier {
        JWTVerifier(policy: Self.policy, keys: try await JWTKeySet(json: Data(issuer.set.utf8)))
    }

    private func after(_ seconds: Int64) -> Timestamp {
        Timestamp(microsecondsSinceEpoch: Self.now.microsecondsSinceEpoch + seconds * 1_000_000)
    }

    @Test("knows whom a JWT is for, and that it is good until its end and what clocks may be apart")
    func good() async throws {
        let issuer = Issuer()
        let verifier = try await self.verifier(issuer)
        for token in [try issuer.sign(TestClaims()), try issuer.sign(OneAudience())] {
            let jwt = try verifier.bearer(token, at: Self.now)
            let identity = CredentialIdentity.jwt(issuer: Self.policy.issuer, subject: "auditor")
            #expect(try verifier.identity(of: jwt, at: self.after(109)) == identity)
            let error = #expect(throws: AuthenticationError.self) {
                try verifier.identity(of: jwt, at: self.after(111))
            }
            #expect(error?.code == .tokenExpired)
            let again = #expect(throws: AuthenticationError.self) { try verifier.bearer(token, at: self.after(111)) }
            #expect(again?.code == .tokenExpired)
        }
        #expect(verifier.knownCount == 2)
    }

    @Test("trusts no claims that aren't meant for it, or not yet, or without an end")
    func claims() async throws {
        let issuer = Issuer()
        let verifier = try await self.verifier(issuer)
        let bad: [(WritableKeyPath<TestClaims, String?>, String?)] = [
            (\.iss, "https://login.other"), (\.iss, nil), (\.sub, nil), (\.sub, ""), (\.sub, "a\u{0}b"),
        ]
        var tokens: [TestClaims] = bad.map { path, value in
            var claims = TestClaims()
            claims[keyPath: path] = value
            return claims
        }
        tokens += [TestClaims(aud: nil), TestClaims(aud: []), TestClaims(aud: ["docket2"]), TestClaims(exp: nil)]
        tokens += [TestClaims(nbf: 1_700_000_011), TestClaims(iat: 1_700_000_011), TestClaims(nbf: 1e300)]
        for claims in tokens {
            let token = try issuer.sign(claims)
            let error = #expect(throws: AuthenticationError.self, "\(claims)") {
                try verifier.bearer(token, at: Self.now)
            }
            #expect(error?.code == .tokenUntrusted, "\(claims)")
        }
        for exp in [1_699_999_989, 0, -1e300] {
            let token = try issuer.sign(TestClaims(exp: exp))
            let error = #expect(throws: AuthenticationError.self) { try verifier.bearer(token, at: Self.now) }
            #expect(error?.code == .tokenExpired)
        }
        #expect(verifier.knownCount == 0)
        for claims in [TestClaims(exp: 1e300), TestClaims(nbf: 1_700_000_009, iat: 1_700_000_009)] {
            #expect(throws: Never.self) { try verifier.bearer(issuer.sign(claims), at: Self.now) }
        }
        // Held within the years that there are, and over with the last of them.
        let endless = try verifier.bearer(issuer.sign(TestClaims(exp: 1e300)), at: Self.now)
        #expect(throws: AuthenticationError.self) { try verifier.identity(of: endless, at: .latest) }
    }

    @Test("takes no other algorithm than the key's: no 'none', and no HMAC by what is public")
    func algorithms() async throws {
        let issuer = Issuer()
        let verifier = try await self.verifier(issuer)
        let key = issuer.key.publicKey
        let secrets = [Data(issuer.set.utf8), key.rawRepresentation, Data(key.pemRepresentation.utf8)]
        var tokens = [
            try issuer.sign(TestClaims(), algorithm: nil), try issuer.sign(TestClaims(), algorithm: "ES384"),
            try issuer.sign(TestClaims(), algorithm: "es256"), try issuer.sign(TestClaims(), algorithm: "none"),
        ]
        for name in ["none", "None", "NONE", ""] {
            tokens.append(try compact(#"{"alg":"\#(name)","kid":"\#(issuer.name)"}"#, TestClaims()) { _ in [] })
        }
        for secret in secrets {
            tokens.append(
                try compact(#"{"alg":"HS256","kid":"\#(issuer.name)"}"#, TestClaims()) {
                    Array(HMAC<SHA256>.authenticationCode(for: $0, using: SymmetricKey(data: secret)))
                })
        }
        for token in tokens {
            let error = #expect(throws: AuthenticationError.self) { try verifier.bearer(token, at: Self.now) }
            #expect(error?.code == .tokenUntrusted)
        }
    }

    @Test("trusts no signature of another key, by whatever name, and none of other content")
    func signatures() async throws {
        let issuer = Issuer()
        let verifier = try await self.verifier(issuer)
        let token = try issuer.sign(TestClaims())
        let parts = token.split(separator: UInt8(ascii: "."))
        let other = try issuer.sign(TestClaims(sub: "root")).split(separator: UInt8(ascii: "."))
        let mixed = Array([parts[0], other[1], parts[2]].joined(separator: [UInt8(ascii: ".")]))
        let cut = Array([parts[0], parts[1], parts[2].dropLast(4)].joined(separator: [UInt8(ascii: ".")]))
        let unsigned = Array([parts[0], parts[1], []].joined(separator: [UInt8(ascii: ".")]))
        for bad in [
            try Issuer().sign(TestClaims()), try Issuer(name: "second").sign(TestClaims()),
            ArraySlice(mixed), ArraySlice(cut), ArraySlice(unsigned),
        ] {
            let error = #expect(throws: AuthenticationError.self) { try verifier.bearer(bad, at: Self.now) }
            #expect(error?.code == .tokenUntrusted)
        }
        let unknown = try Issuer(name: "second").sign(TestClaims())
        let error = #expect(throws: AuthenticationError.self) { try verifier.bearer(unknown, at: Self.now) }
        #expect(error?.message.contains("'second'") == true)
    }

    @Test("takes nothing that isn't a JWT, and never repeats it")
    func malformed() async throws {
        let issuer = Issuer()
        let verifier = try await self.verifier(issuer)
        let token = try issuer.sign(TestClaims())
        let critical = try issuer.sign(TestClaims(), fields: #""crit":["exp"],"#)
        let texts = ["", "a.b.c", "..", "e30.e30", "eyJ9.e30.", "\u{0}.\u{0}.\u{0}"]
        for bad in texts.map({ ArraySlice($0.utf8) }) + [token + Array(".A".utf8), token.dropFirst(), critical] {
            let error = #expect(throws: AuthenticationError.self) { try verifier.bearer(bad, at: Self.now) }
            #expect(error?.code == .tokenMalformed)
            #expect(bad.isEmpty || error?.message.contains(String(decoding: bad, as: UTF8.self)) == false)
        }
        let jwt = try verifier.bearer(token, at: Self.now)
        #expect(!"\(jwt)".contains(String(decoding: token.suffix(20), as: UTF8.self)))
    }

    @Test("reads of a JWT's header what it goes by, and whatever else is there harms nobody")
    func foreignHeaderFields() async throws {
        let issuer = Issuer()
        let verifier = try await self.verifier(issuer)
        let deep = String(repeating: "[", count: 400) + String(repeating: "]", count: 400)
        for value in ["1e300", "-1e300", "9223372036854775808", "1.5", "null", #"{"a":[1e300,{"b":-1e300}]}"#, deep] {
            let token = try issuer.sign(TestClaims(), fields: #""exp":\#(value),"#)
            #expect(throws: Never.self, "\(value)") { try verifier.bearer(token, at: Self.now) }
        }
        for field in ["alg", "kid"] {
            let wrong = try compact(#"{"\#(field)":1e300}"#, TestClaims()) { _ in [0] }
            let error = #expect(throws: AuthenticationError.self) { try verifier.bearer(wrong, at: Self.now) }
            #expect(error?.code == .tokenMalformed)
        }
    }

    @Test("verifies anew when other keys come, and refuses what only the former ones have signed")
    func rotation() async throws {
        let (first, second) = (Issuer(), Issuer(name: "second"))
        let verifier = try await self.verifier(first)
        let jwt = try verifier.bearer(try first.sign(TestClaims()), at: Self.now)
        let both = first.set.dropLast(2) + "," + second.set.dropFirst(#"{"keys":["#.count)
        verifier.replaceKeys(try await JWTKeySet(json: Data(both.utf8)))
        #expect(verifier.knownCount == 0)
        #expect(throws: Never.self) { try verifier.identity(of: jwt, at: Self.now) }
        #expect(verifier.knownCount == 1)
        verifier.replaceKeys(try await JWTKeySet(json: Data(second.set.utf8)))
        let error = #expect(throws: AuthenticationError.self) { try verifier.identity(of: jwt, at: Self.now) }
        #expect(error?.code == .tokenUntrusted)
        let successor = try second.sign(TestClaims())
        #expect(throws: Never.self) { try verifier.bearer(successor, at: Self.now) }
    }
}

/// A JWT in the compact form, signed as the test likes.
private func compact(
    _ header: String, _ claims: some Encodable, _ sign: (Data) throws -> [UInt8]
) throws -> ArraySlice<UInt8> {
    let input = "\(base64URL(header.utf8)).\(base64URL(try JSONEncoder().encode(claims)))"
    return ArraySlice("\(input).\(base64URL(try sign(Data(input.utf8))))".utf8)
}
