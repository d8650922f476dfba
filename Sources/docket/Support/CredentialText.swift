import DocketModel
import DocketPostgres
import DocketRegistry
import DocketTerminal

/// Credentials for people and for programs.
enum CredentialText {
    static func print(_ credentials: [CredentialRecord], json: Bool) throws {
        if json {
            for credential in credentials { try Console.line(self.json(credential)) }
        } else {
            try Console.write(self.table(credentials, width: Terminal.standardOutput.width, style: Console.style))
        }
    }

    static func table(_ credentials: [CredentialRecord], width: Int?, style: TerminalStyle) -> String {
        var table = TextTable(columns: [
            .number("ID"), .text("LABEL", minWidth: 8), .fixed("KIND"), .text("SUBJECT", minWidth: 8),
            .text("TENANTS", minWidth: 8), .text("SCOPES", minWidth: 8),
            .fixed("STATE"), .fixed("EXPIRES (UTC)"), .fixed("LAST USED (UTC)"),
        ])
        for credential in credentials {
            table.addRow([
                "\(credential.id)", credential.label, credential.kind.rawValue, credential.subject ?? "",
                self.tenants(credential), credential.scopes.names,
                credential.state.rawValue, credential.expiresAt?.rfc3339 ?? "never",
                credential.lastUsedAt?.rfc3339 ?? "never",
            ])
        }
        return table.rendered(width: width, style: style)
    }

    static func text(_ credential: CredentialRecord) -> String {
        var table = TextTable(columns: [.fixed("FIELD"), .fixed("VALUE")])
        for (name, value) in [
            ("id", "\(credential.id)"), ("label", credential.label), ("kind", credential.kind.rawValue),
            ("issuer", credential.issuer ?? ""), ("subject", credential.subject ?? ""),
            ("tenants", self.tenants(credential)),
            ("scopes", credential.scopes.names), ("state", credential.state.rawValue),
            ("created", credential.createdAt.rfc3339), ("expires", credential.expiresAt?.rfc3339 ?? "never"),
            ("revoked", credential.revokedAt?.rfc3339 ?? ""), ("last used", credential.lastUsedAt?.rfc3339 ?? "never"),
            ("replaces", credential.replaces.map { "\($0)" } ?? ""),
        ] where !value.isEmpty { table.addRow([name, value]) }
        return table.rendered(width: nil)
    }

    static func json(_ credential: CredentialRecord) -> String {
        var writer = JSONWriter()
        func time(_ name: String, _ value: Timestamp?) {
            writer.key(name)
            if let value { writer.string(value.rfc3339) } else { writer.null() }
        }
        writer.beginObject()
        writer.key("id")
        writer.integer(credential.id)
        writer.key("kind")
        writer.string(credential.kind.rawValue)
        for (name, value) in [("issuer", credential.issuer), ("subject", credential.subject)] {
            writer.key(name)
            if let value { writer.string(value) } else { writer.null() }
        }
        writer.key("label")
        writer.string(credential.label)
        writer.key("all_tenants")
        writer.bool(credential.tenants == nil)
        writer.key("tenants")
        writer.beginArray()
        for slug in credential.tenants ?? [] { writer.string(slug) }
        writer.endArray()
        writer.key("scopes")
        writer.beginArray()
        for scope in credential.scopes.names.split(separator: ",") { writer.string(String(scope)) }
        writer.endArray()
        writer.key("state")
        writer.string(credential.state.rawValue)
        time("created_at", credential.createdAt)
        time("expires_at", credential.expiresAt)
        time("revoked_at", credential.revokedAt)
        time("last_used_at", credential.lastUsedAt)
        writer.key("replaces")
        if let replaces = credential.replaces { writer.integer(replaces) } else { writer.null() }
        writer.endObject()
        return writer.text
    }

    private static func tenants(_ credential: CredentialRecord) -> String {
        credential.tenants.map { $0.joined(separator: ",") } ?? "all"
    }
}
