internal import CDocketClient
internal import DocketClient
internal import Logging

extension AuditClient.Configuration {
    /// The configuration of the caller's structure, except for its callbacks.
    init(_ config: docket_config) throws(CallError) {
        let reader = CTextReader(status: DOCKET_INVALID_CONFIGURATION)
        self.init(targets: unsafe try readTargets(config, reader))
        unsafe self.token = try reader.text(config.token, "token") ?? ""
        unsafe self.tokenFile = try reader.text(config.token_file, "token_file")
        unsafe self.tenant = try reader.text(config.tenant, "tenant")
        unsafe self.security = try .init(config, reader)
        unsafe try self.setJournal(config, reader)
        unsafe try self.setBatching(config)
    }

    private mutating func setJournal(_ config: docket_config, _ reader: CTextReader) throws(CallError) {
        guard let path = unsafe try reader.text(config.journal_path, "journal_path") else { return }
        self.journal = .init(path: path)
        let maxBytes = unsafe config.journal_max_bytes
        if maxBytes != 0 { self.journal?.maxBytes = Int(maxBytes) }
    }

    /// What has a range is checked by the client itself.
    private mutating func setBatching(_ config: docket_config) throws(CallError) {
        self.compression = try unsafe choice(config.compression, "compression", [.none, .gzip])
        self.overflowPolicy = try unsafe choice(
            config.overflow_policy, "overflow_policy", [.dropNewest, .dropOldest, .wait, .journal])
        func set(_ value: some BinaryInteger, _ setting: inout Int) { if value != 0 { setting = Int(value) } }
        unsafe set(config.max_batch_events, &self.maxBatchEvents)
        unsafe set(config.max_batch_bytes, &self.maxBatchBytes)
        unsafe set(max(config.linger_ms, -1), &self.lingerMilliseconds)
        if self.lingerMilliseconds < 0 { self.lingerMilliseconds = 0 }
        unsafe set(config.max_queue_bytes, &self.maxQueueBytes)
        unsafe set(config.max_in_flight_batches, &self.maxInFlightBatches)
        unsafe set(config.initial_backoff_ms, &self.initialBackoffMilliseconds)
        unsafe set(config.max_backoff_ms, &self.maxBackoffMilliseconds)
        let maxAttempts = unsafe config.max_attempts
        guard maxAttempts >= 0 else {
            throw CallError(DOCKET_INVALID_CONFIGURATION, "max_attempts is \(maxAttempts); it must not be negative")
        }
        if maxAttempts > 0 { self.maxAttempts = Int(maxAttempts) }
        unsafe self.reportsDrops = config.no_drop_reports == 0
    }
}

/// The most targets that are read: beyond that something else is wrong.
private let maxTargets = 100

private func readTargets(_ config: docket_config, _ reader: CTextReader) throws(CallError) -> [String] {
    let count = unsafe UInt(bitPattern: config.target_count)
    guard count <= maxTargets else {
        throw CallError(DOCKET_INVALID_CONFIGURATION, "target_count is \(count); it must be from 1 to \(maxTargets)")
    }
    guard let targets = unsafe config.targets, count > 0 else {
        throw CallError(DOCKET_INVALID_CONFIGURATION, "targets is empty; name at least one collector, as HOST:PORT")
    }
    var texts: [String] = []
    for index in 0..<Int(count) {
        guard let text = unsafe try reader.text(targets[index], "targets[\(index)]") else {
            throw CallError(DOCKET_INVALID_CONFIGURATION, "targets[\(index)] is NULL; target_count is \(count)")
        }
        texts.append(text)
    }
    return texts
}

/// The value of a number that stands for one.
private func choice<Value>(_ number: Int32, _ name: String, _ values: [Value]) throws(CallError) -> Value {
    guard values.indices.contains(Int(number)) else {
        throw CallError(
            DOCKET_INVALID_CONFIGURATION, "\(name) is \(number); it must be from 0 to \(values.count - 1)")
    }
    return values[Int(number)]
}

extension AuditClient.Configuration.Security {
    fileprivate init(_ config: docket_config, _ reader: CTextReader) throws(CallError) {
        let trustFile = unsafe try reader.text(config.trust_file, "trust_file")
        let certificateFile = unsafe try reader.text(config.client_certificate_file, "client_certificate_file")
        let keyFile = unsafe try reader.text(config.client_key_file, "client_key_file")
        guard try unsafe choice(config.security, "security", [false, true]) else {
            guard trustFile == nil, certificateFile == nil, keyFile == nil else {
                throw CallError(
                    DOCKET_INVALID_CONFIGURATION,
                    "files for TLS are set, and security is DOCKET_PLAINTEXT; use DOCKET_TLS")
            }
            self = .plaintext
            return
        }
        guard (certificateFile == nil) == (keyFile == nil) else {
            throw CallError(
                DOCKET_INVALID_CONFIGURATION, "set both client_certificate_file and client_key_file, or none of them")
        }
        var clientCertificate: AuditClient.Configuration.ClientCertificate?
        if let certificateFile, let keyFile {
            clientCertificate = .init(certificateFile: certificateFile, keyFile: keyFile)
        }
        self = .tls(trustFile: trustFile, clientCertificate: clientCertificate)
    }
}

extension Logger {
    /// Where a client's lines go: to the callback, or to standard error.
    init(_ config: docket_config, _ callbacks: Callbacks) throws(CallError) {
        let off = -1
        let level = unsafe config.log_level
        let levels: [Int] = [3, 1, 2, 3, 4, 5, 6, 7, off]
        let chosen = try choice(level, "log_level", levels)
        let handler: any LogHandler =
            if chosen == off {
                LineHandler { _, _ in }
            } else if callbacks.takesLines {
                LineHandler { callbacks.log($0, $1) }
            } else {
                StreamLogHandler.standardError(label: "docket.client")
            }
        self.init(label: "docket.client") { _ in handler }
        self.logLevel = chosen == off ? .critical : Logger.Level.allCases[chosen - 1]
    }
}
