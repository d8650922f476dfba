import ArgumentParser
import DocketModel
import DocketTerminal
import Testing

@testable import DocketPostgres
@testable import docket

@Suite("The arguments of policy set")
struct PolicyArgumentsTests {
    @Test(
        "are the store's, or with --tenant a tenant's, and within their bounds",
        arguments: [
            ("--retention-days 365", true), ("--retention-days forever --segment-rows 5000", true),
            ("--quarantine-rows 0 --quarantine-days 1 --segment-age-hours 8760 --replay-window-hours 1", true),
            ("", false), ("--json", false), ("--retention-days inherit", false), ("--retention-days 0", false),
            ("--retention-days soon", false), ("--segment-rows 999", false), ("--legal-hold on", false),
            ("--tenant a --retention-days 90", true), ("--tenant a --retention-days inherit --legal-hold on", true),
            ("--tenant a --legal-hold off", true), ("--tenant a", false), ("--tenant a --legal-hold maybe", false),
            ("--tenant a --retention-days forever", false), ("--tenant a --retention-days 36501", false),
            ("--tenant a --legal-hold on --segment-rows 5000", false),
        ])
    func combinations(_ line: String, _ isRight: Bool) {
        #expect(isValid(PolicyCommand.Set.self, line) == isRight)
    }

    @Test("are refused with the bounds in the message")
    func message() throws {
        let error = try #require(throws: (any Error).self) {
            try PolicyCommand.Set.parse(["--quarantine-days", "40000"])
        }
        let message = PolicyCommand.Set.message(for: error)
        #expect(message.contains("quarantine_days is 40000; it must be from 1 to 36500"))
    }
}

@Suite("The text of policy")
struct PolicyTextTests {
    private let policy = StorePolicy(
        segmentRows: 2_000_000, segmentAgeHours: 24, retentionDays: nil, replayWindowHours: 168, quarantineDays: 30,
        quarantineRows: 100_000)
    private let tenants = [
        TenantPolicy(tenant: "a", retentionDays: nil, hasLegalHold: false),
        TenantPolicy(tenant: "b", retentionDays: 90, hasLegalHold: true),
    ]

    @Test("shows what a tenant inherits")
    func inherited() {
        #expect(PolicyText.text(self.policy).contains("retention_days       forever"))
        let forever = PolicyText.table(self.tenants, inherited: nil, width: nil, style: .plain)
        #expect(
            forever == """
                TENANT  RETENTION            LEGAL HOLD
                a       forever (inherited)  off
                b       90 days              on

                """)
        let year = PolicyText.table(self.tenants, inherited: 365, width: nil, style: .plain)
        #expect(year.contains("365 days (inherited)"))
    }

    @Test("is JSON for programs")
    func json() {
        #expect(
            PolicyText.json(self.policy, self.tenants)
                == #"{"segment_rows":2000000,"segment_age_hours":24,"retention_days":null,"replay_window_hours":168,"#
                + #""quarantine_days":30,"quarantine_rows":100000,"tenants":[{"tenant":"a","retention_days":null,"#
                + #""legal_hold":false},{"tenant":"b","retention_days":90,"legal_hold":true}]}"#)
    }
}

@Suite("The table of segments")
struct SegmentTableTests {
    private let hot = SegmentStatus(
        id: 2, table: "events_000002", state: "hot", rowCount: 1234, isRowCountExact: false, heapBytes: 1_572_864,
        indexBytes: 24_576, validIndexCount: 1, invalidIndexCount: 0, createdAt: BatchTime.start)

    private var sealed: SegmentStatus {
        var segment = self.hot
        segment.id = 1
        segment.state = "sealed"
        segment.isRowCountExact = true
        segment.validIndexCount = 10
        segment.invalidIndexCount = 1
        segment.frozenAt = BatchTime.start
        (segment.minOccurredAt, segment.maxOccurredAt) = (BatchTime.start, BatchTime.start)
        (segment.minReceivedAt, segment.maxReceivedAt) = (BatchTime.start, BatchTime.start)
        return segment
    }

    private enum BatchTime {
        static let start = Timestamp(microsecondsSinceEpoch: 1_700_000_000_500_000)
    }

    @Test("lines up, marks estimates, and leaves out times that aren't known")
    func table() {
        let table = SegmentTable.render([self.sealed, self.hot], width: nil, style: .plain)
        #expect(
            table == """
                ID  STATE    ROWS     HEAP          INDEXES  INDEX SIZE  FROZEN  OCCURRED FROM (UTC)  TO                   RECEIVED FROM (UTC)  TO
                 1  sealed   1234  1.5 MiB  10 (1 unusable)    24.0 KiB  yes     2023-11-14 22:13:20  2023-11-14 22:13:20  2023-11-14 22:13:20  2023-11-14 22:13:20
                 2  hot     ~1234  1.5 MiB                1    24.0 KiB  no      -                    -                    -                    -

                """)
        let narrow = SegmentTable.render([self.sealed], width: 120, style: .plain)
        #expect(!narrow.contains("RECEIVED"))
        for line in narrow.split(separator: "\n") { #expect(line.displayWidth <= 120) }
    }

    @Test(
        "shows sizes in binary units",
        arguments: [
            (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (1_048_575, "1.0 MiB"),
            (1_048_576, "1.0 MiB"), (5_368_709_120, "5.0 GiB"), (Int64.max, "8.0 EiB"),
        ] as [(Int64, String)])
    func sizes(_ bytes: Int64, _ text: String) {
        #expect(SegmentTable.size(bytes) == text)
    }

    @Test("is JSON for programs, with exact numbers")
    func json() {
        let text = SegmentTable.json(self.hot)
        #expect(
            text.hasPrefix(#"{"segment_id":2,"table":"events_000002","state":"hot","rows":1234,"rows_exact":false,"#))
        #expect(text.contains(#""heap_bytes":1572864,"index_bytes":24576,"valid_indexes":1,"invalid_indexes":0,"#))
        #expect(text.contains(#""occurred_from":null"#))
        #expect(SegmentTable.json(self.sealed).contains(#""occurred_from":"2023-11-14T22:13:20.500000Z""#))
    }
}

@Suite("The text of doctor")
struct DoctorTextTests {
    private let finding = DoctorFinding(
        check: "roles.grants", status: .missing, message: "x lacks y", remedy: "GRANT y ON z TO x")

    @Test("is a line a finding, and one for its remedy")
    func line() {
        #expect(
            DoctorText.line(self.finding, style: .plain) == """
                missing  roles.grants            x lacks y
                                                 → GRANT y ON z TO x
                """)
        let ok = DoctorFinding(check: "segments.hot", status: .ok, message: "all is well")
        #expect(DoctorText.line(ok, style: .plain) == "ok       segments.hot            all is well")
        #expect(
            DoctorText.json(self.finding)
                == #"{"check":"roles.grants","status":"missing","message":"x lacks y","remedy":"GRANT y ON z TO x"}"#)
    }

    @Test("ends with 78 where something is missing, 69 where a connection is, and well with warnings")
    func status() {
        var report = DoctorReport()
        #expect(DoctorText.exitStatus(report) == nil)
        report.findings = [DoctorFinding(check: "a", status: .warning, message: "")]
        #expect(DoctorText.exitStatus(report) == nil)
        report.findings.append(self.finding)
        #expect(DoctorText.exitStatus(report) == .configuration)
        #expect(DoctorText.summary(report) == "0 ok, 1 warning, 1 missing")
        report.isUnreachable = true
        #expect(DoctorText.exitStatus(report) == .unavailable)
    }
}

@Suite("The arguments of event-type add")
struct EventTypeArgumentsTests {
    @Test(
        "leave Docket's own names to Docket",
        arguments: [
            ("audit.login", true), ("dockets.x", true), ("docket.retention.removed", false), ("docket.x", false),
        ])
    func reserved(_ name: String, _ isRight: Bool) {
        #expect(isValid(EventTypeCommand.Add.self, name) == isRight)
    }
}

@Suite("The exit code of a failure in the database")
struct DatabaseErrorTests {
    @Test("tells what is to be done about it")
    func codes() {
        func status(_ code: PostgresError.Code, _ sqlstate: String? = nil) -> CommandError.ExitStatus {
            CommandError(PostgresError(code: code, message: "m", sqlstate: sqlstate.map { SQLState($0) })).exitCode
        }
        #expect(status(.refused) == .dataError)
        #expect(status(.leaseLost) == .temporaryFailure)
        #expect(status(.unfit) == .configuration)
        #expect(status(.connectFailed) == .unavailable)
        #expect(status(.statementFailed, "53100") == .unavailable)
        #expect(status(.connectFailed, "57P03") == .unavailable)
        let readOnly = CommandError(
            PostgresError(code: .connectFailed, message: "m", sqlstate: .readOnlyTransaction))
        #expect(readOnly.exitCode == .noPermission && readOnly.message == "m; connect as docket_maintainer")
        #expect(status(.statementFailed, "42501") == .noPermission)
        for undefined in ["42P01", "42703", "3F000"] {
            let error = CommandError(
                PostgresError(code: .statementFailed, message: "m", sqlstate: SQLState(undefined)))
            #expect(error.exitCode == .configuration && error.message == "m; run docket migrate")
        }
    }
}

@Suite("The arguments of credential add")
struct CredentialArgumentsTests {
    @Test(
        "are one name of one kind",
        arguments: [
            ("--spiffe spiffe://acme/a --tenant acme --scope query", true), ("--subject CN=a,O=b --all-tenants", true),
            ("--jwt-issuer https://i --jwt-subject s --expires-in 30d", true), ("", false), ("--tenant acme", false),
            ("--jwt-issuer https://i", false), ("--jwt-subject s", false),
            ("--spiffe spiffe://acme/a --subject CN=a", false),
            ("--spiffe https://acme", false), ("--subject a", false), ("--spiffe spiffe://acme/a --scope all", false),
            ("--spiffe spiffe://acme/a --tenant a --all-tenants", false),
        ])
    func combinations(_ line: String, _ isRight: Bool) {
        #expect(isValid(CredentialCommand.Add.self, line) == isRight)
    }
}
