import DocketTransport
import Foundation
import Logging
import Metrics
import NIOCertificateReloading
import ServiceLifecycle
import Synchronization
import X509

/// Keeps the certificate and the clients' authorities up to date: the files are read again from time to time and at SIGHUP.
/// Handshakes from then on use what was read; connections that are open stay as they are. Files that can't be used change
/// nothing but the log and a counter.
struct CertificateService: Service {
    private let files: (certificate: String, key: String)
    private let reloader: TimedCertificateReloader
    private let clientAuthority: ClientAuthority?
    private let clientAuthorityRecord: FileRecord
    private let interval: Duration?

    /// - Parameters:
    ///   - clientAuthority: who signs the certificates of clients; `nil`: nobody is asked for one.
    ///   - interval: how often the files are read; `nil`: at SIGHUP only.
    init(
        certificateFile: String, keyFile: String, clientAuthority: ClientAuthority?, interval: Duration?, logger: Logger
    ) {
        self.files = (certificateFile, keyFile)
        self.clientAuthority = clientAuthority
        self.clientAuthorityRecord = FileRecord(
            name: "client authorities", counter: "docket_tls_client_ca_loads_total", interval: interval, logger: logger)
        self.interval = interval
        let record = CertificateRecord(file: certificateFile, interval: interval, logger: logger)
        var configuration = TimedCertificateReloader.Configuration(
            refreshInterval: interval ?? .seconds(100 * 365 * 86_400),
            certificateSource: .init(location: .file(path: certificateFile), format: .pem),
            privateKeySource: .init(location: .file(path: keyFile), format: .pem))
        configuration.onCertificateLoaded = { record.loaded($0.currentX509CertificateChain) }
        configuration.onCertificateLoadFailed = { record.failed($0.error) }
        self.reloader = TimedCertificateReloader(configuration: configuration)
    }

    /// What the server listens with: the files as they are now, and later what was read last.
    var tls: ServerTLS {
        ServerTLS(
            certificateFile: self.files.certificate, privateKeyFile: self.files.key,
            current: { [reloader] in reloader.sslContextConfigurationOverride }, clientAuthority: self.clientAuthority)
    }

    func run() async throws {
        try? self.reloader.reload()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.reloader.run() }
            group.addTask {
                // What goes wrong is recorded.
                await Reloading.run(every: nil) { try? self.reloader.reload() }
            }
            if let authority = self.clientAuthority {
                group.addTask { await Reloading.run(every: self.interval) { self.reload(authority) } }
            }
            try await group.waitForAll()
        }
    }

    private func reload(_ authority: ClientAuthority) {
        do throws(TransportError) {
            self.clientAuthorityRecord.loaded(authority.file, isNew: try authority.reload())
        } catch {
            self.clientAuthorityRecord.failed(
                authority.file, error.cause.map { "\(error.message): \($0)" } ?? error.message)
        }
    }
}

/// Says what became of the certificate, as ``FileRecord`` does, and until when it is good.
private final class CertificateRecord: Sendable {
    private let file: String
    private let record: FileRecord
    private let last = Mutex<[Certificate]>([])
    private let notAfter = Gauge(label: "docket_tls_certificate_not_after_seconds")

    init(file: String, interval: Duration?, logger: Logger) {
        self.file = file
        self.record = FileRecord(
            name: "certificate", counter: "docket_tls_certificate_loads_total", interval: interval, logger: logger)
    }

    func loaded(_ chain: [Certificate]) {
        guard let leaf = chain.first else { return }
        self.notAfter.record(leaf.notValidAfter.timeIntervalSince1970)
        let isNew = self.last.withLock { last in
            defer { last = chain }
            return last != chain
        }
        self.record.loaded(
            self.file, isNew: isNew,
            metadata: ["subject": "\(leaf.subject)", "not_after": "\(leaf.notValidAfter.formatted(.iso8601))"])
    }

    func failed(_ error: any Error) { self.record.failed(self.file, "\(error)") }
}
