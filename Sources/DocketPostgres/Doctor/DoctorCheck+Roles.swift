// Who may do what.

extension DoctorCheck {
    static var roles: [DoctorCheck] {
        [
            self.attributes, self.memberships, self.needed, self.privilegesBeyond, self.segmentGrants, self.rowSecurity,
            self.views,
        ]
    }

    /// The roles exist, and none is mightier than it must be.
    private static var attributes: DoctorCheck {
        DoctorCheck(
            "roles.attributes", needsSchema: false,
            success: "the four roles exist, and none is mightier than it must be",
            sql: """
                SELECT w.name, r.oid IS NULL, coalesce(concat_ws(' ', CASE WHEN r.rolsuper THEN 'SUPERUSER' END,
                    CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
                    CASE WHEN r.rolreplication THEN 'REPLICATION' END), '')
                FROM unnest(ARRAY['docket_maintainer', 'docket_writer', 'docket_reader', 'docket_auditor']) AS w (name)
                LEFT JOIN pg_roles AS r ON r.rolname = w.name ORDER BY w.name
                """
        ) { rows throws(PostgresError) in
            var faults: [Fault] = []
            for row in 0..<rows.count {
                let (name, excess) = (try rows.text(row, 0), try rows.text(row, 2))
                if try rows.bool(row, 1) {
                    faults.append(Fault(message: "the role \(name) is missing", remedy: "docket migrate"))
                } else if !excess.isEmpty {
                    let opposite = excess.split(separator: " ").map { "NO\($0)" }.joined(separator: " ")
                    faults.append(
                        Fault(
                            message: "\(name) has \(excess), so that its grants don't bind it",
                            remedy: "ALTER ROLE \(name) \(opposite)"))
                }
            }
            return faults
        }
    }

    /// Membership gives what a grant doesn't.
    private static var memberships: DoctorCheck {
        DoctorCheck(
            "roles.memberships", needsSchema: false,
            success: "the writer and the readers are members of no role that may do more",
            sql: """
                SELECT m.rolname::text, g.rolname::text
                FROM pg_roles AS m JOIN pg_roles AS g ON g.oid <> m.oid AND pg_has_role(m.oid, g.oid, 'MEMBER')
                WHERE m.rolname IN ('docket_writer', 'docket_reader', 'docket_auditor') AND NOT m.rolsuper
                    AND (g.rolsuper OR g.rolbypassrls OR g.rolname IN (
                        'docket_maintainer', 'docket_writer', 'docket_reader', 'docket_auditor', 'pg_read_all_data',
                        'pg_write_all_data', 'pg_read_server_files', 'pg_write_server_files',
                        'pg_execute_server_program', 'pg_database_owner')
                        OR g.oid IN (SELECT relowner FROM pg_class WHERE relnamespace = to_regnamespace('docket')))
                ORDER BY 1, 2
                """
        ) { rows throws(PostgresError) in
            var faults: [Fault] = []
            for row in 0..<rows.count {
                let (member, group) = (try rows.text(row, 0), try rows.text(row, 1))
                faults.append(
                    Fault(
                        message: "\(member) is a member of \(group), and may do what that role may",
                        remedy: "REVOKE \(group) FROM \(member)"))
            }
            return faults
        }
    }

    /// Where tenants' rows can be read, row-level security must be on; on a segment it must be off, since COPY refuses one
    /// that has it.
    private static var rowSecurity: DoctorCheck {
        DoctorCheck(
            "roles.row_security", success: "row-level security is on wherever tenants' rows can be read",
            sql: """
                SELECT c.relname::text, c.relispartition FROM pg_class AS c
                WHERE c.relnamespace = 'docket'::regnamespace AND c.relkind IN ('r', 'p')
                    AND CASE WHEN c.relispartition THEN c.relrowsecurity ELSE NOT c.relrowsecurity AND (
                        c.relname IN ('tenants', 'credentials', 'credential_tenants', 'event_types', 'tenant_readers',
                            'events', 'quarantine', 'log_entries')
                        OR (c.relname NOT IN ('segments', 'schema_migrations', 'registry_version', 'store_state',
                                'store_policy')
                            AND EXISTS (SELECT FROM pg_roles AS r
                                WHERE r.rolname IN ('docket_reader', 'docket_auditor') AND NOT r.rolsuper
                                    AND has_any_column_privilege(r.oid, c.oid, 'SELECT')))) END
                ORDER BY 1
                """
        ) { rows throws(PostgresError) in
            var faults: [Fault] = []
            for row in 0..<rows.count {
                let (table, isSegment) = (try rows.text(row, 0), try rows.bool(row, 1))
                faults.append(
                    isSegment
                        ? Fault(
                            message:
                                "row-level security is on for the segment docket.\(table), so that COPY refuses it",
                            remedy: "ALTER TABLE docket.\(table) DISABLE ROW LEVEL SECURITY")
                        : Fault(
                            message: "row-level security is off for docket.\(table): readers see all tenants",
                            remedy: "ALTER TABLE docket.\(table) ENABLE ROW LEVEL SECURITY"))
            }
            return faults
        }
    }

    /// A plain view runs with its owner's rights, whom row-level security doesn't bind.
    private static var views: DoctorCheck {
        DoctorCheck(
            "roles.views", success: "every view runs with the rights of whoever asks",
            sql: """
                SELECT c.relname::text, c.relkind = 'm' FROM pg_class AS c
                WHERE c.relnamespace = 'docket'::regnamespace AND c.relkind IN ('v', 'm')
                    AND NOT EXISTS (SELECT FROM unnest(c.reloptions) AS o
                        WHERE lower(o) IN ('security_invoker=true', 'security_invoker=on', 'security_invoker=1',
                            'security_invoker=yes'))
                ORDER BY 1
                """
        ) { rows throws(PostgresError) in
            var faults: [Fault] = []
            for row in 0..<rows.count {
                let (view, isMaterialized) = (try rows.text(row, 0), try rows.bool(row, 1))
                faults.append(
                    isMaterialized
                        ? Fault(
                            status: .warning, message: "docket.\(view) is a materialized view, past row-level security",
                            remedy: "grant it to nobody who may not see all tenants, or drop it")
                        : Fault(
                            message: "the view docket.\(view) runs with its owner's rights: readers see all tenants",
                            remedy: "ALTER VIEW docket.\(view) SET (security_invoker = true)"))
            }
            return faults
        }
    }
}
