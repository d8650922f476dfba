import NIOCore
package import NIOSSL

/// TLS on the server's side: 1.2 and 1.3, ALPN `h2`.
package struct ServerTLS: Sendable {
    /// A PEM file: the certificate, then the intermediates.
    package var certificateFile: String
    /// A PEM file: the private key.
    package var privateKeyFile: String
    /// What replaces the files' content in each handshake: asked on the connection's event loop, so it must be quick.
    package var current: (@Sendable () -> NIOSSLContextConfigurationOverride)?
    /// Who signs the certificates that clients show; `nil`: they are not asked for any.
    package var clientAuthority: ClientAuthority?

    /// TLS 1.2 with forward secrecy and authenticated encryption only: RFC 9113 section 9.2.2 forbids all others to HTTP/2, and
    /// RFC 9325 section 4.2 advises against them. Those of TLS 1.3 are all fine, and not chosen from.
    static let cipherSuites = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
    ].joined(separator: ":")

    package init(
        certificateFile: String, privateKeyFile: String,
        current: (@Sendable () -> NIOSSLContextConfigurationOverride)? = nil, clientAuthority: ClientAuthority? = nil
    ) {
        self.certificateFile = certificateFile
        self.privateKeyFile = privateKeyFile
        self.current = current
        self.clientAuthority = clientAuthority
    }

    /// Finds out whether the files can be used, as a listener will.
    package func check() throws(TransportError) { _ = try self.makeConfiguration() }

    /// Loads the files. What clients must show is still open.
    func makeConfiguration() throws(TransportError) -> TLSConfiguration {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(self.certificateFile).map {
                NIOSSLCertificateSource.certificate($0)
            }
            let key = try NIOSSLPrivateKey(file: self.privateKeyFile, format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv12
            configuration.cipherSuites = Self.cipherSuites
            configuration.applicationProtocols = ["h2"]
            if let current = self.current {
                configuration.sslContextCallback = { _, promise in promise.succeed(current()) }
            }
            // Finds out now whether the two belong together.
            _ = try NIOSSLContext(configuration: configuration)
            return configuration
        } catch {
            throw TransportError(
                .tls,
                "the certificate \(self.certificateFile) with the key \(self.privateKeyFile) can't be used; both "
                    + "must be readable PEM files that belong together",
                cause: error)
        }
    }
}

/// TLS on the client's side: 1.2 and 1.3, ALPN `h2`, the server's name always verified.
package struct ClientTLS: Sendable, Hashable {
    /// A PEM file of the authorities to trust; `nil`: those of the system.
    package var trustFile: String?
    /// The name to verify; `nil`: the host that is connected to. A certificate for the address that was connected to is
    /// accepted, too (so NIOSSL does it).
    package var serverName: String?
    /// PEM files of the certificate chain that the client shows if it is asked, and of its key; `nil`: it shows none.
    package var clientCertificate: ClientCertificateFiles?
    /// What is offered by ALPN. A test may offer something else.
    package var applicationProtocols = ["h2"]

    package init(
        trustFile: String? = nil, serverName: String? = nil, clientCertificate: ClientCertificateFiles? = nil
    ) {
        self.trustFile = trustFile
        self.serverName = serverName
        self.clientCertificate = clientCertificate
    }

    /// Loads the files.
    func makeContext() throws(TransportError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = self.applicationProtocols
        configuration.trustRoots = self.trustFile.map { .file($0) } ?? .default
        try self.clientCertificate?.add(to: &configuration)
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw TransportError(
                .tls, "the trust file \(self.trustFile ?? "of the system") can't be used; it must be readable PEM",
                cause: error)
        }
    }
}

/// The certificate that a client shows, and its key.
package struct ClientCertificateFiles: Sendable, Hashable {
    /// A PEM file: the certificate, then the intermediates.
    package var certificateFile: String
    /// A PEM file: the private key.
    package var privateKeyFile: String

    package init(certificateFile: String, privateKeyFile: String) {
        self.certificateFile = certificateFile
        self.privateKeyFile = privateKeyFile
    }

    /// Loads the files.
    fileprivate func add(to configuration: inout TLSConfiguration) throws(TransportError) {
        do {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(self.certificateFile).map {
                .certificate($0)
            }
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: self.privateKeyFile, format: .pem))
            // Alone: what else is wrong is another file's fault.
            var alone = configuration
            alone.trustRoots = .certificates([])
            _ = try NIOSSLContext(configuration: alone)
        } catch {
            throw TransportError(
                .tls,
                "the client certificate \(self.certificateFile) with the key \(self.privateKeyFile) can't be used; both must be "
                    + "readable PEM files that belong together",
                cause: error)
        }
    }
}
