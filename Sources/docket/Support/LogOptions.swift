import ArgumentParser

/// Whose logs a command reads, beside that of `--tenant` or of the profile.
struct TenantsOptions: ParsableArguments {
    @Option(help: "Also the log of this tenant, beside that of --tenant or of the profile; may be repeated.")
    var alsoTenant: [String] = []

    @Flag(help: "The logs of all tenants that the credential covers.")
    var allTenants = false

    /// Whether more than one log may be read.
    var areSeveral: Bool { self.allTenants || !self.alsoTenant.isEmpty }

    /// - Throws: `ValidationError` where all tenants are meant, and some are named.
    func validate(beside connection: ConnectionOptions) throws {
        guard !self.allTenants || (self.alsoTenant.isEmpty && connection.tenant == nil) else {
            throw ValidationError("--all-tenants is all of them; leave --tenant and --also-tenant out")
        }
    }
}

/// CSV in the place of a table.
struct CSVOptions: ParsableArguments {
    @Flag(help: "CSV with a header (docs/export-formats.md) instead of a table.")
    var csv = false

    @Flag(help: "CSV: disarm text that a spreadsheet would take for a formula, which changes it.")
    var formulaSafe = false

    /// - Throws: `ValidationError` where JSON is asked for as well, or what is only there for CSV without it.
    func validate(besideJSON json: Bool) throws {
        guard !json || !self.csv else { throw ValidationError("--json and --csv are two forms; leave one out") }
        guard !self.formulaSafe || self.csv else {
            throw ValidationError("--formula-safe is for --csv; nothing else has formulas")
        }
    }
}
