import DocketModel

/// How large segments grow and how long things are kept: the one row of `docket.store_policy`, which all collectors of a
/// database share.
package struct StorePolicy: Sendable, Equatable {
    /// A hot segment with so many rows is rotated.
    package var segmentRows: Int64
    /// A hot segment that is so old is rotated, unless it is empty.
    package var segmentAgeHours: Int32
    /// How long events are kept, from when they were received; `nil` for good. A tenant may have its own.
    package var retentionDays: Int32?
    /// How long a batch is known by its key.
    package var replayWindowHours: Int32
    /// How long rejected events are kept.
    package var quarantineDays: Int32
    /// The most rejected events that are kept of a tenant.
    package var quarantineRows: Int64

    /// The bounds of each setting, as the table has them.
    package enum Bounds {
        package static let segmentRows: ClosedRange<Int64> = 1000...1_000_000_000
        package static let segmentAgeHours: ClosedRange<Int64> = 1...8760
        package static let retentionDays: ClosedRange<Int64> = 1...36_500
        package static let replayWindowHours: ClosedRange<Int64> = 1...8760
        package static let quarantineDays: ClosedRange<Int64> = 1...36_500
        package static let quarantineRows: ClosedRange<Int64> = 0...1_000_000_000

        /// Throws unless the value lies within its bounds.
        package static func check(
            _ name: String, _ value: Int64?, _ bounds: ClosedRange<Int64>
        ) throws(PostgresError) {
            guard let value, !bounds.contains(value) else { return }
            throw PostgresError(
                code: .refused,
                message: "\(name) is \(value); it must be from \(bounds.lowerBound) to \(bounds.upperBound)")
        }
    }

    /// A change of some of the settings.
    package struct Change: Sendable, Equatable {
        package var segmentRows: Int64?
        package var segmentAgeHours: Int64?
        package var retention: Retention?
        package var replayWindowHours: Int64?
        package var quarantineDays: Int64?
        package var quarantineRows: Int64?

        package init() {}

        /// What is changed, for the log: the text of a JSON object.
        var attributes: String {
            var writer = JSONWriter()
            writer.beginObject()
            for (key, value) in [
                ("segment_rows", self.segmentRows), ("segment_age_hours", self.segmentAgeHours),
                ("replay_window_hours", self.replayWindowHours), ("quarantine_days", self.quarantineDays),
                ("quarantine_rows", self.quarantineRows),
            ] {
                guard let value else { continue }
                writer.key(key)
                writer.integer(value)
            }
            if let retention = self.retention {
                writer.key("retention_days")
                if let days = retention.days { writer.integer(days) } else { writer.null() }
            }
            writer.endObject()
            return writer.text
        }

        /// Throws an error that names the first value outside its bounds.
        package func validate() throws(PostgresError) {
            try Bounds.check("segment_rows", self.segmentRows, Bounds.segmentRows)
            try Bounds.check("segment_age_hours", self.segmentAgeHours, Bounds.segmentAgeHours)
            try Bounds.check("retention_days", self.retention?.days, Bounds.retentionDays)
            try Bounds.check("replay_window_hours", self.replayWindowHours, Bounds.replayWindowHours)
            try Bounds.check("quarantine_days", self.quarantineDays, Bounds.quarantineDays)
            try Bounds.check("quarantine_rows", self.quarantineRows, Bounds.quarantineRows)
        }
    }

    /// How long events are kept.
    package enum Retention: Sendable, Equatable {
        case days(Int64)
        /// For good; for a tenant, as long as the store's policy says.
        case unset

        package var days: Int64? {
            if case .days(let days) = self { return days }
            return nil
        }
    }

    /// Reads the policy, over any connection that may.
    static func read(_ connection: PostgresConnection) throws(PostgresError) -> StorePolicy {
        let rows = try connection.query(
            """
            SELECT segment_rows, segment_age_hours, retention_days, replay_window_hours, quarantine_days, quarantine_rows
            FROM docket.store_policy
            """)
        return try self.only(rows)
    }

    /// Changes the policy over a connection of `docket_maintainer`, and gives it back as it is then.
    static func update(_ change: Change, _ connection: PostgresConnection) throws(PostgresError) -> StorePolicy {
        try change.validate()
        let isRetentionGiven = change.retention != nil
        let rows = try connection.query(
            """
            UPDATE docket.store_policy SET
                segment_rows = coalesce($1::int8, segment_rows),
                segment_age_hours = coalesce($2::int8::int4, segment_age_hours),
                retention_days = CASE WHEN $3::bool THEN $4::int8::int4 ELSE retention_days END,
                replay_window_hours = coalesce($5::int8::int4, replay_window_hours),
                quarantine_days = coalesce($6::int8::int4, quarantine_days),
                quarantine_rows = coalesce($7::int8, quarantine_rows)
            RETURNING segment_rows, segment_age_hours, retention_days, replay_window_hours, quarantine_days,
                quarantine_rows
            """,
            [
                .optional(change.segmentRows), .optional(change.segmentAgeHours), .bool(isRetentionGiven),
                .optional(change.retention?.days), .optional(change.replayWindowHours),
                .optional(change.quarantineDays), .optional(change.quarantineRows),
            ])
        return try self.only(rows)
    }

    private static func only(_ rows: PostgresRows) throws(PostgresError) -> StorePolicy {
        guard rows.count == 1 else {
            throw PostgresError(
                code: .unexpectedAnswer, message: "docket.store_policy has \(rows.count) rows, not 1")
        }
        return StorePolicy(
            segmentRows: try rows.integer(0, 0), segmentAgeHours: try rows.integer(0, 1),
            retentionDays: try rows.optionalInteger(0, 2), replayWindowHours: try rows.integer(0, 3),
            quarantineDays: try rows.integer(0, 4), quarantineRows: try rows.integer(0, 5))
    }
}
