// What each role must be granted, and must not be.

extension DoctorCheck {
    /// What each role must be granted.
    private static let grants: [(role: String, privilege: String, tables: [String])] = [
        (
            Roles.writer, "SELECT",
            [
                "tenants", "credentials", "credential_tenants", "event_types", "registry_version", "segments",
                "batches",
                "schema_migrations", "store_state", "producer_floors",
            ]
        ),
        (Roles.writer, "INSERT", ["batches", "quarantine", "quarantine_intake"]),
        (
            Roles.reader, "SELECT",
            [
                "tenants", "event_types", "events", "audit_log", "quarantine", "log_entries", "segments",
                "schema_migrations",
            ]
        ),
        (Roles.auditor, "SELECT", ["tenants", "event_types", "events", "audit_log", "quarantine", "log_entries"]),
    ]

    static var needed: DoctorCheck {
        let wanted = self.grants.flatMap { grant in
            grant.tables.map { "('\(grant.role)', '\(grant.privilege)', '\($0)')" }
        }
        return DoctorCheck(
            "roles.grants", success: "the roles have the grants that they need",
            sql: """
                SELECT r.rolname::text, w.privilege, w.name, c.oid IS NULL
                FROM (VALUES \(wanted.joined(separator: ", "))
                    UNION ALL SELECT 'docket_writer', 'INSERT', table_name FROM docket.segments WHERE state = 'hot'
                ) AS w (role, privilege, name)
                JOIN pg_roles AS r ON r.rolname = w.role
                LEFT JOIN pg_class AS c ON c.relname = w.name AND c.relnamespace = 'docket'::regnamespace
                WHERE c.oid IS NULL OR NOT has_table_privilege(r.oid, c.oid, w.privilege)
                UNION ALL
                SELECT r.rolname::text, 'USAGE', '', false FROM pg_roles AS r
                WHERE r.rolname IN ('docket_writer', 'docket_reader', 'docket_auditor')
                    AND NOT has_schema_privilege(r.oid, 'docket', 'USAGE')
                UNION ALL
                SELECT r.rolname::text, 'EXECUTE', p.oid::regprocedure::text, false
                FROM (VALUES ('docket_writer', 'lease_node'), ('docket_writer', 'renew_node'),
                    ('docket_writer', 'release_node'), ('docket_writer', 'check_floors'),
                    ('docket_reader', 'visible_tenant_ids'), ('docket_auditor', 'visible_tenant_ids'),
                    ('docket_reader', 'received_at'), ('docket_auditor', 'received_at')) AS w (role, name)
                JOIN pg_roles AS r ON r.rolname = w.role
                JOIN pg_proc AS p ON p.proname = w.name AND p.pronamespace = 'docket'::regnamespace
                WHERE NOT has_function_privilege(r.oid, p.oid, 'EXECUTE')
                ORDER BY 1, 2, 3
                """
        ) { rows throws(PostgresError) in
            var faults: [Fault] = []
            for row in 0..<rows.count {
                let (role, privilege, name) = (try rows.text(row, 0), try rows.text(row, 1), try rows.text(row, 2))
                if try rows.bool(row, 3) {
                    faults.append(Fault(message: "docket.\(name) is missing", remedy: "docket migrate"))
                    continue
                }
                let object =
                    switch privilege {
                    case "USAGE": "SCHEMA docket"
                    case "EXECUTE": "FUNCTION \(name)"
                    default: "docket.\(name)"
                    }
                faults.append(
                    Fault(
                        message: "\(role) lacks \(privilege) on \(object)",
                        remedy: "GRANT \(privilege) ON \(object) TO \(role)"))
            }
            return faults
        }
    }

    /// What no role but the owner may do to tables that aren't segments.
    static var privilegesBeyond: DoctorCheck {
        DoctorCheck(
            "roles.excess", success: "nobody but the owner may change what is stored, or see more than is meant for it",
            sql: """
                SELECT r.rolname::text, p.privilege, c.relname::text
                FROM pg_class AS c
                CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) AS p (privilege)
                JOIN pg_roles AS r ON r.rolname IN ('docket_writer', 'docket_reader', 'docket_auditor')
                WHERE c.relnamespace = 'docket'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
                    AND NOT r.rolsuper
                    AND (has_table_privilege(r.oid, c.oid, p.privilege)
                        OR (p.privilege IN ('SELECT', 'INSERT', 'UPDATE')
                            AND has_any_column_privilege(r.oid, c.oid, p.privilege)))
                    AND NOT (r.rolname = 'docket_writer' AND p.privilege = 'INSERT'
                        AND c.relname IN ('batches', 'quarantine', 'quarantine_intake'))
                    AND (p.privilege <> 'SELECT'
                        OR (r.rolname = 'docket_writer' AND c.relname IN ('events', 'audit_log', 'quarantine',
                            'quarantine_intake', 'log_entries', 'tenant_readers'))
                        OR (r.rolname <> 'docket_writer' AND c.relname IN ('batches', 'quarantine_intake', 'credentials',
                            'credential_tenants', 'tenant_readers', 'collector_nodes', 'segment_tenants',
                            'producer_floors')))
                ORDER BY 1, 3, 2
                """
        ) { rows throws(PostgresError) in
            var faults: [Fault] = []
            for row in 0..<rows.count {
                let (role, privilege, table) = (try rows.text(row, 0), try rows.text(row, 1), try rows.text(row, 2))
                faults.append(
                    Fault(
                        message: "\(role) has \(privilege) on docket.\(table), which it must not have",
                        remedy: "REVOKE \(privilege) ON docket.\(table) FROM \(role), PUBLIC"))
            }
            return faults
        }
    }

    /// A segment has no row-level security, so the grants are all that guards it: the writer's INSERT on the hot one.
    static var segmentGrants: DoctorCheck {
        DoctorCheck(
            "segments.grants", success: "only the writer may write the hot segment, and nobody may reach another one",
            sql: """
                SELECT coalesce(g.rolname::text, 'PUBLIC'), a.privilege_type, c.relname::text
                FROM pg_inherits AS h JOIN pg_class AS c ON c.oid = h.inhrelid
                CROSS JOIN LATERAL (
                    SELECT x.grantee, x.privilege_type FROM aclexplode(c.relacl) AS x
                    UNION SELECT x.grantee, x.privilege_type
                    FROM pg_attribute AS k CROSS JOIN LATERAL aclexplode(k.attacl) AS x WHERE k.attrelid = c.oid) AS a
                LEFT JOIN pg_roles AS g ON g.oid = a.grantee
                LEFT JOIN docket.segments AS s ON s.table_name = c.relname
                WHERE h.inhparent = 'docket.events'::regclass AND a.grantee <> c.relowner
                    AND NOT (g.rolname IS NOT DISTINCT FROM 'docket_writer' AND a.privilege_type = 'INSERT'
                        AND s.state IS NOT DISTINCT FROM 'hot')
                ORDER BY 3, 1, 2
                """
        ) { rows throws(PostgresError) in
            var faults: [Fault] = []
            for row in 0..<rows.count {
                let (role, privilege, table) = (try rows.text(row, 0), try rows.text(row, 1), try rows.text(row, 2))
                faults.append(
                    Fault(
                        message: "\(role) has \(privilege) on the segment docket.\(table), past row-level security",
                        remedy: "REVOKE \(privilege) ON docket.\(table) FROM \(role)"))
            }
            return faults
        }
    }
}
