package import Configuration
package import DocketModel
package import DocketTransport
package import Logging

/// Everything that a collector is told at start-up, from flags, the environment and one configuration file, in this
/// order of precedence. `docs/configuration.md` lists each setting.
package struct CollectorSettings: Sendable {
    /// Where gRPC is served; port 0 lets the system choose.
    package var grpcListen = TransportAddress.tcp(host: "127.0.0.1", port: 7480)
    /// Where the operator's pages are served; port 0 lets the system choose.
    package var httpListen = HostPort(host: "127.0.0.1", port: 7481)
    /// PEM files of the certificate chain and its key; both or none.
    package var tlsCertificateFile: String?
    package var tlsKeyFile: String?
    /// A PEM file of the authorities that sign the certificates of clients; `nil`: clients are not asked for any.
    package var tlsClientAuthorityFile: String?
    /// What clients must show of certificates; `nil`: `optional` when there are authorities, `none` otherwise.
    package var tlsClientCertificates: ClientCertificateDemand?
    /// How often the PEM files are read again, in milliseconds; 0: at SIGHUP only.
    package var tlsReloadIntervalMilliseconds = 60_000
    /// Which JWTs are taken; `nil`: none.
    package var jwt: JWTSettings?
    /// The libpq connection string of the writer's role. A secret.
    package var writerConninfo = ""
    /// The libpq connection string of the reader's role. A secret.
    package var readerConninfo = ""
    /// The libpq connection string of the maintainer's role; empty when this collector leaves segments, the log and
    /// retention to others. A secret.
    package var maintainerConninfo = ""
    /// How many connections write.
    package var writerCount = 2
    /// How many connections read.
    package var readerCount = 2
    /// How many event loops serve connections; 0 means one a core.
    package var eventLoopCount = 0
    /// The budget for messages in flight, in bytes.
    package var memoryLimitBytes = 256 * 1024 * 1024
    /// Where the registry is kept on disk, to start with while PostgreSQL is away; `nil` for nowhere.
    package var registrySnapshotFile: String?
    /// How old that registry may be to be used, in seconds.
    package var maxRegistrySnapshotAgeSeconds = 86_400
    /// Which readings of a tenant's log are told in that log.
    package var readAudit = ReadAuditMode.exports
    /// How long PostgreSQL may be away before gRPC's health says NOT_SERVING, in milliseconds.
    package var healthUnavailableAfterMilliseconds = 15_000
    /// How long connections are kept, and how often either side asks for the other.
    package var connectionLife = ConnectionLifeLimits()
    /// How many connections and calls there are at once.
    package var admission = AdmissionLimits()
    /// How many calls a connection may have open.
    package var maxConcurrentStreams = 1_000
    /// How long a graceful stop may take, in milliseconds.
    package var drainTimeoutMilliseconds = 10_000
    package var limits = Limits()
    package var logLevel = Logger.Level.info
    package var logFormat = LogFormat.json

    package init() {}

    /// Reads the settings. A value that doesn't parse, or lies outside its bounds, is an error that names it.
    package init(_ config: ConfigReader) throws(OperationsError) {
        let reader = SettingReader(config)
        self.grpcListen = try reader.address("grpc.listen") ?? self.grpcListen
        self.httpListen = try reader.hostPort("http.listen") ?? self.httpListen
        self.tlsCertificateFile = reader.string("tls.certificate_file")
        self.tlsKeyFile = reader.string("tls.key_file")
        self.tlsClientAuthorityFile = reader.string("tls.client_ca_file")
        self.tlsClientCertificates = try reader.choice(
            "tls.client_certificates", of: ClientCertificateDemand.allCases)
        self.tlsReloadIntervalMilliseconds =
            try reader.int("tls.reload_interval_ms", 0...86_400_000) ?? self.tlsReloadIntervalMilliseconds
        self.jwt = try JWTSettings(reader)
        self.writerConninfo = reader.secret("postgres.writer") ?? ""
        self.readerConninfo = reader.secret("postgres.reader") ?? ""
        self.maintainerConninfo = reader.secret("postgres.maintainer") ?? ""
        self.writerCount = try reader.int("postgres.writers", 1...16) ?? self.writerCount
        self.readerCount = try reader.int("postgres.readers", 1...64) ?? self.readerCount
        self.eventLoopCount = try reader.int("event_loops", 0...256) ?? self.eventLoopCount
        self.memoryLimitBytes = try reader.int("memory_limit_bytes", (1 << 20)...(1 << 40)) ?? self.memoryLimitBytes
        self.readAudit = try reader.choice("audit.reads", of: ReadAuditMode.allCases) ?? self.readAudit
        self.registrySnapshotFile = reader.string("registry.snapshot_file").flatMap { $0.isEmpty ? nil : $0 }
        self.maxRegistrySnapshotAgeSeconds =
            try reader.int("registry.max_snapshot_age_seconds", 1...31_536_000) ?? self.maxRegistrySnapshotAgeSeconds
        self.healthUnavailableAfterMilliseconds =
            try reader.int("health.unavailable_after_ms", 0...3_600_000) ?? self.healthUnavailableAfterMilliseconds
        try self.readConnectionLife(reader)
        try self.readAdmission(reader)
        self.drainTimeoutMilliseconds =
            try reader.int("drain_timeout_ms", 0...600_000) ?? self.drainTimeoutMilliseconds
        for bound in Limits.bounds {
            if let value = try reader.int("limits.\(bound.name)", bound.range) {
                self.limits[keyPath: bound.path] = value
            }
        }
        self.logLevel = try reader.choice("log.level", of: Logger.Level.allCases) ?? self.logLevel
        self.logFormat = try reader.choice("log.format", of: LogFormat.allCases) ?? self.logFormat
        try self.checkTogether()
    }

    private mutating func readAdmission(_ reader: SettingReader) throws(OperationsError) {
        let bounds = 1...10_000_000
        self.admission.maxConnections =
            try reader.int("grpc.max_connections", bounds) ?? self.admission.maxConnections
        self.admission.maxConnectionsPerPeer =
            try reader.int("grpc.max_connections_per_peer", bounds) ?? self.admission.maxConnectionsPerPeer
        self.admission.maxCalls = try reader.int("grpc.max_calls", bounds) ?? self.admission.maxCalls
        self.admission.maxCallsPerPeer =
            try reader.int("grpc.max_calls_per_peer", bounds) ?? self.admission.maxCallsPerPeer
        self.maxConcurrentStreams =
            try reader.int("grpc.max_concurrent_streams", 1...100_000) ?? self.maxConcurrentStreams
    }

    /// Zero switches a limit off where that makes sense.
    private mutating func readConnectionLife(_ reader: SettingReader) throws(OperationsError) {
        let day = 86_400_000
        func duration(_ name: String, _ least: Int = 0) throws(OperationsError) -> Duration? {
            guard let value = try reader.int(name, 0...day) else { return nil }
            guard value == 0 && least == 0 || value >= 1000 else {
                throw OperationsError(
                    code: .invalidConfiguration, message: "\(name) is \(value); give at least 1000, a second")
            }
            return .milliseconds(value)
        }
        if let value = try duration("grpc.keepalive_interval_ms") {
            self.connectionLife.keepaliveInterval = value == .zero ? nil : value
        }
        if let value = try duration("grpc.keepalive_timeout_ms", 1000) { self.connectionLife.keepaliveTimeout = value }
        if let value = try duration("grpc.min_ping_interval_ms", 1000) { self.connectionLife.minPingInterval = value }
        if let value = try duration("grpc.max_connection_idle_ms") {
            self.connectionLife.maxIdle = value == .zero ? nil : value
        }
        if let value = try duration("grpc.max_connection_age_ms") {
            self.connectionLife.maxAge = value == .zero ? nil : value
        }
        if let value = try duration("grpc.max_connection_age_grace_ms", 1000) {
            self.connectionLife.maxAgeGrace = value
        }
    }

    /// Conditions that span several settings.
    private func checkTogether() throws(OperationsError) {
        guard (self.tlsCertificateFile == nil) == (self.tlsKeyFile == nil) else {
            throw OperationsError(
                code: .invalidConfiguration,
                message: "tls.certificate_file and tls.key_file go together; only one of them is set")
        }
        guard self.tlsClientAuthorityFile == nil || self.tlsCertificateFile != nil else {
            throw OperationsError(
                code: .invalidConfiguration,
                message: "tls.client_ca_file is set without tls.certificate_file; client certificates need TLS")
        }
        if let demand = self.tlsClientCertificates, demand != .none, self.tlsClientAuthorityFile == nil {
            throw OperationsError(
                code: .invalidConfiguration,
                message:
                    "tls.client_certificates is '\(demand.rawValue)'; it needs tls.client_ca_file, the authorities that "
                    + "sign them")
        }
        let (memory, batch) = (self.memoryLimitBytes, self.limits.maxBatchBytes)
        guard memory / 2 >= batch else {
            throw OperationsError(
                code: .invalidConfiguration,
                message:
                    "memory_limit_bytes is \(memory); it must be at least twice limits.max_batch_bytes (\(batch)), "
                    + "the room of one batch while it is decompressed: raise the one to \(2 * batch), or lower the other"
            )
        }
    }
}

/// What clients must show of certificates.
package enum ClientCertificateDemand: String, Sendable, CaseIterable {
    /// They are not asked for one.
    case none
    /// They may show one, or a token.
    case optional
    /// Without one they get no connection.
    case required
}

/// Where HTTP is served: a host and a port, unlike a ``TransportAddress`` never a Unix-domain socket.
package struct HostPort: Sendable, Equatable, CustomStringConvertible {
    package var host: String
    /// From 0 to 65535.
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `HOST:PORT` or `[IPV6]:PORT`; `nil` for anything else.
    package init?(_ text: String) {
        guard case .tcp(let host, let port) = TransportAddress(parsing: text) else { return nil }
        self.init(host: host, port: port)
    }

    package var description: String { TransportAddress.tcp(host: self.host, port: self.port).description }
}

/// An error of the operator's side: configuration, pages, and the files of both.
package struct OperationsError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable, Equatable {
        /// A setting is malformed, out of bounds, in conflict with another, or names a file without which it means nothing.
        case invalidConfiguration
        /// The pages can't be served where a setting says.
        case bind
        /// A file that is named can't be read.
        case unreadable
        /// A file can't be made or replaced where it is named.
        case cannotCreate
        /// Writing into a file failed.
        case writeFailed
    }

    package let code: Code
    /// Names the setting or the file, its value, the bounds and the remedy.
    package let message: String
    package let cause: (any Error)?

    package init(code: Code, message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    package var description: String { self.message }
}
