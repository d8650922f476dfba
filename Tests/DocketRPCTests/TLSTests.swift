import DocketGRPC
import DocketRPC
import DocketTestSupport
import DocketTransport
import Foundation
import NIOCore
import Testing

/// A folder with a self-signed certificate, for `localhost` and 127.0.0.1 unless told otherwise.
struct TestCertificate {
    let folder: URL
    var certificateFile: String { self.folder.appending(path: "cert.pem").path }
    var keyFile: String { self.folder.appending(path: "key.pem").path }

    init(names: String = "DNS:localhost,IP:127.0.0.1") throws {
        self.folder = FileManager.default.temporaryDirectory.appending(path: "docket-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=\(names)",
            "-keyout", self.keyFile, "-out", self.certificateFile,
        ]
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    var server: ServerTLS { ServerTLS(certificateFile: self.certificateFile, privateKeyFile: self.keyFile) }

    func remove() { try? FileManager.default.removeItem(at: self.folder) }
}

@Suite("TLS", .timeLimit(.minutes(1)))
struct TLSTests {
    @Test("calls go over TLS, to a name and to an address, when the certificate is trusted")
    func trusted() async throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        try await TestServer.run(tls: certificate.server) { test in
            for name in [nil, "localhost"] {
                let client = try await test.connect(
                    tls: ClientTLS(trustFile: certificate.certificateFile, serverName: name))
                let big = [UInt8](repeating: 8, count: 1 << 20)
                #expect(try await client.unary(TestServer.echo, big) == big)
                await client.close()
            }
        }
    }

    @Test("a certificate that isn't trusted, or is for another name, is refused")
    func untrusted() async throws {
        // Without an address in it: NIOSSL accepts a certificate for the address as well as one for the name.
        let certificate = try TestCertificate(names: "DNS:localhost")
        defer { certificate.remove() }
        try await TestServer.run(tls: certificate.server) { test in
            for tls in [
                ClientTLS(serverName: "localhost"), ClientTLS(trustFile: certificate.certificateFile),
                ClientTLS(trustFile: certificate.certificateFile, serverName: "elsewhere.example"),
            ] {
                let error = await #expect(throws: TransportError.self, "\(tls)") { try await test.connect(tls: tls) }
                #expect(error?.code == .connect)
            }
            let client = try await test.connect(
                tls: ClientTLS(trustFile: certificate.certificateFile, serverName: "localhost"))
            #expect(try await client.unary(TestServer.echo, [1]) == [1])
            await client.close()
        }
    }

    @Test("a client that doesn't offer h2 by ALPN is turned away, and a healthy neighbour goes on")
    func wrongALPN() async throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        try await TestServer.run(tls: certificate.server) { test in
            let healthy = try await test.connect(tls: ClientTLS(trustFile: certificate.certificateFile))
            var tls = ClientTLS(trustFile: certificate.certificateFile)
            tls.applicationProtocols = ["http/1.1"]
            await #expect(throws: TransportError.self) { try await test.connect(tls: tls) }
            #expect(try await healthy.unary(TestServer.echo, [1]) == [1])
            await until { test.server.connectionCount == 1 }
            await healthy.close()
        }
    }

    @Test("plain text to a TLS port, and TLS to a plain port, are turned away")
    func mixedUp() async throws {
        let certificate = try TestCertificate()
        defer { certificate.remove() }
        try await TestServer.run(tls: certificate.server) { test in
            await #expect(throws: TransportError.self) { try await test.connect() }
        }
        try await TestServer.run { test in
            let tls = ClientTLS(trustFile: certificate.certificateFile)
            await #expect(throws: TransportError.self) { try await test.connect(tls: tls) }
        }
    }

    @Test("files that are missing or don't belong together are errors that name them")
    func badFiles() async throws {
        let certificate = try TestCertificate()
        let other = try TestCertificate()
        defer {
            certificate.remove()
            other.remove()
        }
        for tls in [
            ServerTLS(certificateFile: "/nonexistent.pem", privateKeyFile: certificate.keyFile),
            ServerTLS(certificateFile: certificate.certificateFile, privateKeyFile: other.keyFile),
        ] {
            let error = await #expect(throws: TransportError.self) { try await TestServer.start(tls: tls) }
            #expect(error?.code == .tls)
            #expect(error?.message.contains(tls.certificateFile) == true)
        }
    }
}
