import ArgumentParser
import DocketClient
import DocketRuntime
import Foundation
import Logging

/// Where a collector is and how to be let in, kept in a file so that neither is typed again.
struct Profile: Codable {
    /// `HOST:PORT` of the collector's gRPC side.
    var address: String
    /// A bearer token; `nil` when the certificate says who calls. A secret: the file is readable by its owner only.
    var token: String?
    /// The tenant to use when the credential covers several.
    var tenant: String?
    /// A PEM file of the certificates to trust; with it the connection uses TLS, unless `tls` says otherwise.
    var caFile: String?
    /// Whether the connection uses TLS.
    var tls: Bool?
    /// PEM files of the certificate that the client shows and of its key; both or none. With them the connection uses TLS.
    var clientCertificateFile: String?
    var clientKeyFile: String?

    enum CodingKeys: String, CodingKey {
        case address, token, tenant, tls
        case caFile = "ca_file"
        case clientCertificateFile = "client_certificate_file"
        case clientKeyFile = "client_key_file"
    }

    /// Reads a profile file.
    init(contentsOf path: String) throws {
        do {
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            self = try JSONDecoder().decode(Profile.self, from: data)
        } catch {
            throw CommandError(
                .configuration, "cannot read the profile '\(path)'; write it anew, or name another with --profile",
                cause: error)
        }
    }

    init(address: String, token: String?, tenant: String?) {
        self.address = address
        self.token = token
        self.tenant = tenant
    }

    /// Whether the connection uses TLS.
    var usesTLS: Bool { self.clientFiles != nil || self.tls ?? (self.caFile != nil) }

    /// The client's certificate and key, when it shows one.
    var clientFiles: (certificate: String, key: String)? {
        guard let certificate = self.clientCertificateFile, let key = self.clientKeyFile else { return nil }
        return (certificate, key)
    }

    /// The configuration of a client that goes by this profile.
    func clientConfiguration() throws -> AuditClient.Configuration {
        var configuration = AuditClient.Configuration(target: self.address, token: self.token ?? "")
        configuration.tenant = self.tenant
        if self.usesTLS {
            configuration.security = .tls(
                trustFile: self.caFile,
                clientCertificate: self.clientFiles.map { .init(certificateFile: $0.certificate, keyFile: $0.key) })
        }
        // A command says itself what went wrong; the library's log is for those who ask for it.
        configuration.logger.logLevel = Console.isVerbose ? .info : .critical
        return configuration
    }

    /// Writes the profile, readable by its owner only.
    func write(to path: String) throws { try SecretFile.write(self, to: path) }

    /// The first profile of `DOCKET_PROFILE`, `.docket/profile.json` (what `docket dev` writes), and the user's own.
    static func discover() throws -> Profile? {
        if let named = Console.environment("DOCKET_PROFILE") { return try Profile(contentsOf: named) }
        let home = Console.environment("HOME").map { $0 + "/.config" }
        let folder = Console.environment("XDG_CONFIG_HOME") ?? home
        let candidates = [".docket/profile.json"] + (folder.map { ["\($0)/docket/profile.json"] } ?? [])
        guard let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0) }) else { return nil }
        return try Profile(contentsOf: found)
    }
}

/// The flags of every command that talks to a collector.
struct ConnectionOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The collector's gRPC address. Default: the profile's.", valueName: "host:port"))
    var address: String?

    @Option(
        help: ArgumentHelp("A file that holds the token; DOCKET_TOKEN holds it otherwise.", valueName: "file"),
        completion: .file())
    var tokenFile: String?

    @Option(help: "The tenant, when the credential covers several.")
    var tenant: String?

    @Option(
        help: ArgumentHelp("Connect with TLS and trust the certificates of this PEM file.", valueName: "file"),
        completion: .file())
    var caFile: String?

    @Flag(help: "Connect with TLS and trust the system's certificates.")
    var tls = false

    @Option(
        help: ArgumentHelp("PEM file of the certificate to show instead of a token, with TLS.", valueName: "file"),
        completion: .file())
    var tlsClientCertificate: String?

    @Option(help: ArgumentHelp("PEM file of that certificate's key.", valueName: "file"), completion: .file())
    var tlsClientKey: String?

    @Option(
        help: ArgumentHelp(
            "A profile file. Default: DOCKET_PROFILE, .docket/profile.json, then the user's configuration folder.",
            valueName: "file"), completion: .file())
    var profile: String?

    func validate() throws {
        guard (self.tlsClientCertificate == nil) == (self.tlsClientKey == nil) else {
            throw ValidationError("--tls-client-certificate and --tls-client-key go together")
        }
    }

    /// The profile with the flags and the environment over it.
    ///
    /// - Parameter environment: gives the variables of the environment.
    func resolve(environment: (String) -> String? = Console.environment) throws -> Profile {
        let found = try self.profile.map { try Profile(contentsOf: $0) } ?? Profile.discover()
        guard var resolved = found ?? self.address.map({ Profile(address: $0, token: nil, tenant: nil) }) else {
            throw CommandError(
                .configuration,
                "no collector is named: pass --address HOST:PORT, or run 'docket dev', which writes a profile")
        }
        if let address = self.address { resolved.address = address }
        if let tenant = self.tenant { resolved.tenant = tenant }
        if let caFile = self.caFile { (resolved.caFile, resolved.tls) = (caFile, true) }
        if self.tls { resolved.tls = true }
        if let certificate = self.tlsClientCertificate, let key = self.tlsClientKey {
            (resolved.clientCertificateFile, resolved.clientKeyFile) = (certificate, key)
            // The certificate is meant to say who calls: a token of the profile or the environment would be asked first.
            resolved.token = nil
        }
        guard (resolved.clientCertificateFile == nil) == (resolved.clientKeyFile == nil) else {
            throw CommandError(
                .configuration,
                "the profile has one of client_certificate_file and client_key_file; write both into it, or neither")
        }
        let environmentToken = self.tlsClientCertificate == nil ? environment("DOCKET_TOKEN") : nil
        // The profile's tenant belongs to the profile's token.
        if self.tenant == nil, self.tokenFile != nil || environmentToken != nil || self.tlsClientCertificate != nil {
            resolved.tenant = nil
        }
        if let environmentToken { resolved.token = environmentToken }
        if let file = self.tokenFile {
            guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
                throw CommandError(.noInput, "cannot read the token file '\(file)'")
            }
            resolved.token = text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        guard resolved.token != nil || resolved.clientFiles != nil else {
            throw CommandError(
                .configuration,
                "no credential is given: put a token into a file and pass --token-file, or set DOCKET_TOKEN, or show a "
                    + "certificate with --tls-client-certificate")
        }
        return resolved
    }
}

/// `--verbose`, which every command has.
struct VerboseOption: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Show the causes of errors.")
    var verbose = false

    func validate() throws {
        Console.isVerbose = self.verbose
    }
}
