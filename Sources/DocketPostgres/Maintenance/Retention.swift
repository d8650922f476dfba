import DocketModel

/// Removes what is older than its tenant's retention, counted from when it was received.
///
/// A segment in which everything has expired leaves whole. Where other tenants' rows have to stay, the expired tenant's
/// batches are deleted from the sealed segment, in bounded steps of whole batches. Either way their log entries stay, with
/// their roots, and the tenant's own log says what was removed, in the same transaction. A tenant under legal hold keeps
/// everything.
struct Retention {
    /// A step deletes at most about so many rows: as many whole batches as fit, and at least one.
    static let stepRows = 50_000

    /// A sealed segment with something in it that has expired.
    struct Expired: Equatable {
        var segment: HotSegment
        /// Whether nothing in it has to stay.
        var isWhole: Bool
        /// The tenants all of whose rows in it have expired.
        var tenants: [Int32]
    }

    let log: SystemLog

    /// What has expired, oldest segment first.
    static func expired(
        _ connection: PostgresConnection, segment: Int32? = nil
    ) throws(PostgresError) -> [Expired] {
        let rows = try connection.query(
            """
            SELECT s.segment_id, s.table_name::text, coalesce(bool_and(x.is_expired), true),
                coalesce(array_agg(r.tenant_id ORDER BY r.tenant_id) FILTER (WHERE x.is_expired), '{}')
            FROM docket.segments AS s
            CROSS JOIN docket.store_policy AS p
            LEFT JOIN docket.segment_tenants AS r ON r.segment_id = s.segment_id
            LEFT JOIN docket.tenants AS t ON t.tenant_id = r.tenant_id
            LEFT JOIN LATERAL (SELECT coalesce(NOT coalesce(t.legal_hold, false) AND docket.received_at(r.max_batch_id)
                < now() - make_interval(days => coalesce(t.retention_days, p.retention_days)), false) AS is_expired
            ) AS x ON r.tenant_id IS NOT NULL
            WHERE s.state = 'sealed' AND ($1 = 0 OR s.segment_id = $1)
            GROUP BY s.segment_id HAVING coalesce(bool_or(x.is_expired), true) ORDER BY s.segment_id
            """, [.int4(segment ?? 0)])
        var found: [Expired] = []
        for row in 0..<rows.count {
            found.append(
                Expired(
                    segment: HotSegment(id: try rows.integer(row, 0), table: try rows.text(row, 1)),
                    isWhole: try rows.bool(row, 2), tenants: try rows.int4Array(row, 3)))
        }
        return found
    }

    /// One step for the oldest segment with something expired.
    ///
    /// - Returns: How many events were removed; `nil` when nothing has expired.
    func step(_ connection: PostgresConnection) throws(PostgresError) -> Int64? {
        guard let oldest = try Self.expired(connection).first else { return nil }
        return try connection.inTransaction { () throws(PostgresError) in
            // A legal hold or another retention must not be given in between.
            try connection.execute("LOCK TABLE docket.tenants, docket.store_policy IN SHARE MODE")
            guard let expired = try Self.expired(connection, segment: oldest.segment.id).first else { return 0 }
            guard !expired.isWhole else { return try self.retire(expired, connection) }
            guard let tenant = expired.tenants.first else { return 0 }
            return try self.removeBatches(of: tenant, from: expired.segment, connection)
        }
    }

    /// Takes a whole segment out of the log; its table is dropped by the steps of its plan.
    private func retire(_ expired: Expired, _ connection: PostgresConnection) throws(PostgresError) -> Int64 {
        let rows = try connection.query(
            """
            SELECT tenant_id, row_count, min_batch_id, max_batch_id FROM docket.segment_tenants
            WHERE segment_id = $1 ORDER BY tenant_id
            """, [.int4(expired.segment.id)])
        var events: Int64 = 0
        for row in 0..<rows.count {
            let count: Int64 = try rows.integer(row, 1)
            events += count
            try self.write(
                Removal(
                    tenant: try rows.integer(row, 0), segment: expired.segment, events: count,
                    first: try rows.integer(row, 2), last: try rows.integer(row, 3), isWhole: true), connection)
        }
        try connection.execute(
            """
            UPDATE docket.segments SET state = 'retiring', retired_at = clock_timestamp()
            WHERE segment_id = \(expired.segment.id)
            """)
        return events
    }

    private func removeBatches(
        of tenant: Int32, from segment: HotSegment, _ connection: PostgresConnection
    ) throws(PostgresError) -> Int64 {
        let table = "docket.\(segment.table)"
        let span = try connection.query(
            """
            SELECT min_batch_id, greatest(min_batch_id, coalesce((
                SELECT e.batch_id - 1 FROM \(table) AS e WHERE e.tenant_id = $2 ORDER BY e.batch_id
                OFFSET \(Self.stepRows) LIMIT 1), max_batch_id)), max_batch_id
            FROM docket.segment_tenants WHERE segment_id = $1 AND tenant_id = $2
            """, [.int4(segment.id), .int4(tenant)])
        let (first, last): (Int64, Int64) = (try span.integer(0, 0), try span.integer(0, 1))
        let removed: Int64 = try connection.query(
            """
            WITH gone AS (DELETE FROM \(table) WHERE tenant_id = $1 AND batch_id <= $2 RETURNING 1)
            SELECT count(*) FROM gone
            """, [.int4(tenant), .int8(last)]
        ).integer(0, 0)
        _ = try connection.query(
            """
            UPDATE docket.log_entries SET removed_at = clock_timestamp()
            WHERE tenant_id = $1 AND batch_id BETWEEN $2 AND $3 AND segment_id = $4 AND removed_at IS NULL
            """, [.int4(tenant), .int8(first), .int8(last), .int4(segment.id)])
        try connection.execute(
            try last == span.integer(0, 2)
                ? "DELETE FROM docket.segment_tenants WHERE segment_id = \(segment.id) AND tenant_id = \(tenant)"
                : """
                UPDATE docket.segment_tenants SET row_count = row_count - \(removed), min_batch_id = \(last + 1)
                WHERE segment_id = \(segment.id) AND tenant_id = \(tenant)
                """)
        // Vacuumed once more, for the rows that are gone.
        _ = try connection.query(
            """
            UPDATE docket.segments SET row_count = row_count - $2, frozen_at = NULL, settled_xid = pg_current_xact_id()
            WHERE segment_id = $1
            """, [.int4(segment.id), .int8(removed)])
        try self.write(
            Removal(tenant: tenant, segment: segment, events: removed, first: first, last: last, isWhole: false),
            connection)
        return removed
    }

    private struct Removal {
        var tenant: Int32
        var segment: HotSegment
        var events: Int64
        var first: Int64
        var last: Int64
        var isWhole: Bool
    }

    private func write(_ removal: Removal, _ connection: PostgresConnection) throws(PostgresError) {
        var attributes = JSONWriter()
        attributes.beginObject()
        for (key, value) in [
            ("events", removal.events), ("first_batch_id", removal.first), ("last_batch_id", removal.last),
            ("segment", Int64(removal.segment.id)),
        ] {
            attributes.key(key)
            attributes.integer(value)
        }
        attributes.endObject()
        try self.log.write(
            SystemLog.Entry(
                tenantID: removal.tenant, type: .retentionRemoved, action: "remove",
                resource: Resource(type: "segment", id: removal.segment.table),
                reason:
                    "\(removal.events) events of \(removal.isWhole ? "a whole segment" : "a segment that others share") "
                    + "are older than the tenant's retention",
                actor: .docket, attributes: attributes.text), connection)
    }
}
