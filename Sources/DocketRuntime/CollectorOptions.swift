package import ArgumentParser
import Configuration
package import DocketOperations
import Foundation
import SystemPackage

/// The flags that whatever runs a collector shares with the configuration file and the environment.
package struct CollectorOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Where gRPC is served; port 0 lets the system choose.", valueName: "host:port"))
    var listen: String?

    @Option(help: ArgumentHelp("Where /metrics, /readyz and /livez are served.", valueName: "host:port"))
    var httpListen: String?

    @Option(
        help: ArgumentHelp("PEM file of the certificate chain: serve TLS only.", valueName: "file"), completion: .file()
    )
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("PEM file of the certificate's key.", valueName: "file"), completion: .file())
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "PEM file of the authorities that sign client certificates: ask for them.", valueName: "file"),
        completion: .file())
    var tlsClientCa: String?

    @Option(help: ArgumentHelp("none, optional or required.", valueName: "demand"))
    var tlsClientCertificates: String?

    @Option(help: ArgumentHelp("Connections that write to PostgreSQL.", valueName: "count"))
    var writers: Int?

    @Option(
        help: ArgumentHelp(
            "Keep the registry in this file, to start with while PostgreSQL is away.", valueName: "file"),
        completion: .file())
    var registrySnapshot: String?

    @Option(help: ArgumentHelp("The largest publish request after decompression.", valueName: "bytes"))
    var maxBatchBytes: Int?

    @Option(help: ArgumentHelp("The budget for messages in flight.", valueName: "bytes"))
    var memoryLimit: Int?

    @Option(help: ArgumentHelp("Threads that serve connections; 0 means one a core.", valueName: "count"))
    var eventLoops: Int?

    @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel: String?

    @Option(help: ArgumentHelp("json or text.", valueName: "format"))
    var logFormat: String?

    @Option(
        help: ArgumentHelp("A YAML file of settings (docs/configuration.md).", valueName: "file"), completion: .file())
    package var config: String?

    package init() {}

    /// The flags by the names of their settings.
    private var values: [AbsoluteConfigKey: ConfigValue] {
        let texts: [(String, String?)] = [
            ("grpc.listen", self.listen), ("http.listen", self.httpListen),
            ("tls.certificate_file", self.tlsCertificate), ("tls.key_file", self.tlsKey),
            ("tls.client_ca_file", self.tlsClientCa), ("tls.client_certificates", self.tlsClientCertificates),
            ("postgres.writers", self.writers.map(String.init)),
            ("registry.snapshot_file", self.registrySnapshot),
            ("limits.max_batch_bytes", self.maxBatchBytes.map(String.init)),
            ("memory_limit_bytes", self.memoryLimit.map(String.init)),
            ("event_loops", self.eventLoops.map(String.init)), ("log.level", self.logLevel),
            ("log.format", self.logFormat),
        ]
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (name, text) in texts {
            if let text { values[AbsoluteConfigKey(ConfigKey(name))] = ConfigValue(.string(text), isSecret: false) }
        }
        return values
    }

    /// The settings: flags over the environment over the file, which `DOCKET_CONFIG` may name as well.
    ///
    /// - Parameter defaults: what a setting is that none of them names, where that isn't the documented default.
    /// - Throws: ``OperationsError`` when a setting is invalid, or the file can't be read or is no YAML.
    package func settings(defaults: [String: String] = [:]) async throws(OperationsError) -> CollectorSettings {
        var providers: [any ConfigProvider] = []
        providers.append(InMemoryProvider(name: "flags", values: self.values))
        let environment = EnvironmentVariablesProvider()
        providers.append(environment.prefixKeys(with: "docket"))
        if let path = self.config ?? Self.configurationFile {
            providers.append(try await Self.file(path))
        }
        let values = defaults.map { (AbsoluteConfigKey(ConfigKey($0)), ConfigValue(.string($1), isSecret: false)) }
        providers.append(InMemoryProvider(name: "defaults", values: Dictionary(uniqueKeysWithValues: values)))
        return try CollectorSettings(ConfigReader(providers: providers))
    }

    /// What `DOCKET_CONFIG` names; `nil` when it is unset or empty.
    private static var configurationFile: String? {
        guard let path = ProcessInfo.processInfo.environment["DOCKET_CONFIG"], !path.isEmpty else { return nil }
        return path
    }

    private static func file(_ path: String) async throws(OperationsError) -> any ConfigProvider {
        guard FileManager.default.isReadableFile(atPath: path) else {
            throw OperationsError(code: .unreadable, message: "cannot read the configuration file '\(path)'")
        }
        do {
            return try await FileProvider<YAMLSnapshot>(filePath: FilePath(path))
        } catch {
            throw OperationsError(
                code: .invalidConfiguration, message: "the configuration file '\(path)' is not valid YAML", cause: error
            )
        }
    }
}
