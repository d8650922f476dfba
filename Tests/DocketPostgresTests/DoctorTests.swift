import DevCluster
import DocketModel
import DocketStore
import Testing

@testable import DocketPostgres

@Suite("The doctor")
struct DoctorTests {
    @Test(
        "versions that may lose what an index with Bloom filters says are told",
        arguments: [
            (150_012, true), (150_013, false), (160_008, true), (160_009, false), (170_004, true), (170_005, false),
            (180_000, false),
        ])
    func losingSummaries(version: Int32, loses: Bool) { #expect(DoctorCheck.mayLoseSummaries(version) == loses) }

    private static let indexes = ["tenant_time"]

    static func check(_ name: String) throws -> DoctorCheck {
        try #require(DoctorCheck.all(sealedIndexes: self.indexes).first { $0.name == name })
    }

    @Test(
        "finds what is broken, names it, and gives a remedy that works",
        arguments: Breakage.roles + Breakage.segments + Breakage.logs)
    func breakage(_ breakage: Breakage) async throws {
        let connection = try await TestDatabase.migrated().connect()
        let check = try Self.check(breakage.check)
        try connection.execute("BEGIN")
        #expect(check.findings(connection).map(\.status) == [.ok])
        try connection.execute(breakage.sql)
        let findings = check.findings(connection)
        let finding = try #require(findings.first { $0.message.contains(breakage.message) }, "\(findings)")
        #expect(finding.status == breakage.status)
        #expect(finding.remedy?.hasPrefix(breakage.remedy) == true, "\(finding)")
        guard breakage.isCurable else { return }
        for remedy in findings.compactMap(\.remedy) { try connection.execute(remedy) }
        #expect(check.findings(connection).map(\.status) == [.ok])
    }

    @Test("counts batches that have waited too long for their place in the log, and no others")
    func appenderLag() async throws {
        let database = try await TestDatabase.migrated()
        let (check, connection) = (try Self.check("log.appender"), try database.connect(Roles.maintainer))
        let (store, maker) = (try await database.store(), BatchMaker())
        #expect(await store.store(try maker.batch(1, [maker.event(1)])).committed != nil)
        try database.connect().execute("UPDATE docket.batches SET received_at = now()")
        #expect(check.findings(connection).map(\.status) == [.ok])
        let age = "UPDATE docket.batches SET received_at = now() - interval '1 minute'"
        try database.connect().execute(age)
        let finding = try #require(check.findings(connection).first)
        #expect(finding.status == .warning && finding.message.hasPrefix("1 batches wait"))
        // A snapshot that sees the batch says that the log has it.
        try connection.execute("UPDATE docket.appender SET snapshot = pg_current_snapshot()")
        #expect(check.findings(connection).map(\.status) == [.ok])
        #expect(await store.store(try maker.batch(2, [maker.event(2)])).committed != nil)
        try connection.execute("UPDATE docket.batches SET received_at = now() - interval '1 minute' WHERE sequence = 2")
        #expect(check.findings(connection).first?.message.hasPrefix("1 batches wait") == true)
    }

    @Test(
        "looks at the writer's session",
        arguments: [
            ("SET synchronous_commit = off", "synchronous_commit is off"),
            ("SET standard_conforming_strings = off", "standard_conforming_strings is off"),
            ("SET default_transaction_read_only = on", "the session is read-only"),
        ])
    func writerSession(_ setting: String, _ message: String) async throws {
        let (check, database) = (try Self.check("writer.session"), try await TestDatabase.migrated())
        let connection = try database.connect(Roles.writer)
        // The cluster of the tests doesn't wait for the disk.
        try connection.execute("SET synchronous_commit = on")
        #expect(check.findings(connection).map(\.status) == [.ok])
        try connection.execute(setting)
        let finding = try #require(check.findings(connection).first)
        #expect(finding.status == .missing && finding.message.hasPrefix(message))
        #expect(finding.remedy?.hasPrefix("ALTER ROLE docket_writer SET") == true)
    }

    @Test("wants each connection to be of the role that it is for")
    func wrongRoles() async throws {
        let database = try await TestDatabase.migrated()
        let superuser = try database.connect()
        try superuser.execute("SET synchronous_commit = on")
        #expect(try Self.check("writer.session").findings(superuser).first?.message.contains("a superuser") == true)
        let reader = try Self.check("reader.session").findings(try database.connect(Roles.writer))
        #expect(reader.map(\.status) == [.missing, .warning])
        #expect(reader.first?.remedy == "connect as docket_reader")
        let maintainer = try Self.check("maintainer.session").findings(try database.connect(Roles.writer))
        #expect(maintainer.map(\.status) == [.missing])
        #expect(try Self.check("maintainer.session").findings(superuser).map(\.status) == [.warning])
    }

    @Test("judges the server by what it answers")
    func serverSettings() async throws {
        let connection = try TestDatabase.empty().connect()
        func faults(_ name: String, _ answer: String) throws -> [DoctorFinding.Status] {
            try Self.check(name).faults(connection.query(answer)).map(\.status)
        }
        #expect(try faults("server.version", "SELECT 140012::int4, '14.12'") == [.missing])
        #expect(try faults("server.version", "SELECT 150013::int4, '15.13'").isEmpty)
        #expect(try faults("server.encoding", "SELECT 'SQL_ASCII'") == [.missing])
        #expect(try faults("server.autovacuum", "SELECT 'off'") == [.warning])
        #expect(try faults("server.full_page_writes", "SELECT 'off'") == [.missing])
        // 640 places: enough for four queries over 160 relations, and for one over 640.
        #expect(try faults("server.locks", "SELECT 64::int8, 10::int8, 160::int8").isEmpty)
        #expect(try faults("server.locks", "SELECT 64::int8, 10::int8, 161::int8") == [.warning])
        #expect(try faults("server.locks", "SELECT 64::int8, 10::int8, 641::int8") == [.missing])
        let fault = try #require(
            try Self.check("server.locks").faults(connection.query("SELECT 64::int8, 10::int8, 161::int8")).first)
        #expect(fault.remedy?.contains("max_locks_per_transaction = 65;") == true)
    }
}

@Suite("The doctor's whole report")
struct DoctorReportTests {
    private func report(
        _ database: TestDatabase, _ roles: [String] = [Roles.maintainer, Roles.writer, Roles.reader]
    ) async throws -> DoctorReport {
        var connections = Doctor.Connections()
        if roles.contains(Roles.maintainer) { connections.maintainer = database.settings(Roles.maintainer) }
        if roles.contains(Roles.writer) { connections.writer = database.settings(Roles.writer) }
        if roles.contains(Roles.reader) { connections.reader = database.settings(Roles.reader) }
        return try await Doctor(connections: connections, sealedIndexes: SealedIndex.all.map(\.suffix)).examine()
    }

    @Test("finds nothing wrong with a new database on a durable server, nor once segments were rotated and sealed")
    func healthy() async throws {
        _ = try EphemeralCluster.shared("durable", settings: DevCluster.Settings())
        let database = try TestDatabase.empty(on: "durable")
        _ = try await Migrator(settings: database.settings(DevCluster.superuser)).migrate()
        let report = try await self.report(database)
        #expect(report.findings.filter { $0.status != .ok }.isEmpty)
        #expect(report.status == .ok && !report.isUnreachable)
        #expect(report.findings.count == DoctorCheck.all(sealedIndexes: []).count + 3)

        let (store, maker, leader) = (try await database.store(), BatchMaker(), try database.leader())
        for sequence in 1...3 as ClosedRange<Int64> {
            #expect(await store.store(try maker.batch(sequence, [maker.event(1)])).committed != nil)
            try database.rotate(leader)
        }
        try database.finishSegments(leader)
        try #require(try database.areAllSealed())
        let later = try await self.report(database)
        #expect(later.findings.filter { $0.status != .ok }.isEmpty)
        let segments = try await database.administration().segments()
        #expect(segments.map(\.state) == ["sealed", "sealed", "sealed", "hot"])
        #expect(segments.prefix(3).allSatisfy { $0.rowCount == 1 && $0.isRowCountExact && $0.frozenAt != nil })
        #expect(segments.prefix(3).allSatisfy { $0.minOccurredAt == maker.event(1).occurredAt })
    }

    @Test("says that a server which doesn't wait for the disk loses data")
    func loose() async throws {
        let report = try await self.report(try await TestDatabase.migrated())
        let finding = try #require(report.findings.first { $0.check == "server.fsync" })
        #expect(finding.status == .missing && finding.remedy?.hasPrefix("ALTER SYSTEM SET fsync = on") == true)
        #expect(report.status == .missing)
    }

    @Test("leaves out what needs a connection that isn't given, and says so", arguments: [Roles.writer, Roles.reader])
    func few(_ role: String) async throws {
        let report = try await self.report(try await TestDatabase.migrated(), [role])
        let notGiven = report.findings.filter { $0.check.hasPrefix("connection.") && $0.status == .warning }
        #expect(notGiven.count == 2)
        #expect(notGiven.allSatisfy { $0.remedy?.hasPrefix("pass --") == true })
        #expect(!report.findings.contains { $0.message.hasPrefix("it can't be checked") })
        #expect(!report.findings.contains { $0.check == "nodes.free" })
        #expect(report.findings.contains { $0.check == "roles.grants" && $0.status == .ok })
    }

    @Test("tells a database without the schema to be migrated")
    func empty() async throws {
        let report = try await self.report(try TestDatabase.empty())
        #expect(report.findings.last?.check == "schema" && report.findings.last?.remedy == "docket migrate")
        #expect(!report.findings.contains { $0.check == "segments.hot" })
        #expect(report.findings.contains { $0.check == "server.version" })
    }

    @Test("tells which connection can't be made, and goes on with the others")
    func unreachable() async throws {
        let database = try await TestDatabase.migrated()
        var connections = Doctor.Connections()
        connections.maintainer = database.settings(Roles.maintainer)
        connections.writer = ConnectionSettings(conninfo: "host=/nonexistent user=docket_writer dbname=docket")
        let report = try await Doctor(connections: connections, sealedIndexes: []).examine()
        #expect(report.isUnreachable)
        #expect(report.findings.first { $0.check == "connection.writer" }?.status == .missing)
        #expect(report.findings.contains { $0.check == "segments.hot" && $0.status == .ok })
        connections.writer = ConnectionSettings(conninfo: "host='")
        let broken = connections
        let error = await #expect(throws: PostgresError.self) {
            try await Doctor(connections: broken, sealedIndexes: []).examine()
        }
        #expect(error?.code == .invalidSettings)
    }
}
