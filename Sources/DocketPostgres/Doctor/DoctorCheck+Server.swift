// The server and the sessions.

extension DoctorCheck {
    static var server: [DoctorCheck] {
        [
            DoctorCheck(
                "server.version", needsSchema: false, success: "PostgreSQL is 15 or newer",
                sql: "SELECT current_setting('server_version_num')::int4, current_setting('server_version')"
            ) { rows throws(PostgresError) in
                let (number, text) = (try rows.integer(0, 0, as: Int32.self), try rows.text(0, 1))
                if number < Migrator.minServerVersion {
                    return [Fault(message: "PostgreSQL is \(text); Docket needs 15 or newer")]
                }
                guard self.mayLoseSummaries(number) else { return [] }
                return [
                    Fault(
                        status: .warning,
                        message:
                            "PostgreSQL \(text) may lose values from the hot segment's index, whose events a query then "
                            + "misses until it is sealed",
                        remedy: "update PostgreSQL: to 15.13, 16.9, 17.5 or newer")
                ]
            },
            DoctorCheck(
                "server.encoding", needsSchema: false, success: "the database's encoding is UTF8",
                sql: "SELECT getdatabaseencoding()::text"
            ) { rows throws(PostgresError) in
                let encoding = try rows.text(0, 0)
                guard encoding != "UTF8" else { return [] }
                return [
                    Fault(
                        message: "the database's encoding is \(encoding); text would be lost",
                        remedy: "CREATE DATABASE docket TEMPLATE template0 ENCODING 'UTF8'")
                ]
            },
            self.setting("fsync", why: "a crash of the machine may destroy the database"),
            self.setting("full_page_writes", why: "a crash of the machine may destroy pages"),
            self.setting("autovacuum", status: .warning, why: "tables that change are never cleaned up"),
            self.schemaVersion, self.extensions, self.lockTable,
        ]
    }

    /// Whether `brin_bloom_union` forgets values of summaries that were compressed (release notes of PostgreSQL 15.13, 16.9 and
    /// 17.5).
    static func mayLoseSummaries(_ version: Int32) -> Bool {
        [150_000..<150_013, 160_000..<160_009, 170_000..<170_005].contains { $0.contains(version) }
    }

    /// A setting of the server that must be on.
    private static func setting(
        _ name: String, status: DoctorFinding.Status = .missing, why: String
    ) -> DoctorCheck {
        DoctorCheck(
            "server.\(name)", needsSchema: false, success: "\(name) is on", sql: "SELECT current_setting('\(name)')"
        ) { rows throws(PostgresError) in
            guard try rows.text(0, 0) != "on" else { return [] }
            return [
                Fault(
                    status: status, message: "\(name) is off: \(why)",
                    remedy: "ALTER SYSTEM SET \(name) = on; SELECT pg_reload_conf()")
            ]
        }
    }

    private static var schemaVersion: DoctorCheck {
        let needed = Migration.all.last?.version ?? 0
        return DoctorCheck(
            "schema.version", success: "the schema is at version \(needed), which this docket is made for",
            sql: "SELECT coalesce(max(version), 0)::int4 FROM docket.schema_migrations"
        ) { rows throws(PostgresError) in
            let version: Int32 = try rows.integer(0, 0)
            if version < needed {
                return [
                    Fault(
                        message: "the schema is at version \(version); this docket needs \(needed)",
                        remedy: "docket migrate")
                ]
            }
            guard version > needed else { return [] }
            return [
                Fault(
                    status: .warning,
                    message: "the schema is at version \(version); this docket knows only \(needed)",
                    remedy: "run the newer docket")
            ]
        }
    }

    /// What the migrations need of PostgreSQL's contributed modules.
    private static var extensions: DoctorCheck {
        let wanted = Migration.all.flatMap(\.extensions).map { "'\($0)'" }.joined(separator: ", ")
        return DoctorCheck(
            "schema.extensions", success: "the extensions that Docket uses are installed",
            sql: """
                SELECT w.name FROM unnest(ARRAY[\(wanted)]::text[]) AS w (name)
                WHERE NOT EXISTS (SELECT FROM pg_extension WHERE extname = w.name) ORDER BY 1
                """
        ) { rows throws(PostgresError) in
            var faults: [Fault] = []
            for row in 0..<rows.count {
                let name = try rows.text(row, 0)
                faults.append(
                    Fault(
                        message: "the extension \(name) is not installed",
                        remedy: "CREATE EXTENSION \(name) SCHEMA docket"))
            }
            return faults
        }
    }

    /// A query that no time bounds locks every segment and every index of it (chapter 20.12 of PostgreSQL's manual).
    private static var lockTable: DoctorCheck {
        /// So many such queries are to find room at once.
        let queries: Int64 = 4
        return DoctorCheck(
            "server.locks", success: "the lock table has room for \(queries) queries over all segments at once",
            sql: """
                SELECT current_setting('max_locks_per_transaction')::int8,
                    current_setting('max_connections')::int8 + current_setting('max_prepared_transactions')::int8,
                    (SELECT count(*) FROM pg_inherits AS h WHERE h.inhparent = 'docket.events'::regclass)
                        + (SELECT count(*) FROM pg_inherits AS h JOIN pg_index AS i ON i.indrelid = h.inhrelid
                            WHERE h.inhparent = 'docket.events'::regclass)
                """
        ) { rows throws(PostgresError) in
            let (perTransaction, transactions): (Int64, Int64) = (try rows.integer(0, 0), try rows.integer(0, 1))
            let relations: Int64 = try rows.integer(0, 2)
            let (slots, needed) = (perTransaction * transactions, queries * relations)
            guard slots < needed else { return [] }
            return [
                Fault(
                    status: slots < relations ? .missing : .warning,
                    message: "the lock table has \(slots) places (\(perTransaction) × \(transactions)); \(queries) "
                        + "queries over all \(relations) segments and indexes need \(needed)",
                    remedy:
                        "ALTER SYSTEM SET max_locks_per_transaction = \((needed + transactions - 1) / transactions); "
                        + "then restart PostgreSQL")
            ]
        }
    }

    // MARK: Sessions

    static var sessions: [DoctorCheck] {
        [self.writerSession, self.readerSession, self.maintainerSession]
    }

    private static var writerSession: DoctorCheck {
        DoctorCheck(
            "writer.session", .writer, needsSchema: false,
            success: "the writer's commits are durable and go to a server that takes them",
            sql: """
                SELECT current_setting('synchronous_commit'), current_setting('standard_conforming_strings'),
                    current_setting('transaction_read_only'), pg_is_in_recovery(), session_user::text, r.rolsuper
                FROM pg_roles AS r WHERE r.rolname = current_user
                """
        ) { rows throws(PostgresError) in
            let role = try rows.text(0, 4)
            var faults: [Fault] = []
            if try rows.text(0, 0) == "off" {
                faults.append(
                    Fault(
                        message: "synchronous_commit is off: what was acknowledged may be lost by a crash",
                        remedy: "ALTER ROLE \(role) SET synchronous_commit = on"))
            }
            if try rows.text(0, 1) != "on" {
                faults.append(
                    Fault(
                        message: "standard_conforming_strings is off",
                        remedy: "ALTER ROLE \(role) SET standard_conforming_strings = on"))
            }
            if try rows.bool(0, 3) {
                faults.append(
                    Fault(
                        message: "the server is a standby, which takes no writes",
                        remedy: "name the primary, or several hosts with target_session_attrs=read-write"))
            } else if try rows.text(0, 2) == "on" {
                faults.append(
                    Fault(
                        message: "the session is read-only",
                        remedy: "ALTER ROLE \(role) SET default_transaction_read_only = off"))
            }
            if try rows.bool(0, 5) {
                faults.append(
                    Fault(
                        message: "the collector would write as \(role), a superuser, whom nothing keeps from changing "
                            + "the log",
                        remedy: "connect as \(Roles.writer)"))
            }
            return faults
        }
    }

    private static var readerSession: DoctorCheck {
        DoctorCheck(
            "reader.session", .reader, needsSchema: false, success: "the reader is \(Roles.reader), and read-only",
            sql: "SELECT session_user::text, current_setting('default_transaction_read_only')"
        ) { rows throws(PostgresError) in
            let role = try rows.text(0, 0)
            var faults: [Fault] = []
            if role != Roles.reader {
                faults.append(
                    Fault(
                        message: "the collector would read as \(role), whom row-level security doesn't trust to name "
                            + "the tenants",
                        remedy: "connect as \(Roles.reader)"))
            }
            if try rows.text(0, 1) != "on" {
                faults.append(
                    Fault(
                        status: .warning, message: "the reader's sessions aren't read-only by default",
                        remedy: "ALTER ROLE \(role) SET default_transaction_read_only = on"))
            }
            return faults
        }
    }

    private static var maintainerSession: DoctorCheck {
        DoctorCheck(
            "maintainer.session", .maintainer, success: "the maintainer owns Docket's tables",
            sql: """
                SELECT session_user::text, count(*) FILTER (WHERE NOT pg_has_role(current_user, c.relowner, 'USAGE')),
                    current_setting('transaction_read_only'), bool_or(r.rolsuper)
                FROM pg_class AS c JOIN pg_roles AS r ON r.rolname = current_user
                WHERE c.relnamespace = 'docket'::regnamespace AND c.relkind IN ('r', 'p', 'v')
                """
        ) { rows throws(PostgresError) in
            let role = try rows.text(0, 0)
            let foreign: Int64 = try rows.integer(0, 1)
            var faults: [Fault] = []
            if foreign > 0 {
                faults.append(
                    Fault(
                        message: "\(foreign) of Docket's tables don't belong to \(role), who is to maintain them",
                        remedy: "connect as \(Roles.maintainer)"))
            }
            if try rows.text(0, 2) == "on" {
                faults.append(
                    Fault(
                        message: "the maintainer's session is read-only",
                        remedy: "name the primary; ALTER ROLE \(role) SET default_transaction_read_only = off"))
            }
            if try rows.bool(0, 3) {
                faults.append(
                    Fault(
                        status: .warning, message: "\(role) is a superuser, which maintenance doesn't need",
                        remedy: "connect as \(Roles.maintainer)"))
            }
            return faults
        }
    }
}
