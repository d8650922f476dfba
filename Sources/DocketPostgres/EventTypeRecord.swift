package import DocketEventTypes
package import DocketModel

/// An event type as its operator sees it.
package struct EventTypeRecord: Sendable, Equatable {
    package var id: Int32
    /// The tenant that it belongs to; `nil` for a type that every tenant may use.
    package var tenant: String?
    package var name: String
    /// Whether nobody has registered it: it has been seen in a tenant that takes such types.
    package var isObserved: Bool
    /// The newest version that was applied; `nil` for a type without a definition.
    package var version: Int32?
    /// When that was.
    package var appliedAt: Timestamp?
    /// The definition as it was applied; `nil` for a type without one.
    package var body: String?

    /// What applying a definition did.
    package enum Outcome: Sendable, Equatable {
        /// The type is new, or had no definition.
        case defined
        /// The version is new, or its content has changed in a way that lets all pass that passed before.
        case changed([BreakingChange])
        case unchanged
    }

    /// The types of all tenants, of one, or those that every tenant may use; by their names. Docket's own are left out.
    static func read(
        tenant: String?, name: String? = nil, _ connection: PostgresConnection
    ) throws(PostgresError) -> [EventTypeRecord] {
        if let tenant { _ = try TenantPolicy.tenantID(named: tenant, connection) }
        let rows = try connection.query(
            """
            SELECT y.type_id, t.slug, y.name, v.version, v.applied_at, d.body, y.is_observed
            FROM docket.event_types AS y LEFT JOIN docket.tenants AS t USING (tenant_id)
            LEFT JOIN LATERAL (
                SELECT version, applied_at FROM docket.event_type_versions AS v WHERE v.type_id = y.type_id
                ORDER BY version DESC LIMIT 1
            ) AS v ON true
            LEFT JOIN docket.event_type_definitions AS d ON d.definition_id = y.definition_id
            WHERE NOT y.is_reserved AND left(y.name, 7) <> 'docket.' AND ($1::text IS NULL OR t.slug = $1 OR y.tenant_id IS NULL)
                AND ($2::text IS NULL OR y.name = $2)
            ORDER BY y.name, t.slug NULLS FIRST
            """, [tenant.map { .text($0) } ?? .null, name.map { .text($0) } ?? .null])
        var records: [EventTypeRecord] = []
        for row in 0..<rows.count {
            records.append(
                EventTypeRecord(
                    id: try rows.integer(row, 0), tenant: try rows.optionalText(row, 1), name: try rows.text(row, 2),
                    isObserved: try rows.bool(row, 6), version: try rows.optionalInteger(row, 3),
                    appliedAt: try rows.optionalTimestamp(row, 4),
                    body: try rows.optionalText(row, 5)))
        }
        return records
    }
}
