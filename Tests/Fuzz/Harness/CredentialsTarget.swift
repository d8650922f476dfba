import DocketAuthentication
import DocketModel
import DocketRegistry
import DocketTestSupport

/// What callers show to say who they are: certificates, JWTs, and the claims of JWTs whose signature is right; and the names that
/// operators type for them.
enum CredentialsTarget {
    private static let now = Timestamp(microsecondsSinceEpoch: 1_800_000_000_000_000)

    static func run(_ input: [UInt8]) throws(FuzzFinding) {
        var input = FuzzInput(input)
        let selector = input.byte()
        let bytes = input.remaining()
        switch selector & 3 {
        case 0: try self.certificate(bytes)
        case 1: try self.token(bytes)
        case 2: try self.claims(bytes)
        default: try self.names(String(decoding: bytes, as: UTF8.self))
        }
    }

    // MARK: Certificates

    private static func certificate(_ bytes: [UInt8]) throws(FuzzFinding) {
        guard let certificate = try? ClientCertificate(derEncoded: bytes) else { return }
        try require(
            (Timestamp.earliest...Timestamp.latest).contains(certificate.notAfter),
            "a certificate ends at \(certificate.notAfter)")
        let name = certificate.identity.name ?? ""
        switch certificate.identity.kind {
        case .subject:
            let typed = try requireNoError("the subject '\(name)'") { () throws(RegistryError) in try SubjectName(name)
            }
            try requireEqual(typed.text, name, "a subject that is typed as it is kept")
        case .spiffe:
            let typed = try requireNoError("the SPIFFE ID '\(name)'") { () throws(RegistryError) in try SpiffeID(name) }
            try requireEqual(typed.text, name, "a SPIFFE ID that is typed as it is kept")
        default:
            throw FuzzFinding(message: "a certificate is for a \(certificate.identity.kind)")
        }
    }

    private static func names(_ text: String) throws(FuzzFinding) {
        if let name = try? SubjectName(text) {
            let again = try requireNoError("'\(name.text)'") { () throws(RegistryError) in try SubjectName(name.text) }
            try requireEqual(again, name, "a subject in the form in which it is kept")
        }
        if let name = try? SpiffeID(text) {
            let again = try requireNoError("'\(name.text)'") { () throws(RegistryError) in try SpiffeID(name.text) }
            try requireEqual(again, name, "a SPIFFE ID in the form in which it is kept")
        }
    }

    // MARK: JWTs

    private static func token(_ bytes: [UInt8]) throws(FuzzFinding) {
        try self.show(bytes)
        // The same as header and claims of a JWT, so that they are looked at however they are encoded.
        let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        try self.show(Array("\(base64URL(parts[0])).\(base64URL(parts.count > 1 ? parts[1] : [])).AAAA".utf8))
    }

    private static func claims(_ bytes: [UInt8]) throws(FuzzFinding) {
        guard let token = FuzzIssuer.sign(claims: bytes) else { throw FuzzFinding(message: "nothing can be signed") }
        try self.show(token)
    }

    private static func show(_ token: [UInt8]) throws(FuzzFinding) {
        guard let verifier = FuzzIssuer.verifier else { throw FuzzFinding(message: "the issuer's keys can't be read") }
        guard let jwt = try? verifier.bearer(token[...], at: self.now) else { return }
        let identity = try requireNoError("a JWT that was taken") { () throws(AuthenticationError) in
            try verifier.identity(of: jwt, at: self.now)
        }
        try requireEqual(identity.kind, .jwt, "the kind of a JWT's identity")
        try require(identity.name?.isEmpty == false, "a JWT is for nobody")
        try require((try? verifier.identity(of: jwt, at: .latest)) == nil, "a JWT never ends")
    }
}
