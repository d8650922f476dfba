import NIOSSL
import Synchronization

/// The authorities that sign the certificates of clients. Nobody else is trusted for that: not those of the system.
package final class ClientAuthority: Sendable {
    struct Loaded {
        var certificates: [NIOSSLCertificate]
        /// Grows with each change.
        var generation = 0
    }

    /// A PEM file of their certificates.
    package let file: String
    /// Whether a client without a certificate is turned away; otherwise it may show something else.
    package let isRequired: Bool
    private let state: Mutex<Loaded>
    private let tryOut: TryOut

    /// Throws when no connection could be made with the certificates.
    typealias TryOut = @Sendable ([NIOSSLCertificate]) throws -> Void

    /// Loads the file.
    ///
    /// - Throws: ``TransportError`` when it can't be read or used, or holds no certificate.
    package convenience init(file: String, isRequired: Bool) throws(TransportError) {
        try self.init(file: file, isRequired: isRequired) { certificates in
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.trust(certificates, verification: .noHostnameVerification)
            _ = try NIOSSLContext(configuration: configuration)
        }
    }

    init(file: String, isRequired: Bool, tryOut: @escaping TryOut) throws(TransportError) {
        self.file = file
        self.isRequired = isRequired
        self.tryOut = tryOut
        self.state = Mutex(Loaded(certificates: try Self.load(file, tryOut)))
    }

    /// Reads the file again. Handshakes from then on go by it; connections that are open stay.
    ///
    /// - Returns: whether it holds other certificates than before.
    /// - Throws: ``TransportError`` when it can't be read or used, or holds no certificate: then all stays as it was.
    package func reload() throws(TransportError) -> Bool {
        let certificates = try Self.load(self.file, self.tryOut)
        return self.state.withLock { state in
            guard state.certificates != certificates else { return false }
            state = Loaded(certificates: certificates, generation: state.generation + 1)
            return true
        }
    }

    var current: Loaded { self.state.withLock { $0 } }

    /// Whoever changes the authorities is told whether they can be used, before they count: connections come too late for that.
    private static func load(_ file: String, _ tryOut: TryOut) throws(TransportError) -> [NIOSSLCertificate] {
        let certificates: [NIOSSLCertificate]
        do {
            certificates = try NIOSSLCertificate.fromPEMFile(file)
        } catch {
            throw TransportError(
                .tls, "the client authorities in \(file) can't be used; it must be a readable PEM file", cause: error)
        }
        guard !certificates.isEmpty else {
            throw TransportError(
                .tls, "the file of client authorities \(file) holds no certificate; it needs at least one")
        }
        do {
            try tryOut(certificates)
        } catch {
            throw TransportError(
                .tls, "the client authorities in \(file) can't be used: TLS doesn't take one of them", cause: error)
        }
        return certificates
    }
}

extension TLSConfiguration {
    fileprivate mutating func trust(_ certificates: [NIOSSLCertificate], verification: CertificateVerification) {
        self.trustRoots = .certificates(certificates)
        self.certificateVerification = verification
        // A client with several certificates chooses by it.
        self.sendCANameList = true
    }
}

/// What the connections of a listener make TLS with.
final class ServerTLSContext: Sendable {
    private struct Made {
        let context: NIOSSLContext
        let generation: Int
    }

    private let configuration: TLSConfiguration
    private let authority: ClientAuthority?
    private let made: Mutex<Made>

    /// Loads the files.
    init(_ tls: ServerTLS) throws(TransportError) {
        self.configuration = try tls.makeConfiguration()
        self.authority = tls.clientAuthority
        do {
            self.made = Mutex(try Self.make(self.configuration, tls.clientAuthority))
        } catch {
            throw TransportError(
                .tls, "the client authorities in \(tls.clientAuthority?.file ?? "no file") can't be used", cause: error)
        }
    }

    /// The context for a connection that begins now.
    ///
    /// Made anew when the authorities have changed, and with it the keys of session tickets: nobody resumes a session that was
    /// made under an authority that is gone.
    ///
    /// - Throws: when that isn't possible: better no connection than one that an authority lets in that is gone.
    func current() throws -> NIOSSLContext {
        let generation = self.authority?.current.generation ?? 0
        return try self.made.withLock { made in
            if made.generation != generation { made = try Self.make(self.configuration, self.authority) }
            return made.context
        }
    }

    private static func make(_ configuration: TLSConfiguration, _ authority: ClientAuthority?) throws -> Made {
        var configuration = configuration
        let loaded = authority?.current
        if let authority, let loaded {
            configuration.trust(
                loaded.certificates,
                verification: authority.isRequired ? .noHostnameVerification : .optionalVerification)
        }
        return Made(context: try NIOSSLContext(configuration: configuration), generation: loaded?.generation ?? 0)
    }
}
