// The tenants' logs, and the numbers of batches.

extension DoctorCheck {
    /// The appender gives a batch its place within a second; a batch that has waited for so long has no appender.
    private static let maxLagSeconds = 30
    /// Fewer free node numbers than this are worth a word.
    private static let fewNodes: Int64 = 64

    static var logs: [DoctorCheck] { [self.appenderLag, self.gaps, self.nodes] }

    private static var appenderLag: DoctorCheck {
        let seconds = self.maxLagSeconds
        return DoctorCheck(
            "log.appender", .maintainer, success: "every batch gets its place in its tenant's log in time",
            sql: """
                SELECT count(*), coalesce(extract(epoch FROM now() - min(b.received_at)), 0)::int8
                FROM docket.batches AS b, docket.appender AS a
                WHERE b.received_at < now() - interval '\(seconds) seconds'
                    AND CASE WHEN a.snapshot IS NULL THEN NOT EXISTS (SELECT FROM docket.log_entries AS l
                            WHERE l.tenant_id = b.tenant_id AND l.batch_id = b.batch_id)
                        ELSE b.commit_xid >= pg_snapshot_xmin(a.snapshot)
                            AND NOT pg_visible_in_snapshot(b.commit_xid, a.snapshot) END
                """
        ) { rows throws(PostgresError) in
            let count: Int64 = try rows.integer(0, 0)
            guard count > 0 else { return [] }
            return [
                Fault(
                    status: .warning,
                    message: "\(count) batches wait for their place in the log, the oldest for "
                        + "\(try rows.integer(0, 1, as: Int64.self)) s",
                    remedy: "see that a collector with a maintainer's connection runs, and what its log says")
            ]
        }
    }

    /// Indexes of a log begin at 0 and leave none out.
    private static var gaps: DoctorCheck {
        DoctorCheck(
            "log.gaps", .maintainer, success: "no tenant's log has a gap",
            sql: """
                SELECT coalesce(t.slug, l.tenant_id::text), l.entries, l.last FROM (
                    SELECT tenant_id, count(*) AS entries, max(log_index) AS last FROM docket.log_entries GROUP BY tenant_id
                ) AS l LEFT JOIN docket.tenants AS t USING (tenant_id)
                WHERE l.last + 1 <> l.entries ORDER BY 1
                """
        ) { rows throws(PostgresError) in
            var faults: [Fault] = []
            for row in 0..<rows.count {
                let (tenant, entries) = (try rows.text(row, 0), try rows.integer(row, 1, as: Int64.self))
                let last: Int64 = try rows.integer(row, 2)
                faults.append(
                    Fault(
                        message: "the log of \(tenant) ends at index \(last), but has \(entries) entries",
                        remedy:
                            "restore docket.log_entries from a backup: entries were removed, which Docket never does"))
            }
            return faults
        }
    }

    private static var nodes: DoctorCheck {
        let few = self.fewNodes
        return DoctorCheck(
            "nodes.free", .maintainer, success: "there are node numbers for more collectors",
            sql: "SELECT 1024 - count(*) FROM docket.collector_nodes WHERE expires_at > now()"
        ) { rows throws(PostgresError) in
            let free: Int64 = try rows.integer(0, 0)
            guard free < few else { return [] }
            return [
                Fault(
                    status: free <= 0 ? .missing : .warning,
                    message: "\(max(0, free)) of 1024 node numbers are free; each collector needs one",
                    remedy: "stop collectors, or wait until leases of dead ones run out: "
                        + "SELECT * FROM docket.collector_nodes ORDER BY expires_at")
            ]
        }
    }
}
