import ArgumentParser
import DocketModel
import DocketPostgres
import DocketRegistry
import DocketTerminal

/// Tenants for people and for programs.
enum TenantText {
    static func print(_ tenants: [TenantRecord], json: Bool) throws {
        if json {
            for tenant in tenants { try Console.line(self.json(tenant)) }
        } else {
            try Console.write(self.table(tenants, width: Terminal.standardOutput.width, style: Console.style))
        }
    }

    static func table(_ tenants: [TenantRecord], width: Int?, style: TerminalStyle) -> String {
        var table = TextTable(columns: [
            .text("TENANT", minWidth: 12), .text("NAME", minWidth: 8), .fixed("STATE"), .fixed("RETENTION"),
            .fixed("LEGAL HOLD"), .number("CREDENTIALS"), .fixed("CREATED (UTC)"),
        ])
        for tenant in tenants {
            table.addRow([
                tenant.slug, tenant.displayName, tenant.state.rawValue, self.retention(tenant),
                tenant.hasLegalHold ? "on" : "off", "\(tenant.credentialCount)", tenant.createdAt.rfc3339,
            ])
        }
        return table.rendered(width: width, style: style)
    }

    static func text(_ tenant: TenantRecord) -> String {
        var table = TextTable(columns: [.fixed("FIELD"), .fixed("VALUE")])
        for (name, value) in [
            ("tenant", tenant.slug), ("id", "\(tenant.id)"), ("name", tenant.displayName),
            ("state", tenant.state.rawValue), ("retention", self.retention(tenant)),
            ("legal hold", tenant.hasLegalHold ? "on" : "off"), ("event types", tenant.eventTypeMode.rawValue),
            ("clock", self.clock(tenant.clock)), ("quota", self.quota(tenant.quota)),
            ("credentials", "\(tenant.credentialCount)"),
            ("created", tenant.createdAt.rfc3339),
        ] { table.addRow([name, value]) }
        return table.rendered(width: nil)
    }

    static func json(_ tenant: TenantRecord) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("tenant")
        writer.string(tenant.slug)
        writer.key("id")
        writer.integer(tenant.id)
        writer.key("display_name")
        writer.string(tenant.displayName)
        writer.key("state")
        writer.string(tenant.state.rawValue)
        writer.key("retention_days")
        if let days = tenant.retentionDays { writer.integer(days) } else { writer.null() }
        writer.key("legal_hold")
        writer.bool(tenant.hasLegalHold)
        writer.key("event_type_mode")
        writer.string(tenant.eventTypeMode.rawValue)
        writer.key("clock_mode")
        writer.string(tenant.clock.mode.rawValue)
        for (key, seconds) in [
            ("max_clock_ahead_seconds", tenant.clock.maxAheadSeconds),
            ("max_clock_behind_seconds", tenant.clock.maxBehindSeconds),
        ] {
            writer.key(key)
            if let seconds { writer.integer(seconds) } else { writer.null() }
        }
        for limit in TenantQuota.Limit.allCases {
            writer.key("quota_" + limit.rawValue)
            if let value = tenant.quota[limit] { writer.integer(value) } else { writer.null() }
        }
        writer.key("quota_burst_seconds")
        writer.integer(tenant.quota.burstSeconds)
        writer.key("credentials")
        writer.integer(tenant.credentialCount)
        writer.key("created_at")
        writer.string(tenant.createdAt.rfc3339)
        writer.endObject()
        return writer.text
    }

    /// As `docket.tenants` has it.
    static func isWellFormed(_ slug: String) -> Bool {
        func isAlphanumeric(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        return (1...63).contains(slug.utf8.count) && slug.utf8.first.map(isAlphanumeric) == true
            && slug.utf8.allSatisfy { isAlphanumeric($0) || Array("._-".utf8).contains($0) }
    }

    /// What a tenant can have: a number of days, or what the store has.
    static func validate(_ retention: RetentionArgument?) throws {
        guard retention != .forever else {
            throw ValidationError(
                "a tenant's --retention-days is a number up to \(StorePolicy.Bounds.retentionDays.upperBound), or "
                    + "'inherit'; --legal-hold on keeps everything")
        }
    }

    private static func quota(_ quota: TenantQuota) -> String {
        let limits = TenantQuota.Limit.allCases.compactMap { limit in
            quota[limit].map { "\($0) \(limit.rawValue.replacing("_", with: " "))" }
        }
        return limits.isEmpty ? "none" : limits.joined(separator: ", ")
    }

    private static func clock(_ clock: ClockPolicy) -> String {
        func limit(_ seconds: Int64?) -> String { seconds.map { "\($0) s" } ?? "any time" }
        return "\(clock.mode.rawValue), \(limit(clock.maxAheadSeconds)) ahead, \(limit(clock.maxBehindSeconds)) behind"
    }

    private static func retention(_ tenant: TenantRecord) -> String {
        tenant.retentionDays.map { "\($0) days" } ?? "inherited"
    }
}
