package import DocketModel

/// Removes rejected events, in transactions of at most ``maxStepRows`` rows, each of which tells the tenants' own logs
/// how many it removed, why, and who did it. Nothing of a tenant under legal hold is removed.
package struct QuarantineRemoval: Sendable {
    /// The most rows that one transaction removes.
    package static let maxStepRows: Int32 = 1000

    /// What was removed, and what was not.
    package struct Report: Sendable, Equatable {
        package var removedCount = 0
        /// Rows that stay since their tenant is under legal hold.
        package var heldCount = 0
    }

    /// Why rows go.
    enum Cause: String, Sendable {
        case dropped, age, rows

        /// The reason in the event.
        func text(_ count: Int, policy: StorePolicy?) -> String {
            let what = count == 1 ? "1 rejected event was" : "\(count) rejected events were"
            return switch self {
            case .dropped: "\(what) dropped from quarantine"
            case .age: "\(what) kept in quarantine for longer than \(policy?.quarantineDays ?? 0) days"
            case .rows: "\(what) beyond the \(policy?.quarantineRows ?? 0) that quarantine keeps of a tenant"
            }
        }
    }

    /// Removed rows of one tenant.
    private struct Tally {
        var count = 0
        var first = Int64.max
        var last = Int64.min
    }

    private let log: SystemLog
    private let actor: Actor

    /// - Parameters:
    ///   - log: Writes what was removed into the tenants' logs.
    ///   - actor: Who removes.
    package init(log: SystemLog, actor: Actor = .docket) {
        self.log = log
        self.actor = actor
    }

    // MARK: Pruning

    /// Removes what the store's policy keeps no longer: rows that are too old, then each tenant's oldest beyond the most
    /// that are kept of it. One transaction on a connection of `docket_maintainer`.
    ///
    /// - Parameter maxRows: The most rows to remove: 1 to ``maxStepRows``.
    /// - Returns: How many rows were removed; 0 when there is nothing left to remove.
    package func pruneStep(
        _ connection: PostgresConnection, maxRows: Int32 = Self.maxStepRows
    ) throws(PostgresError) -> Int {
        precondition((1...Self.maxStepRows).contains(maxRows), "a step removes 1 to \(Self.maxStepRows) rows")
        let policy = try StorePolicy.read(connection)
        for cause in [Cause.age, .rows] {
            let ids = try Self.surplus(cause, maxRows: maxRows, connection)
            if ids.isEmpty { continue }
            let report = try connection.inTransaction { () throws(PostgresError) in
                try self.remove(ids, cause, policy: policy, connection)
            }
            if report.removedCount > 0 { return report.removedCount }
        }
        return 0
    }

    /// What the policy keeps no longer, oldest first in each tenant. The lateral parts use the index on tenant and time.
    private static func surplus(
        _ cause: Cause, maxRows: Int32, _ connection: PostgresConnection
    ) throws(PostgresError) -> [Int64] {
        let oldest =
            switch cause {
            case .rows:
                """
                ORDER BY received_at LIMIT least(\(maxRows), greatest(0, (
                    SELECT count(*) FROM docket.quarantine AS c WHERE c.tenant_id = t.tenant_id) - p.quarantine_rows))
                """
            default:
                """
                AND received_at < now() - make_interval(days => p.quarantine_days)
                ORDER BY received_at LIMIT \(maxRows)
                """
            }
        let rows = try connection.query(
            """
            SELECT q.quarantine_id
            FROM docket.store_policy AS p CROSS JOIN docket.tenants AS t CROSS JOIN LATERAL (
                SELECT quarantine_id FROM docket.quarantine WHERE tenant_id = t.tenant_id \(oldest)) AS q
            WHERE NOT t.legal_hold LIMIT \(maxRows)
            """)
        var ids: [Int64] = []
        for row in 0..<rows.count { ids.append(try rows.integer(row, 0)) }
        return ids
    }

    // MARK: Dropping

    /// Removes the rows of a selection whose ids come after `id`, at most ``maxStepRows`` of them, in one transaction.
    ///
    /// - Returns: What became of them, and the last of their ids; `nil` when there was none.
    func dropStep(
        _ selection: QuarantineSelection, after id: Int64, _ connection: PostgresConnection
    ) throws(PostgresError) -> (report: Report, last: Int64)? {
        var condition = try SQLConditions(selection, connection)
        condition.add("q.quarantine_id > ?", .int8(id))
        let rows = try connection.query(
            """
            SELECT q.quarantine_id FROM docket.quarantine AS q WHERE \(condition.sql)
            ORDER BY q.quarantine_id LIMIT \(Self.maxStepRows)
            """, condition.values)
        var ids: [Int64] = []
        for row in 0..<rows.count { ids.append(try rows.integer(row, 0)) }
        guard let last = ids.last else { return nil }
        let report = try connection.inTransaction { () throws(PostgresError) in
            try self.remove(ids, .dropped, policy: nil, connection)
        }
        return (report, last)
    }

    // MARK: The removal itself

    /// Removes rows in the open transaction. The tenants are locked first, so that a legal hold can't begin in between.
    private func remove(
        _ ids: [Int64], _ cause: Cause, policy: StorePolicy?, _ connection: PostgresConnection
    ) throws(PostgresError) -> Report {
        let tenants = try connection.query(
            """
            SELECT tenant_id, legal_hold FROM docket.tenants
            WHERE tenant_id IN (SELECT q.tenant_id FROM docket.quarantine AS q WHERE q.quarantine_id = ANY ($1))
            ORDER BY tenant_id FOR SHARE
            """, [.int8Array(ids)])
        var (free, held): ([Int32], [Int32]) = ([], [])
        for row in 0..<tenants.count {
            let id: Int32 = try tenants.integer(row, 0)
            if try tenants.bool(row, 1) { held.append(id) } else { free.append(id) }
        }
        var report = Report()
        if !held.isEmpty {
            let count: Int64 = try connection.query(
                "SELECT count(*) FROM docket.quarantine WHERE quarantine_id = ANY ($1) AND tenant_id = ANY ($2)",
                [.int8Array(ids), .int4Array(held)]
            ).integer(0, 0)
            report.heldCount = Int(count)
        }
        // Locked in the order of their ids, as a retry does: neither can then wait for the other.
        let removed = try connection.query(
            """
            WITH locked AS MATERIALIZED (
                SELECT quarantine_id FROM docket.quarantine WHERE quarantine_id = ANY ($1) AND tenant_id = ANY ($2)
                ORDER BY quarantine_id FOR UPDATE)
            DELETE FROM docket.quarantine AS q USING locked WHERE q.quarantine_id = locked.quarantine_id
            RETURNING q.tenant_id, q.quarantine_id
            """, [.int8Array(ids), .int4Array(free)])
        report.removedCount = removed.count
        var tallies: [Int32: Tally] = [:]
        for row in 0..<removed.count {
            let id: Int64 = try removed.integer(row, 1)
            var tally = tallies[try removed.integer(row, 0)] ?? Tally()
            tally.count += 1
            tally.first = min(tally.first, id)
            tally.last = max(tally.last, id)
            tallies[try removed.integer(row, 0)] = tally
        }
        for (tenant, tally) in tallies.sorted(by: { $0.key < $1.key }) {
            try self.tell(tenant, tally, cause, policy: policy, connection)
        }
        return report
    }

    private func tell(
        _ tenant: Int32, _ tally: Tally, _ cause: Cause, policy: StorePolicy?, _ connection: PostgresConnection
    ) throws(PostgresError) {
        var attributes = JSONWriter()
        attributes.beginObject()
        attributes.key("cause")
        attributes.string(cause.rawValue)
        attributes.key("count")
        attributes.integer(tally.count)
        attributes.key("first_quarantine_id")
        attributes.integer(tally.first)
        attributes.key("last_quarantine_id")
        attributes.integer(tally.last)
        attributes.key("database_role")
        attributes.string(try connection.query("SELECT session_user::text").text(0, 0))
        attributes.endObject()
        try self.log.write(
            SystemLog.Entry(
                tenantID: tenant, type: .quarantineRemoved, action: "remove", resource: Resource(type: "quarantine"),
                reason: cause.text(tally.count, policy: policy), actor: self.actor, attributes: attributes.text),
            connection)
    }
}
