/// Which JWTs a collector takes.
package struct JWTSettings: Sendable, Equatable {
    /// A JWK Set (RFC 7517) of the issuer's keys.
    package var keySetFile: String
    /// What the claim `iss` must be.
    package var issuer: String
    /// What the claim `aud` must have.
    package var audience: String
    /// How far apart clocks may be, in seconds.
    package var leewaySeconds = 30
    /// How often the file is read again, in milliseconds; 0: at SIGHUP only.
    package var reloadIntervalMilliseconds = 60_000

    /// Reads the settings; `nil` when there are none.
    ///
    /// - Throws: ``OperationsError`` when one of file, issuer and audience lacks, or a number is out of its bounds.
    init?(_ reader: SettingReader) throws(OperationsError) {
        let names = ["jwt.jwks_file", "jwt.issuer", "jwt.audience"]
        let values = names.map { reader.string($0) ?? "" }
        guard values.contains(where: { !$0.isEmpty }) else { return nil }
        if let index = values.firstIndex(of: "") {
            throw OperationsError(
                code: .invalidConfiguration,
                message: "\(names[index]) is not set; \(names.joined(separator: ", ")) go together")
        }
        (self.keySetFile, self.issuer, self.audience) = (values[0], values[1], values[2])
        self.leewaySeconds = try reader.int("jwt.leeway_seconds", 0...300) ?? self.leewaySeconds
        self.reloadIntervalMilliseconds =
            try reader.int("jwt.reload_interval_ms", 0...86_400_000) ?? self.reloadIntervalMilliseconds
    }
}
