import DocketModel
import DocketPostgres
import DocketTerminal

/// Policies for people and for programs.
enum PolicyText {
    /// - Parameters:
    ///   - policy: The store's, if it is to be shown.
    ///   - inherited: The retention of tenants that have none of their own, in days.
    static func print(
        _ policy: StorePolicy?, _ tenants: [TenantPolicy], inherited: Int32?, json: Bool
    ) throws {
        if json { return try Console.line(self.json(policy, tenants)) }
        if let policy { try Console.write(self.text(policy)) }
        guard !tenants.isEmpty else { return }
        if policy != nil { try Console.line() }
        try Console.write(
            self.table(tenants, inherited: inherited, width: Terminal.standardOutput.width, style: Console.style))
    }

    static func text(_ policy: StorePolicy) -> String {
        var table = TextTable(columns: [.fixed("SETTING"), .number("VALUE"), .fixed("UNIT"), .text("MEANING")])
        let retention = policy.retentionDays.map { "\($0)" } ?? "forever"
        table.addRow(["segment_rows", "\(policy.segmentRows)", "rows", "a segment so full is closed and indexed"])
        table.addRow(["segment_age_hours", "\(policy.segmentAgeHours)", "hours", "a segment so old is closed too"])
        table.addRow([
            "retention_days", retention, policy.retentionDays == nil ? "" : "days",
            "events are kept, from their receipt",
        ])
        table.addRow(["replay_window_hours", "\(policy.replayWindowHours)", "hours", "a batch is known by its key"])
        table.addRow(["quarantine_days", "\(policy.quarantineDays)", "days", "rejected events are kept"])
        table.addRow(["quarantine_rows", "\(policy.quarantineRows)", "rows", "rejected events are kept of a tenant"])
        return table.rendered(width: nil)
    }

    static func table(_ tenants: [TenantPolicy], inherited: Int32?, width: Int?, style: TerminalStyle) -> String {
        var table = TextTable(columns: [.text("TENANT", minWidth: 12), .fixed("RETENTION"), .fixed("LEGAL HOLD")])
        let ofStore = inherited.map { "\($0) days" } ?? "forever"
        for tenant in tenants {
            table.addRow([
                tenant.tenant, tenant.retentionDays.map { "\($0) days" } ?? "\(ofStore) (inherited)",
                tenant.hasLegalHold ? "on" : "off",
            ])
        }
        return table.rendered(width: width, style: style)
    }

    static func json(_ policy: StorePolicy?, _ tenants: [TenantPolicy]) -> String {
        var writer = JSONWriter()
        func number(_ name: String, _ value: (some BinaryInteger)?) {
            writer.key(name)
            if let value { writer.integer(value) } else { writer.null() }
        }
        writer.beginObject()
        if let policy {
            number("segment_rows", policy.segmentRows)
            number("segment_age_hours", policy.segmentAgeHours)
            number("retention_days", policy.retentionDays)
            number("replay_window_hours", policy.replayWindowHours)
            number("quarantine_days", policy.quarantineDays)
            number("quarantine_rows", policy.quarantineRows)
        }
        writer.key("tenants")
        writer.beginArray()
        for tenant in tenants {
            writer.beginObject()
            writer.key("tenant")
            writer.string(tenant.tenant)
            number("retention_days", tenant.retentionDays)
            writer.key("legal_hold")
            writer.bool(tenant.hasLegalHold)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.text
    }
}
