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

    /// TLS 1.2 with forward secrecy and authenticated encryption only: RFC 9113 section 9.2.2 forbids all others to HTTP/2, and
    /// RFC 9325 section 4.2 advises against them. Those of TLS 1.3 are all fine, and not chosen from.
    static let cipherSuites = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
    ].joined(separator: ":")

    package init(
        certificateFile: String, privateKeyFile: String,
        current: (@Sendable () -> NIOSSLContextConfigurationOverride)? = nil
    ) {
        self.certificateFile = certificateFile
        self.privateKeyFile = privateKeyFile
        self.current = current
    }

    /// Loads the files.
    func makeContext() throws(TransportError) -> NIOSSLContext {
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
            return try NIOSSLContext(configuration: configuration)
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
    /// What is offered by ALPN. A test may offer something else.
    package var applicationProtocols = ["h2"]

    package init(trustFile: String? = nil, serverName: String? = nil) {
        self.trustFile = trustFile
        self.serverName = serverName
    }

    /// Loads the file.
    func makeContext() throws(TransportError) -> NIOSSLContext {
        do {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = self.applicationProtocols
            configuration.trustRoots = self.trustFile.map { .file($0) } ?? .default
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw TransportError(
                .tls, "the trust file \(self.trustFile ?? "of the system") can't be used; it must be readable PEM",
                cause: error)
        }
    }
}
