package import DocketModel
package import DocketRegistry

/// A tenant as its operator sees it.
package struct TenantRecord: Sendable, Equatable {
    /// The key in the large tables.
    package var id: Int32
    /// The name in credentials, requests and on the command line.
    package var slug: String
    /// What people call it; may be empty.
    package var displayName: String
    package var state: TenantState
    package var createdAt: Timestamp
    /// How long its events are kept, in days; `nil`: as the store's policy says.
    package var retentionDays: Int32?
    /// Whether nothing of its log may be removed.
    package var hasLegalHold: Bool
    /// How strict it is about its event types.
    package var eventTypeMode: EventTypeMode
    /// How far from the collector's clock its events may have happened.
    package var clock: ClockPolicy
    /// What it may send.
    package var quota: TenantQuota
    /// How many credentials cover it by name and are good now.
    package var credentialCount: Int64

    /// What is to become of it; what is `nil` stays.
    package struct Change: Sendable, Equatable {
        package var displayName: String?
        package var state: TenantState?
        package var retention: StorePolicy.Retention?
        package var hasLegalHold: Bool?
        package var eventTypeMode: EventTypeMode?
        package var clockMode: ClockPolicy.Mode?
        /// In seconds.
        package var maxClockAhead: Limit?
        /// In seconds.
        package var maxClockBehind: Limit?

        package var quota: [TenantQuota.Limit: Limit] = [:]
        /// For how many seconds' worth of events or bytes more may come at once.
        package var quotaBurstSeconds: Int64?

        /// A limit that may be set to none.
        package enum Limit: Sendable, Equatable {
            case none
            case some(Int64)

            var value: Int64? {
                if case .some(let value) = self { return value }
                return nil
            }
        }

        package init(
            displayName: String? = nil, state: TenantState? = nil, retention: StorePolicy.Retention? = nil,
            hasLegalHold: Bool? = nil
        ) {
            self.displayName = displayName
            self.state = state
            self.retention = retention
            self.hasLegalHold = hasLegalHold
        }

        /// What is changed, for the tenant's log: the text of a JSON object.
        var attributes: String {
            var writer = JSONWriter()
            writer.beginObject()
            if let displayName = self.displayName {
                writer.key("display_name")
                writer.string(displayName)
            }
            if let state = self.state {
                writer.key("state")
                writer.string(state.rawValue)
            }
            if let retention = self.retention {
                writer.key("retention_days")
                if let days = retention.days { writer.integer(days) } else { writer.null() }
            }
            if let hasLegalHold = self.hasLegalHold {
                writer.key("legal_hold")
                writer.bool(hasLegalHold)
            }
            if let eventTypeMode = self.eventTypeMode {
                writer.key("event_type_mode")
                writer.string(eventTypeMode.rawValue)
            }
            if let clockMode = self.clockMode {
                writer.key("clock_mode")
                writer.string(clockMode.rawValue)
            }
            let quota = TenantQuota.Limit.allCases.map { ("quota_" + $0.rawValue, self.quota[$0]) }
            for (key, limit) in quota + [
                ("quota_burst_seconds", self.quotaBurstSeconds.map { .some($0) }),
                ("max_clock_ahead_seconds", self.maxClockAhead), ("max_clock_behind_seconds", self.maxClockBehind),
            ] {
                guard let limit else { continue }
                writer.key(key)
                if let value = limit.value { writer.integer(value) } else { writer.null() }
            }
            writer.endObject()
            return writer.text
        }
    }

    /// The longest display name, in bytes of UTF-8.
    package static let maxDisplayNameBytes = 255

    /// All tenants in the order of their slugs, or the one named.
    ///
    /// - Throws: `refused` when there is no tenant of that name.
    static func read(_ slug: String?, _ connection: PostgresConnection) throws(PostgresError) -> [TenantRecord] {
        let rows = try connection.query(
            """
            SELECT t.tenant_id, t.slug, t.display_name, t.state, t.created_at, t.retention_days, t.legal_hold,
                t.event_type_mode, t.clock_mode, t.max_clock_ahead_seconds, t.max_clock_behind_seconds,
                \(TenantQuota.sqlList), (
                SELECT count(*) FROM docket.credential_tenants AS ct JOIN docket.credentials AS c USING (credential_id)
                WHERE ct.tenant_id = t.tenant_id AND c.revoked_at IS NULL
                    AND (c.expires_at IS NULL OR c.expires_at > now()))
            FROM docket.tenants AS t WHERE t.slug = $1::text OR $1::text IS NULL ORDER BY t.slug
            """, [slug.map { .text($0) } ?? .null])
        if let slug, rows.count == 0 { throw TenantPolicy.unknown(slug) }
        var records: [TenantRecord] = []
        for row in 0..<rows.count { records.append(try self.record(rows, row)) }
        return records
    }

    /// Changes a tenant in the caller's open transaction, and gives it back as it is then.
    static func update(
        _ slug: String, _ change: Change, _ connection: PostgresConnection
    ) throws(PostgresError) -> TenantRecord {
        for (name, limit) in [
            ("max_clock_ahead_seconds", change.maxClockAhead), ("max_clock_behind_seconds", change.maxClockBehind),
        ] {
            try StorePolicy.Bounds.check(name, limit?.value, ClockPolicy.seconds)
        }
        for (limit, value) in change.quota {
            try StorePolicy.Bounds.check("quota_" + limit.rawValue, value.value, limit.bounds)
        }
        try StorePolicy.Bounds.check("quota_burst_seconds", change.quotaBurstSeconds, TenantQuota.burstSecondsBounds)
        if let name = change.displayName, name.utf8.count > Self.maxDisplayNameBytes {
            throw PostgresError(
                code: .refused,
                message: "the display name has \(name.utf8.count) bytes; at most \(Self.maxDisplayNameBytes) are kept")
        }
        try StorePolicy.Bounds.check("retention_days", change.retention?.days, StorePolicy.Bounds.retentionDays)
        _ = try connection.query(
            """
            UPDATE docket.tenants SET
                display_name = coalesce($2::text, display_name), state = coalesce($3::text, state),
                event_type_mode = coalesce($4::text, event_type_mode), clock_mode = coalesce($5::text, clock_mode),
                max_clock_ahead_seconds = CASE WHEN $6::bool THEN $7::int8 ELSE max_clock_ahead_seconds END,
                max_clock_behind_seconds = CASE WHEN $8::bool THEN $9::int8 ELSE max_clock_behind_seconds END,
                retention_days = CASE WHEN $10::bool THEN $11::int8::int4 ELSE retention_days END,
                legal_hold = coalesce($12::bool, legal_hold)
            WHERE slug = $1
            """,
            [
                .text(slug), change.displayName.map { .text($0) } ?? .null,
                change.state.map { .text($0.rawValue) } ?? .null,
                change.eventTypeMode.map { .text($0.rawValue) } ?? .null,
                change.clockMode.map { .text($0.rawValue) } ?? .null,
                .bool(change.maxClockAhead != nil), .optional(change.maxClockAhead?.value),
                .bool(change.maxClockBehind != nil), .optional(change.maxClockBehind?.value),
                .bool(change.retention != nil), .optional(change.retention?.days),
                change.hasLegalHold.map { .bool($0) } ?? .null,
            ])
        for (limit, value) in change.quota {
            _ = try connection.query(
                "UPDATE docket.tenants SET quota_\(limit.rawValue) = $2::int8 WHERE slug = $1",
                [.text(slug), .optional(value.value)])
        }
        if let seconds = change.quotaBurstSeconds {
            _ = try connection.query(
                "UPDATE docket.tenants SET quota_burst_seconds = $2::int8 WHERE slug = $1",
                [.text(slug), .int8(seconds)])
        }
        guard let record = try self.read(slug, connection).first else { throw TenantPolicy.unknown(slug) }
        return record
    }

    private static func record(_ rows: PostgresRows, _ row: Int) throws(PostgresError) -> TenantRecord {
        TenantRecord(
            id: try rows.integer(row, 0), slug: try rows.text(row, 1), displayName: try rows.text(row, 2),
            state: try rows.named(row, 3), createdAt: try rows.timestamp(row, 4),
            retentionDays: try rows.optionalInteger(row, 5),
            hasLegalHold: try rows.bool(row, 6), eventTypeMode: try rows.named(row, 7),
            clock: try ClockPolicy(rows, row, from: 8), quota: try TenantQuota(rows, row, from: 11),
            credentialCount: try rows.integer(row, 16))
    }
}
