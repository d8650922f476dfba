package import DocketAuthentication
package import DocketRegistry
internal import DocketGRPC
internal import DocketHeaders
package import DocketModel
internal import DocketTransport

/// What a caller has shown: in its form, and not yet looked up in the registry.
package enum Caller: Sendable {
    case token(AccessToken)
    case certificate(ClientCertificate)
    case jwt(BearerJWT)
}

/// Tells who calls.
///
/// A call's `authorization` decides whenever there is one, whatever the certificate of its connection says: a proxy or a mesh
/// has one of its own, and a token that is no longer good must not go on by way of it. Without `authorization` the certificate
/// counts.
package struct Authenticator: Sendable {
    private let jwts: JWTVerifier?

    /// - Parameter jwts: what verifies JWTs; `nil`: none is taken.
    package init(jwts: JWTVerifier? = nil) { self.jwts = jwts }

    /// Who calls, as far as that can be told without the registry.
    func caller(of call: ServerCallContext) throws(PublishRefusal) -> Caller {
        try call.connection.storage.object(ConnectionCallers.self, make: { ConnectionCallers() })
            .caller(of: call, self, at: .now)
    }

    /// Who calls.
    ///
    /// - Throws: the status that refuses whoever can't be told or is unknown to the registry.
    func admit(_ call: ServerCallContext, _ snapshot: RegistrySnapshot) throws(GRPCStatus) -> Caller {
        let caller: Caller
        do throws(PublishRefusal) {
            caller = try self.caller(of: call)
        } catch {
            throw error.status
        }
        try self.admit(caller, snapshot)
        return caller
    }

    /// Refuses whoever is unknown to the registry.
    func admit(_ caller: Caller, _ snapshot: RegistrySnapshot) throws(GRPCStatus) {
        do throws(PublishRefusal) {
            _ = try self.principal(of: caller, in: snapshot, at: .now)
        } catch {
            throw error.status
        }
    }

    /// What the registry says of a caller. It is asked anew for each batch, so that a credential that is revoked ends at once.
    package func principal(
        of caller: Caller, in snapshot: RegistrySnapshot, at now: Timestamp
    ) throws(PublishRefusal) -> Principal {
        switch caller {
        case .token(let token):
            guard let principal = snapshot.authenticate(token, at: now) else { throw .unknownToken }
            return principal
        case .certificate(let certificate):
            guard let principal = snapshot.authenticate(certificate.identity, at: now) else {
                throw .unknownCertificate(certificate.identity)
            }
            return principal
        case .jwt(let jwt):
            let identity = try self.identity(of: jwt, at: now)
            guard let principal = snapshot.authenticate(identity, at: now) else { throw .unknownSubject(identity) }
            return principal
        }
    }

    private func identity(of jwt: BearerJWT, at now: Timestamp) throws(PublishRefusal) -> CredentialIdentity {
        guard let jwts = self.jwts else { throw .unknownToken }
        do throws(AuthenticationError) {
            return try jwts.identity(of: jwt, at: now)
        } catch {
            throw PublishRefusal(error)
        }
    }

    /// What an `authorization` says: a token of Docket's own, or something else that can only be a JWT.
    fileprivate func caller(
        authorization: ArraySlice<UInt8>, at now: Timestamp
    ) throws(PublishRefusal) -> Caller {
        let parts = authorization.split(separator: UInt8(ascii: " "))
        guard parts.count == 2, let jwts = self.jwts, parts[1].contains(UInt8(ascii: ".")),
            String(decoding: parts[0], as: UTF8.self).lowercased() == "bearer"
        else { return .token(try AccessToken(authorization: String(decoding: authorization, as: UTF8.self))) }
        do throws(AuthenticationError) {
            return .jwt(try jwts.bearer(parts[1], at: now))
        } catch {
            throw PublishRefusal(error)
        }
    }
}

/// What a connection's callers turned out to be: emitters show the same with every call.
private final class ConnectionCallers {
    /// A copy: the call's other headers aren't kept for it.
    private var authorization: [UInt8] = []
    private var authorized: Caller?
    /// What the certificate says; `nil` until it is asked for.
    private var certificate: Result<ClientCertificate, PublishRefusal>?

    func caller(
        of call: ServerCallContext, _ authenticator: Authenticator, at now: Timestamp
    ) throws(PublishRefusal) -> Caller {
        guard let index = call.head.headers.firstIndex(of: "authorization") else {
            guard let bytes = call.connection.peerCertificate else { throw .missingToken }
            let known = self.certificate ?? Self.read(bytes, at: now)
            self.certificate = known
            return .certificate(try known.get())
        }
        let value = call.head.headers.valueBytes(at: index)
        if let known = self.authorized, value.elementsEqual(self.authorization) { return known }
        let caller = try authenticator.caller(authorization: value, at: now)
        self.authorization = Array(value)
        self.authorized = caller
        return caller
    }

    /// TLS lets a client resume a session without looking at its certificate again, so its end is looked at here.
    private static func read(_ bytes: [UInt8], at now: Timestamp) -> Result<ClientCertificate, PublishRefusal> {
        do throws(AuthenticationError) {
            let certificate = try ClientCertificate(derEncoded: bytes)
            guard now <= certificate.notAfter else {
                throw AuthenticationError(
                    .certificateUnusable,
                    "the client certificate was good until \(certificate.notAfter.rfc3339); connect with one that is good"
                )
            }
            return .success(certificate)
        } catch {
            return .failure(PublishRefusal(error))
        }
    }
}

extension AccessToken {
    /// The token of the `authorization` that a call came with; `nil` where it came with none.
    package init(authorization: String?) throws(PublishRefusal) {
        let parts = authorization?.split(separator: " ") ?? []
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw .missingToken }
        do {
            try self.init(String(parts[1]))
        } catch {
            throw PublishRefusal(error)
        }
    }
}
