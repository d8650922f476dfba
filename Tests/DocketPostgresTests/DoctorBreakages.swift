import Testing

@testable import DocketPostgres

/// One way to break an installation, and what the doctor has to say about it.
struct Breakage: Sendable, CustomTestStringConvertible {
    let check: String
    /// Run as superuser, in a transaction that is rolled back.
    let sql: String
    var status = DoctorFinding.Status.missing
    /// What the message names.
    let message: String
    /// What the remedy begins with.
    let remedy: String
    /// Whether running the remedies puts it right.
    var isCurable = true

    var testDescription: String { "\(self.check): \(self.sql)" }
}

extension Breakage {
    static let roles: [Breakage] = [
        Breakage(
            check: "roles.attributes", sql: "ALTER ROLE docket_writer SUPERUSER",
            message: "docket_writer has SUPERUSER",
            remedy: "ALTER ROLE docket_writer NOSUPERUSER"),
        Breakage(
            check: "roles.attributes", sql: "ALTER ROLE docket_reader BYPASSRLS CREATEROLE",
            message: "docket_reader has BYPASSRLS CREATEROLE",
            remedy: "ALTER ROLE docket_reader NOBYPASSRLS NOCREATEROLE"),
        Breakage(
            check: "roles.attributes", sql: "ALTER ROLE docket_auditor RENAME TO somebody",
            message: "the role docket_auditor is missing", remedy: "docket migrate", isCurable: false),
        Breakage(
            check: "roles.memberships", sql: "GRANT docket_maintainer TO docket_writer",
            message: "docket_writer is a member of docket_maintainer",
            remedy: "REVOKE docket_maintainer FROM docket_writer"),
        Breakage(
            check: "roles.memberships", sql: "GRANT pg_read_all_data TO docket_auditor",
            message: "docket_auditor is a member of pg_read_all_data",
            remedy: "REVOKE pg_read_all_data FROM docket_auditor"),
        Breakage(
            check: "roles.grants", sql: "REVOKE INSERT ON docket.events_000001 FROM docket_writer",
            message: "docket_writer lacks INSERT on docket.events_000001",
            remedy: "GRANT INSERT ON docket.events_000001 TO docket_writer"),
        Breakage(
            check: "roles.grants", sql: "REVOKE SELECT ON docket.batches FROM docket_writer",
            message: "docket_writer lacks SELECT on docket.batches",
            remedy: "GRANT SELECT ON docket.batches TO docket_writer"),
        Breakage(
            check: "roles.grants", sql: "REVOKE SELECT ON docket.audit_log FROM docket_auditor",
            message: "docket_auditor lacks SELECT", remedy: "GRANT SELECT ON docket.audit_log TO docket_auditor"),
        Breakage(
            check: "roles.grants", sql: "REVOKE USAGE ON SCHEMA docket FROM docket_reader",
            message: "docket_reader lacks USAGE on SCHEMA docket",
            remedy: "GRANT USAGE ON SCHEMA docket TO docket_reader"),
        Breakage(
            check: "roles.grants", sql: "REVOKE EXECUTE ON FUNCTION docket.renew_node FROM docket_writer",
            message: "docket_writer lacks EXECUTE on FUNCTION docket.renew_node",
            remedy: "GRANT EXECUTE ON FUNCTION docket.renew_node(integer,uuid,integer) TO docket_writer"),
        Breakage(
            check: "roles.grants", sql: "DROP TABLE docket.producer_floors",
            message: "docket.producer_floors is missing", remedy: "docket migrate", isCurable: false),
        Breakage(
            check: "roles.excess", sql: "GRANT UPDATE ON docket.batches TO docket_writer",
            message: "docket_writer has UPDATE on docket.batches",
            remedy: "REVOKE UPDATE ON docket.batches FROM docket_writer"),
        Breakage(
            check: "roles.excess", sql: "GRANT SELECT ON docket.events TO docket_writer",
            message: "docket_writer has SELECT on docket.events",
            remedy: "REVOKE SELECT ON docket.events FROM docket_writer"),
        Breakage(
            check: "roles.excess", sql: "GRANT DELETE ON docket.log_entries TO PUBLIC",
            message: "docket_reader has DELETE on docket.log_entries",
            remedy: "REVOKE DELETE ON docket.log_entries FROM"),
        Breakage(
            check: "roles.excess", sql: "GRANT SELECT (label) ON docket.credentials TO docket_auditor",
            message: "docket_auditor has SELECT on docket.credentials",
            remedy: "REVOKE SELECT ON docket.credentials FROM docket_auditor"),
        Breakage(
            check: "roles.row_security", sql: "ALTER TABLE docket.events DISABLE ROW LEVEL SECURITY",
            message: "off for docket.events:", remedy: "ALTER TABLE docket.events ENABLE ROW LEVEL SECURITY"),
        Breakage(
            check: "roles.row_security", sql: "GRANT SELECT ON docket.batches TO docket_reader",
            message: "off for docket.batches:", remedy: "ALTER TABLE docket.batches ENABLE ROW LEVEL SECURITY"),
        Breakage(
            check: "roles.row_security", sql: "ALTER TABLE docket.events_000001 ENABLE ROW LEVEL SECURITY",
            message: "on for the segment docket.events_000001",
            remedy: "ALTER TABLE docket.events_000001 DISABLE ROW LEVEL SECURITY"),
        Breakage(
            check: "roles.views", sql: "ALTER VIEW docket.audit_log SET (security_invoker = false)",
            message: "docket.audit_log runs with its owner's rights",
            remedy: "ALTER VIEW docket.audit_log SET (security_invoker = true)"),
        Breakage(
            check: "roles.views", sql: "CREATE VIEW docket.mine AS SELECT * FROM docket.events", message: "docket.mine",
            remedy: "ALTER VIEW docket.mine SET (security_invoker = true)"),
    ]

    static let segments: [Breakage] = [
        Breakage(
            check: "segments.grants", sql: "GRANT SELECT ON docket.events_000001 TO docket_reader",
            message: "docket_reader has SELECT on the segment docket.events_000001",
            remedy: "REVOKE SELECT ON docket.events_000001 FROM docket_reader"),
        Breakage(
            check: "segments.grants", sql: "GRANT SELECT (scope) ON docket.events_000001 TO PUBLIC",
            message: "PUBLIC has SELECT on the segment", remedy: "REVOKE SELECT ON docket.events_000001 FROM PUBLIC"),
        Breakage(
            check: "segments.grants", sql: "UPDATE docket.segments SET state = 'sealed'",
            message: "docket_writer has INSERT on the segment docket.events_000001",
            remedy: "REVOKE INSERT ON docket.events_000001 FROM docket_writer"),
        Breakage(
            check: "segments.hot", sql: "UPDATE docket.segments SET state = 'sealing'", message: "0 segments are hot",
            remedy: "restore the row", isCurable: false),
        Breakage(
            check: "segments.tables", sql: "ALTER TABLE docket.events DETACH PARTITION docket.events_000001",
            message: "docket.events_000001 is no partition",
            remedy: "ALTER TABLE docket.events ATTACH PARTITION docket.events_000001 FOR VALUES IN (1)"),
        Breakage(
            check: "segments.tables", sql: "DROP TABLE docket.events_000001",
            message: "docket.events_000001 of a segment is gone",
            remedy: "restore it", isCurable: false),
        Breakage(
            check: "segments.tables", sql: "CREATE TABLE docket.mine PARTITION OF docket.events FOR VALUES IN (77)",
            message: "docket.mine is a partition", remedy: "ALTER TABLE docket.events DETACH PARTITION docket.mine"),
        Breakage(
            check: "segments.progress",
            sql: "UPDATE docket.segments SET state = 'sealing', rotated_at = now() - interval '61 minutes'",
            status: .warning, message: "docket.events_000001 has waited for 61 minutes to be sealed",
            remedy: "see that a collector", isCurable: false),
        Breakage(
            check: "segments.progress",
            sql: "UPDATE docket.segments SET state = 'sealed', sealed_at = now() - interval '2 hours'",
            status: .warning, message: "has waited for 120 minutes to be frozen", remedy: "see that", isCurable: false),
        Breakage(
            check: "segments.progress",
            sql: "UPDATE docket.segments SET state = 'retiring', retired_at = now() - interval '2 hours'",
            status: .warning, message: "has waited for 120 minutes to be removed", remedy: "see that", isCurable: false),
        Breakage(
            check: "segments.times", sql: "UPDATE docket.segments SET state = 'sealed', checked_at = now()",
            status: .warning,
            message: "docket.events_000001 has no valid CHECK",
            remedy: "UPDATE docket.segments SET checked_at = NULL WHERE table_name = 'events_000001'", isCurable: false),
        Breakage(
            check: "segments.detach", sql: "UPDATE pg_inherits SET inhdetachpending = true", status: .warning,
            message: "the detachment of docket.events_000001 was broken off",
            remedy: "ALTER TABLE docket.events DETACH PARTITION docket.events_000001 FINALIZE", isCurable: false),
        Breakage(
            check: "indexes.valid",
            sql:
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'docket.events_000001_blocks'::regclass",
            message: "docket.events_000001_blocks is not usable",
            remedy: "REINDEX INDEX CONCURRENTLY docket.events_000001_blocks", isCurable: false),
        Breakage(
            check: "indexes.sealed", sql: "UPDATE docket.segments SET state = 'sealed'",
            message: "docket.events_000001 lacks events_000001_tenant_time",
            remedy: "UPDATE docket.segments SET state = 'sealing' WHERE table_name = 'events_000001'", isCurable: false),
    ]

    static let logs: [Breakage] = [
        Breakage(
            check: "schema.version", sql: "DELETE FROM docket.schema_migrations WHERE version > 3",
            message: "the schema is at version 3", remedy: "docket migrate", isCurable: false),
        Breakage(
            check: "schema.version", sql: "INSERT INTO docket.schema_migrations VALUES (99, 'later', 'x')",
            status: .warning, message: "the schema is at version 99", remedy: "run the newer docket", isCurable: false),
        Breakage(
            check: "schema.version", sql: "DROP TABLE docket.schema_migrations", message: "it can't be checked",
            remedy: "docket migrate", isCurable: false),
        Breakage(
            check: "schema.extensions", sql: "DROP EXTENSION btree_gin CASCADE",
            message: "the extension btree_gin is not installed", remedy: "CREATE EXTENSION btree_gin SCHEMA docket"),
        Breakage(
            check: "log.gaps",
            sql: """
                INSERT INTO docket.log_entries (log_index, batch_id, sequence, producer_id, tenant_id, event_count,
                    accepted_count, root)
                SELECT i, i, i, gen_random_uuid(), 1, 1, 1, '' FROM unnest(ARRAY[0, 2]) AS i
                """, message: "the log of default ends at index 2, but has 2 entries", remedy: "restore",
            isCurable: false),
        Breakage(
            check: "nodes.free",
            sql: """
                INSERT INTO docket.collector_nodes SELECT i, gen_random_uuid(), '', now(), now() + interval '1 minute'
                FROM generate_series(0, 1000) AS i
                """, status: .warning, message: "23 of 1024", remedy: "stop collectors", isCurable: false),
        Breakage(
            check: "nodes.free",
            sql: """
                INSERT INTO docket.collector_nodes SELECT i, gen_random_uuid(), '', now(), now() + interval '1 minute'
                FROM generate_series(0, 1023) AS i
                """, message: "0 of 1024", remedy: "stop collectors", isCurable: false),
    ]
}
