import Configuration
import CoreMetrics
import DocketModel
import DocketOperations
import DocketTransport
import Logging
import Synchronization
import Testing

@Suite("The Prometheus registry")
struct PrometheusRegistryTests {
    @Test("renders counters, gauges and histograms with their types, labels escaped, ordered by name")
    func exposition() {
        let registry = PrometheusRegistry()
        registry.makeTimer(label: "docket_commit_seconds", dimensions: []).recordNanoseconds(2_000_000)
        registry.makeCounter(label: "docket_events_total", dimensions: [("tenant", "a\"b\\c\nd")]).increment(by: 3)
        registry.makeCounter(label: "docket_events_total", dimensions: [("tenant", "a\"b\\c\nd")]).increment(by: 4)
        registry.makeMeter(label: "docket_queue_bytes", dimensions: []).set(12.5)
        let text = registry.exposition()
        #expect(
            text.contains("# TYPE docket_events_total counter\ndocket_events_total{tenant=\"a\\\"b\\\\c\\nd\"} 7\n"))
        #expect(text.contains("# TYPE docket_queue_bytes gauge\ndocket_queue_bytes 12.5\n"))
        #expect(text.contains("docket_commit_seconds_bucket{le=\"0.001\"} 0\n"))
        #expect(text.contains("docket_commit_seconds_bucket{le=\"0.0025\"} 1\n"))
        #expect(text.contains("docket_commit_seconds_bucket{le=\"+Inf\"} 1\n"))
        #expect(text.contains("docket_commit_seconds_sum 0.002\n"))
        #expect(text.contains("docket_commit_seconds_count 1\n"))
        let types = text.split(separator: "\n").filter { $0.hasPrefix("# TYPE") }
        #expect(types == types.sorted())
    }

    @Test("replaces what Prometheus does not allow in a name")
    func names() {
        let registry = PrometheusRegistry()
        registry.makeCounter(label: "docket.events-total", dimensions: [("event.type", "x")]).increment(by: 1)
        #expect(registry.exposition().contains("docket_events_total{event_type=\"x\"} 1\n"))
    }

    @Test("bounds the number of series, and says how many it dropped")
    func bounded() {
        let registry = PrometheusRegistry()
        for index in 0..<PrometheusRegistry.maxSeries + 5 {
            registry.makeCounter(label: "c", dimensions: [("n", "\(index)")]).increment(by: 1)
        }
        #expect(registry.exposition().contains("docket_metric_series_dropped_total 5\n"))
    }
}

@Suite("The line log handler")
struct LineLogHandlerTests {
    private final class Lines: Sendable {
        private let lines = Mutex<[String]>([])
        var all: [String] { self.lines.withLock { $0 } }
        func append(_ line: String) { self.lines.withLock { $0.append(line) } }
    }

    @Test("writes one JSON object a line, whatever the message holds")
    func json() {
        let lines = Lines()
        var logger = Logger(label: "t") { label in
            LineLogHandler(label: label, format: .json, level: .info, sink: { lines.append($0) })
        }
        logger[metadataKey: "tenant"] = "acme"
        logger.warning("a \"quote\"\nand \u{1} more", metadata: ["bytes": "12"])
        logger.debug("not shown")
        #expect(lines.all.count == 1)
        let line = lines.all.first ?? ""
        #expect(line.contains(#""level":"warning","logger":"t","message":"a \"quote\"\nand \u0001 more""#))
        #expect(line.hasSuffix(#","bytes":"12","tenant":"acme"}"#))
    }

    @Test("escapes in text what a terminal would act on, and what would begin a line of its own")
    func escapedText() {
        let lines = Lines()
        let logger = Logger(label: "t") { label in
            LineLogHandler(label: label, format: .text, level: .info, sink: { lines.append($0) })
        }
        logger.info("a \u{1B}[2Jb", metadata: ["peer": "x\n2026 info forged"])
        #expect(lines.all.count == 1)
        #expect(lines.all.first?.hasSuffix(" info a \\u{1B}[2Jb peer=x\\n2026 info forged") == true)
    }

    @Test("writes text for people when asked")
    func text() {
        let lines = Lines()
        let logger = Logger(label: "t") { label in
            LineLogHandler(label: label, format: .text, level: .info, sink: { lines.append($0) })
        }
        logger.info("listening", metadata: ["port": "7480"])
        #expect(lines.all.first?.hasSuffix(" info listening port=7480") == true)
    }
}

@Suite("A collector's settings")
struct CollectorSettingsTests {
    private func settings(_ values: [AbsoluteConfigKey: ConfigValue]) throws -> CollectorSettings {
        try CollectorSettings(ConfigReader(provider: InMemoryProvider(values: values)))
    }

    @Test("have the documented defaults")
    func defaults() throws {
        let settings = try self.settings([:])
        #expect(settings.grpcListen == .tcp(host: "127.0.0.1", port: 7480))
        #expect(settings.httpListen == HostPort(host: "127.0.0.1", port: 7481))
        #expect(settings.writerCount == 2)
        #expect(settings.limits.maxBatchBytes == 4 * 1024 * 1024)
    }

    @Test("take numbers as numbers and as text")
    func numbers() throws {
        #expect(try self.settings(["postgres.writers": 3]).writerCount == 3)
        #expect(try self.settings(["postgres.writers": "4"]).writerCount == 4)
    }

    @Test("name the setting, its value and its bounds when it is out of range")
    func outOfRange() throws {
        let error = try #require(throws: OperationsError.self) { try self.settings(["postgres.writers": "99"]) }
        #expect(error.message == "postgres.writers is '99'; it must be a whole number from 1 to 16")
    }

    @Test("refuse a limit above its hard bound")
    func hardBound() throws {
        let error = try #require(throws: OperationsError.self) {
            try self.settings(["limits.max_indexed_field_bytes": "4096"])
        }
        #expect(error.message.contains("max_indexed_field_bytes"))
    }

    @Test("keep no registry on disk unless a file is named")
    func registrySnapshot() throws {
        #expect(try self.settings([:]).registrySnapshotFile == nil)
        #expect(try self.settings(["registry.snapshot_file": ""]).registrySnapshotFile == nil)
        let settings = try self.settings([
            "registry.snapshot_file": "/var/lib/docket/registry", "registry.max_snapshot_age_seconds": 60,
        ])
        #expect(settings.registrySnapshotFile == "/var/lib/docket/registry")
        #expect(settings.maxRegistrySnapshotAgeSeconds == 60)
        #expect(throws: OperationsError.self) { try self.settings(["registry.max_snapshot_age_seconds": 0]) }
    }

    @Test("refuse half a TLS configuration")
    func halfTLS() {
        #expect(throws: OperationsError.self) { try self.settings(["tls.key_file": "key.pem"]) }
    }

    @Test("take JWTs of one issuer for one audience, all of which must be named")
    func jwt() throws {
        #expect(try self.settings([:]).jwt == nil)
        var values: [AbsoluteConfigKey: ConfigValue] = [
            "jwt.jwks_file": "keys.json", "jwt.issuer": "https://login.acme", "jwt.leeway_seconds": 5,
        ]
        let error = try #require(throws: OperationsError.self) { try self.settings(values) }
        #expect(error.message.contains("jwt.audience is not set"))
        values["jwt.audience"] = "docket"
        let settings = try #require(try self.settings(values).jwt)
        #expect(settings.leewaySeconds == 5 && settings.reloadIntervalMilliseconds == 60_000)
        values["jwt.leeway_seconds"] = 301
        #expect(throws: OperationsError.self) { try self.settings(values) }
    }

    @Test("ask clients for certificates only over TLS, and only where somebody signs them")
    func clientCertificates() throws {
        var values: [AbsoluteConfigKey: ConfigValue] = [
            "tls.certificate_file": "c.pem", "tls.key_file": "k.pem", "tls.client_ca_file": "ca.pem",
            "tls.client_certificates": "required",
        ]
        #expect(try self.settings(values).tlsClientCertificates == .required)
        values["tls.client_certificates"] = "sometimes"
        #expect(throws: OperationsError.self) { try self.settings(values) }
        #expect(throws: OperationsError.self) { try self.settings(["tls.client_ca_file": "ca.pem"]) }
        #expect(throws: OperationsError.self) { try self.settings(["tls.client_certificates": "optional"]) }
        #expect(
            try self.settings(["tls.client_certificates": "none"]).tlsClientCertificates == ClientCertificateDemand.none
        )
    }

    @Test("demand room for a batch as it came and decompressed, and name both settings")
    func memoryForOneBatch() throws {
        let error = try #require(throws: OperationsError.self) {
            try self.settings(["memory_limit_bytes": 8_388_607])
        }
        #expect(error.message.contains("memory_limit_bytes is 8388607"))
        #expect(error.message.contains("limits.max_batch_bytes (4194304)"))
        #expect(try self.settings(["memory_limit_bytes": 8_388_608]).memoryLimitBytes == 8_388_608)
    }

    @Test("serve gRPC on a Unix-domain socket, but not the pages")
    func unixSockets() throws {
        #expect(try self.settings(["grpc.listen": "unix:/run/docket"]).grpcListen == .unix(path: "/run/docket"))
        let error = try #require(throws: OperationsError.self) { try self.settings(["http.listen": "unix:/run/d"]) }
        #expect(error.message.hasPrefix("http.listen is 'unix:/run/d'; it must be HOST:PORT"))
    }

    @Test(
        "read addresses of both families",
        arguments: [
            ("127.0.0.1:0", "127.0.0.1", 0), ("[::1]:7480", "::1", 7480),
            ("collector.example:443", "collector.example", 443),
        ])
    func addresses(_ text: String, _ host: String, _ port: Int) {
        #expect(HostPort(text) == HostPort(host: host, port: port))
    }

    @Test("refuse what is no address", arguments: ["", "host", ":80", "::1:80", "host:70000", "host:-1"])
    func noAddress(_ text: String) {
        #expect(HostPort(text) == nil)
    }
}

@Suite("The operator's pages")
struct OperationsServerTests {
    private func server(port: Int, onBound: @escaping @Sendable (Int) -> Void = { _ in }) -> OperationsServer {
        var logger = Logger(label: "t")
        logger.logLevel = .critical
        return OperationsServer(
            host: "127.0.0.1", port: port, metrics: PrometheusRegistry(), logger: logger,
            readiness: { .init(isReady: true, reason: "ready") }, onBound: onBound)
    }

    @Test("say which address is taken, and which setting names it")
    func takenPort() async throws {
        let bound = AsyncStream.makeStream(of: Int.self)
        let first = self.server(port: 0) { bound.continuation.yield($0) }
        let serving = Task { try await first.run() }
        var ports = bound.stream.makeAsyncIterator()
        let port = try #require(await ports.next())
        let error = await #expect(throws: OperationsError.self) { try await self.server(port: port).run() }
        #expect(error?.code == .bind)
        #expect(
            error?.message.hasPrefix(
                "http.listen is '127.0.0.1:\(port)', which can't be listened on: Address already in use; ") == true)
        serving.cancel()
        _ = await serving.result
    }
}
