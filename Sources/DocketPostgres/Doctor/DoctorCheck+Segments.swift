// The segments and their indexes.

extension DoctorCheck {
    static var segments: [DoctorCheck] { [self.hotSegment, self.tables, self.stuck, self.detaches, self.times] }

    private static var hotSegment: DoctorCheck {
        DoctorCheck(
            "segments.hot", success: "exactly one segment is hot",
            sql: "SELECT count(*) FROM docket.segments WHERE state = 'hot'"
        ) { rows throws(PostgresError) in
            let count: Int64 = try rows.integer(0, 0)
            guard count != 1 else { return [] }
            return [
                Fault(
                    message: "\(count) segments are hot; writers need exactly one",
                    remedy: "restore the row of the newest segment in docket.segments: state = 'hot'")
            ]
        }
    }

    /// docket.segments and the partitions must tell the same story.
    private static var tables: DoctorCheck {
        DoctorCheck(
            "segments.tables", success: "every segment is a partition of docket.events, and every partition a segment",
            sql: """
                SELECT coalesce(s.table_name, p.relname)::text, s.segment_id IS NULL, c.oid IS NULL,
                    coalesce(s.segment_id, 0)
                FROM (SELECT * FROM docket.segments WHERE state NOT IN ('retiring', 'dropped')) AS s
                FULL JOIN (SELECT c.relname, c.oid FROM pg_inherits AS h JOIN pg_class AS c ON c.oid = h.inhrelid
                    WHERE h.inhparent = 'docket.events'::regclass
                        AND c.relname NOT IN (SELECT table_name FROM docket.segments WHERE state = 'retiring')) AS p
                    ON p.relname = s.table_name
                LEFT JOIN pg_class AS c ON c.relname = s.table_name AND c.relnamespace = 'docket'::regnamespace
                WHERE s.segment_id IS NULL OR p.oid IS NULL ORDER BY 1
                """
        ) { rows throws(PostgresError) in
            var faults: [Fault] = []
            for row in 0..<rows.count {
                let (table, isUnknown, isGone) = (try rows.text(row, 0), try rows.bool(row, 1), try rows.bool(row, 2))
                if isUnknown {
                    faults.append(
                        Fault(
                            message:
                                "docket.\(table) is a partition of docket.events that docket.segments doesn't know",
                            remedy: "ALTER TABLE docket.events DETACH PARTITION docket.\(table)"))
                } else {
                    faults.append(
                        Fault(
                            message: isGone
                                ? "the table docket.\(table) of a segment is gone"
                                : "docket.\(table) is no partition of docket.events, so that its events can't be read",
                            remedy: isGone
                                ? "restore it from a backup"
                                : "ALTER TABLE docket.events ATTACH PARTITION docket.\(table) FOR VALUES IN "
                                    + "(\(try rows.integer(row, 3, as: Int32.self)))"))
                }
            }
            return faults
        }
    }

    /// What a leader would have finished long ago, if there were one.
    private static var stuck: DoctorCheck {
        DoctorCheck(
            "segments.progress", success: "no segment waits for long to be sealed, frozen or removed",
            sql: """
                SELECT table_name::text, state,
                    extract(epoch FROM now() - coalesce(CASE state WHEN 'sealed' THEN sealed_at
                        WHEN 'retiring' THEN retired_at ELSE rotated_at END, created_at))::int8
                FROM docket.segments
                WHERE (state = 'sealing' AND coalesce(rotated_at, created_at) < now() - interval '1 hour')
                    OR (state = 'sealed' AND (frozen_at IS NULL OR checked_at IS NULL) AND sealed_at < now() - interval '1 hour')
                    OR (state = 'retiring' AND coalesce(retired_at, created_at) < now() - interval '1 hour')
                ORDER BY segment_id
                """
        ) { rows throws(PostgresError) in
            var faults: [Fault] = []
            for row in 0..<rows.count {
                let (table, state) = (try rows.text(row, 0), try rows.text(row, 1))
                let minutes = try rows.integer(row, 2, as: Int64.self) / 60
                let what =
                    switch state {
                    case "sealing": "has waited for \(minutes) minutes to be sealed"
                    case "sealed": "has waited for \(minutes) minutes to be frozen"
                    default: "has waited for \(minutes) minutes to be removed"
                    }
                faults.append(
                    Fault(
                        status: .warning, message: "docket.\(table) \(what)",
                        remedy: "see that a collector with a maintainer's connection runs, and what its log says; look "
                            + "for old transactions: SELECT pid, usename, xact_start FROM pg_stat_activity "
                            + "WHERE xact_start < now() - interval '10 minutes'"))
            }
            return faults
        }
    }

    private static var detaches: DoctorCheck {
        DoctorCheck(
            "segments.detach", success: "no detachment of a segment was broken off",
            sql: """
                SELECT h.inhrelid::regclass::text FROM pg_inherits AS h
                WHERE h.inhparent = 'docket.events'::regclass AND h.inhdetachpending ORDER BY 1
                """
        ) { rows throws(PostgresError) in
            var faults: [Fault] = []
            for row in 0..<rows.count {
                let table = try rows.text(row, 0)
                faults.append(
                    Fault(
                        status: .warning, message: "the detachment of \(table) was broken off",
                        remedy: "ALTER TABLE docket.events DETACH PARTITION \(table) FINALIZE"))
            }
            return faults
        }
    }

    /// The planner leaves a segment out of a query by this CHECK.
    private static var times: DoctorCheck {
        DoctorCheck(
            "segments.times", success: "every finished segment has the CHECK that queries leave it out by",
            sql: """
                SELECT s.table_name::text FROM docket.segments AS s
                JOIN pg_class AS c ON c.relname = s.table_name AND c.relnamespace = 'docket'::regnamespace
                WHERE s.state = 'sealed' AND s.checked_at IS NOT NULL AND NOT EXISTS (
                    SELECT FROM pg_constraint AS k
                    WHERE k.conrelid = c.oid AND k.conname = s.table_name || '_times' AND k.convalidated)
                ORDER BY s.segment_id
                """
        ) { rows throws(PostgresError) in
            var faults: [Fault] = []
            for row in 0..<rows.count {
                let table = try rows.text(row, 0)
                faults.append(
                    Fault(
                        status: .warning,
                        message: "docket.\(table) has no valid CHECK on its times, so that every query looks into it",
                        remedy: "UPDATE docket.segments SET checked_at = NULL WHERE table_name = '\(table)', and a "
                            + "collector adds it"))
            }
            return faults
        }
    }

    // MARK: Indexes

    /// - Parameter suffixes: The ends of the names of the indexes that a sealed segment must have.
    static func indexes(_ suffixes: [String]) -> [DoctorCheck] {
        let wanted = suffixes.map { "'\($0)'" }.joined(separator: ", ")
        return [
            DoctorCheck(
                "indexes.valid", success: "every index is usable",
                sql: """
                    SELECT i.indexrelid::regclass::text
                    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
                    LEFT JOIN docket.segments AS s ON s.table_name = c.relname
                    WHERE c.relnamespace = 'docket'::regnamespace AND NOT (i.indisvalid AND i.indisready AND i.indislive)
                        AND s.state IS DISTINCT FROM 'sealing' AND c.relkind = 'r'
                    ORDER BY 1
                    """
            ) { rows throws(PostgresError) in
                var faults: [Fault] = []
                for row in 0..<rows.count {
                    let index = try rows.text(row, 0)
                    faults.append(
                        Fault(
                            message: "the index \(index) is not usable", remedy: "REINDEX INDEX CONCURRENTLY \(index)"))
                }
                return faults
            },
            DoctorCheck(
                "indexes.sealed", success: "every sealed segment has its \(suffixes.count) indexes",
                sql: """
                    SELECT s.table_name::text, string_agg(s.table_name || '_' || w.suffix, ', ' ORDER BY w.suffix)
                    FROM docket.segments AS s CROSS JOIN unnest(ARRAY[\(wanted)]::text[]) AS w (suffix)
                    WHERE s.state = 'sealed' AND NOT EXISTS (
                        SELECT FROM pg_class AS x JOIN pg_index AS i ON i.indexrelid = x.oid
                        JOIN pg_class AS c ON c.oid = i.indrelid
                        WHERE x.relname = s.table_name || '_' || w.suffix AND c.relname = s.table_name
                            AND c.relnamespace = 'docket'::regnamespace)
                    GROUP BY s.segment_id, s.table_name ORDER BY s.segment_id
                    """
            ) { rows throws(PostgresError) in
                var faults: [Fault] = []
                for row in 0..<rows.count {
                    let (table, missing) = (try rows.text(row, 0), try rows.text(row, 1))
                    faults.append(
                        Fault(
                            message: "the sealed segment docket.\(table) lacks \(missing)",
                            remedy: "UPDATE docket.segments SET state = 'sealing' WHERE table_name = '\(table)', and a "
                                + "collector builds them"))
                }
                return faults
            },
        ]
    }
}
