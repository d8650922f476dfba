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

    /// Loads the file.
    ///
    /// - Throws: ``TransportError`` when it can't be read or holds no certificate.
    package init(file: String, isRequired: Bool) throws(TransportError) {
        self.file = file
        self.isRequired = isRequired
        self.state = Mutex(Loaded(certificates: try Self.load(file)))
    }

    /// Reads the file again. Handshakes from then on go by it; connections that are open stay.
    ///
    /// - Returns: whether it holds other certificates than before.
    /// - Throws: ``TransportError`` when it can't be read or holds no certificate: then all stays as it was.
    package func reload() throws(TransportError) -> Bool {
        let certificates = try Self.load(self.file)
        return self.state.withLock { state in
            guard state.certificates != certificates else { return false }
            state = Loaded(certificates: certificates, generation: state.generation + 1)
            return true
        }
    }

    var current: Loaded { self.state.withLock { $0 } }

    private static func load(_ file: String) throws(TransportError) -> [NIOSSLCertificate] {
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
        return certificates
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
    func current() -> NIOSSLContext {
        let generation = self.authority?.current.generation ?? 0
        return self.made.withLock { made in
            if made.generation != generation, let next = try? Self.make(self.configuration, self.authority) {
                made = next
            }
            return made.context
        }
    }

    private static func make(_ configuration: TLSConfiguration, _ authority: ClientAuthority?) throws -> Made {
        var configuration = configuration
        let loaded = authority?.current
        if let authority, let loaded {
            configuration.trustRoots = .certificates(loaded.certificates)
            configuration.certificateVerification =
                authority.isRequired ? .noHostnameVerification : .optionalVerification
            // A client with several certificates chooses by it.
            configuration.sendCANameList = true
        }
        return Made(context: try NIOSSLContext(configuration: configuration), generation: loaded?.generation ?? 0)
    }
}
