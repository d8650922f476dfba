/// Looks an installation over: the server, the roles and their rights, the segments, the logs.
///
/// It is a list of ``DoctorCheck``, each one statement with a rule over its rows; nothing is changed.
package struct Doctor: Sendable {
    /// The connections that are given; what needs another one isn't checked.
    package struct Connections: Sendable {
        /// As `docket_maintainer`, `docket_writer` and `docket_reader`, as the collector uses them.
        package var maintainer: ConnectionSettings?
        package var writer: ConnectionSettings?
        package var reader: ConnectionSettings?

        package init() {}

        func settings(_ subject: DoctorCheck.Subject) -> ConnectionSettings? {
            switch subject {
            case .any: self.maintainer ?? self.writer ?? self.reader
            case .maintainer: self.maintainer
            case .writer: self.writer
            case .reader: self.reader
            }
        }
    }

    /// How long one statement may take, in milliseconds.
    private static let statementTimeoutMilliseconds = 30_000

    private let connections: Connections
    private let checks: [DoctorCheck]

    /// - Parameters:
    ///   - sealedIndexes: The ends of the names, behind the table's, of the indexes that a sealed segment must have.
    package init(connections: Connections, sealedIndexes: [String]) {
        self.connections = connections
        self.checks = DoctorCheck.all(sealedIndexes: sealedIndexes)
    }

    /// Runs all checks for which there is a connection, in order.
    ///
    /// - Throws: `invalidSettings` when a connection string can't be read.
    package func examine() async throws(PostgresError) -> DoctorReport {
        var report = DoctorReport()
        var pools: [DoctorCheck.Subject: ConnectionPool] = [:]
        defer { for pool in pools.values { pool.close() } }
        for subject in [DoctorCheck.Subject.maintainer, .writer, .reader] {
            guard let settings = self.connections.settings(subject) else {
                report.findings.append(Self.notGiven(subject))
                continue
            }
            try settings.validate()
            let pool = try ConnectionPool(settings: settings, size: 1, name: "doctor")
            let finding = await Self.connect(subject, settings, pool)
            report.findings.append(finding)
            if finding.status == .ok {
                pools[subject] = pool
                pools[.any] = pools[.any] ?? pool
            } else {
                report.isUnreachable = true
                pool.close()
            }
        }
        guard let any = pools[.any] else { return report }
        let timeout = Self.statementTimeoutMilliseconds
        let hasSchema = try await any.run { connection throws(PostgresError) in
            try connection.query("SELECT to_regclass('docket.schema_migrations') IS NOT NULL").bool(0, 0)
        }
        for check in self.checks {
            guard let pool = pools[check.subject], hasSchema || !check.needsSchema else { continue }
            let findings: [DoctorFinding] = try await pool.run { connection throws(PostgresError) in
                try connection.execute("SET statement_timeout = \(timeout)")
                return check.findings(connection)
            }
            report.findings += findings
        }
        if !hasSchema {
            report.findings.append(
                DoctorFinding(
                    check: "schema", status: .missing, message: "the database has no schema docket",
                    remedy: "docket migrate"))
        }
        return report
    }

    private static func connect(
        _ subject: DoctorCheck.Subject, _ settings: ConnectionSettings, _ pool: ConnectionPool
    ) async -> DoctorFinding {
        do throws(PostgresError) {
            let name = try await pool.run { connection throws(PostgresError) in
                try connection.query("SELECT session_user::text").text(0, 0)
            }
            return DoctorFinding(
                check: "connection.\(subject)", status: .ok, message: "connected as \(name) (\(settings))")
        } catch {
            return DoctorFinding(
                check: "connection.\(subject)", status: .missing, message: error.message,
                remedy: "check the connection string, pg_hba.conf and the password of \(subject.role)")
        }
    }

    private static func notGiven(_ subject: DoctorCheck.Subject) -> DoctorFinding {
        DoctorFinding(
            check: "connection.\(subject)", status: .warning,
            message: "no connection of \(subject.role) is given, so what only it can tell was not checked",
            remedy: subject.howToName)
    }
}

/// What the doctor found.
package struct DoctorReport: Sendable, Equatable {
    /// In the order of the checks.
    package var findings: [DoctorFinding] = []
    /// Whether a connection that was given could not be made.
    package var isUnreachable = false

    package init() {}

    /// The gravest status of all.
    package var status: DoctorFinding.Status { self.findings.map(\.status).max() ?? .ok }
}

/// One line of the doctor's report.
package struct DoctorFinding: Sendable, Equatable {
    package enum Status: String, Sendable, Comparable {
        case ok, warning, missing

        private var rank: Int {
            switch self {
            case .ok: 0
            case .warning: 1
            case .missing: 2
            }
        }

        package static func < (left: Status, right: Status) -> Bool { left.rank < right.rank }
    }

    /// The check's name, such as `segments.hot`.
    package var check: String
    package var status: Status
    /// What was found.
    package var message: String
    /// What to do about it: SQL to run, or a command.
    package var remedy: String?

    package init(check: String, status: Status, message: String, remedy: String? = nil) {
        self.check = check
        self.status = status
        self.message = message
        self.remedy = remedy
    }
}

/// One thing to look at: a statement, and a rule over its rows. The rule gives back what is wrong; nothing means that all
/// is well.
package struct DoctorCheck: Sendable {
    /// Whose connection it is asked on.
    package enum Subject: String, Sendable, CustomStringConvertible {
        /// Any of the three: the catalog is open to all.
        case any
        case maintainer, writer, reader

        package var description: String { self.rawValue }

        var role: String {
            switch self {
            case .any, .maintainer: Roles.maintainer
            case .writer: Roles.writer
            case .reader: Roles.reader
            }
        }

        /// How the operator names the connection.
        var howToName: String {
            switch self {
            case .any, .maintainer: "pass --postgres, or set DOCKET_POSTGRES_MAINTAINER"
            case .writer: "pass --writer, or set DOCKET_POSTGRES_WRITER"
            case .reader: "pass --reader, or set DOCKET_POSTGRES_READER"
            }
        }
    }

    /// What is wrong.
    struct Fault {
        var status = DoctorFinding.Status.missing
        var message: String
        var remedy: String?
    }

    package let name: String
    package let subject: Subject
    /// Whether it asks for what migrations make.
    let needsSchema: Bool
    let sql: String
    /// What the report says when nothing is wrong.
    let success: String
    let faults: @Sendable (PostgresRows) throws(PostgresError) -> [Fault]

    init(
        _ name: String, _ subject: Subject = .any, needsSchema: Bool = true, success: String, sql: String,
        faults: @escaping @Sendable (PostgresRows) throws(PostgresError) -> [Fault]
    ) {
        self.name = name
        self.subject = subject
        self.needsSchema = needsSchema
        self.success = success
        self.sql = sql
        self.faults = faults
    }

    /// Asks, and judges the answer. That it can't be asked is a finding too.
    package func findings(_ connection: PostgresConnection) -> [DoctorFinding] {
        do throws(PostgresError) {
            let faults = try self.faults(try connection.query(self.sql))
            guard !faults.isEmpty else {
                return [DoctorFinding(check: self.name, status: .ok, message: self.success)]
            }
            return faults.map { fault in
                DoctorFinding(check: self.name, status: fault.status, message: fault.message, remedy: fault.remedy)
            }
        } catch {
            let isTimeout = error.sqlstate == .queryCanceled
            return [
                DoctorFinding(
                    check: self.name, status: isTimeout ? .warning : .missing,
                    message: "it can't be checked: \(error.description)",
                    remedy: isTimeout ? nil : "docket migrate, or the GRANTs that other lines name")
            ]
        }
    }

    /// All checks, in the order of the report.
    package static func all(sealedIndexes: [String]) -> [DoctorCheck] {
        self.server + self.sessions + self.roles + self.segments + self.indexes(sealedIndexes) + self.logs
    }
}
