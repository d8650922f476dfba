import DevCluster
import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

/// A database with rejected events.
struct QuarantineFixture {
    let database: TestDatabase
    let administration: Administration
    static let operatorActor = Actor(kind: "user", id: "olivia")

    init() async throws {
        self.database = try await TestDatabase.migrated()
        self.administration = try self.database.administration()
    }

    /// Stores a batch that holds `count` events of the type `unknown`, which are rejected, with ids from `first` on.
    func reject(_ count: Int, tenant: Int32 = 1, sequence: Int64 = 1, first: UInt64 = 1) async throws {
        let maker = BatchMaker(tenantID: tenant)
        let store = try await self.database.store()
        let events = (0..<count).map { maker.event(first + UInt64($0), type: "unknown", scope: "s") }
        #expect(await store.store(try maker.batch(sequence, events)).committed?.acceptedCount == 0)
    }

    /// The fields of the events that Docket wrote itself, in the order of their batches.
    func removals(tenant: Int32 = 1) throws -> [(actor: String, reason: String, attributes: String)] {
        let rows = try self.database.connect().query(
            """
            SELECT actor_id, reason, attributes::text FROM docket.audit_log AS l JOIN docket.tenants AS t ON t.slug = l.tenant
            WHERE type = 'docket.quarantine.removed' AND t.tenant_id = $1 ORDER BY batch_id
            """, [.int4(tenant)])
        return try (0..<rows.count).map { (try rows.text($0, 0), try rows.text($0, 1), try rows.text($0, 2)) }
    }

    func ids() throws -> [Int64] {
        let rows = try self.database.connect().query(
            "SELECT quarantine_id FROM docket.quarantine ORDER BY quarantine_id")
        return try (0..<rows.count).map { try rows.integer($0, 0) }
    }

    /// A pruning step as a collector's leader does it.
    func prune(maxRows: Int32 = QuarantineRemoval.maxStepRows) throws -> Int {
        let removal = QuarantineRemoval(log: try SystemLogTests.log())
        return try removal.pruneStep(self.database.connect(Roles.maintainer), maxRows: maxRows)
    }
}

@Suite("The operator's list of rejected events")
struct QuarantineListTests {
    @Test("shows the newest first, counts all, and filters by tenant, code, field and time")
    func list() async throws {
        let fixture = try await QuarantineFixture()
        let other = try await fixture.administration.ensureTenant("other")
        try await fixture.reject(3)
        try await fixture.reject(2, tenant: other)
        let all = try await fixture.administration.listQuarantine(QuarantineSelection(), limit: 4)
        #expect(all.totalCount == 5)
        #expect(all.records.map(\.id) == [5, 4, 3, 2])
        #expect(all.records.map(\.tenant) == ["other", "other", "default", "default"])
        let first = try #require(all.records.last)
        #expect(first.position == 1 && first.field == "type" && first.code == "unknown_event_type")
        #expect(first.producerID == BatchMaker().producer && first.sequence == 1)

        func count(_ selection: QuarantineSelection) async throws -> Int64 {
            try await fixture.administration.listQuarantine(selection).totalCount
        }
        #expect(try await count(QuarantineSelection(tenant: "other")) == 2)
        #expect(try await count(QuarantineSelection(code: .unknownEventType)) == 5)
        #expect(try await count(QuarantineSelection(code: .tooLong)) == 0)
        #expect(try await count(QuarantineSelection(field: "type")) == 5)
        #expect(try await count(QuarantineSelection(field: "scope")) == 0)
        #expect(try await count(QuarantineSelection(ids: [1, 5, 77])) == 2)
        #expect(try await count(QuarantineSelection(before: first.receivedAt)) == 0)
        #expect(try await count(QuarantineSelection(before: .latest)) == 5)
    }

    @Test("refuses a tenant that doesn't exist")
    func unknownTenant() async throws {
        let fixture = try await QuarantineFixture()
        let error = await #expect(throws: PostgresError.self) {
            try await fixture.administration.listQuarantine(QuarantineSelection(tenant: "nobody"))
        }
        #expect(error?.code == .refused)
        #expect(error?.message.contains("'nobody'") == true)
    }

    @Test("shows one with its bytes, also one from before producers were kept, and none of an unknown number")
    func show() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(1)
        try fixture.database.connect().execute("UPDATE docket.quarantine SET producer_id = NULL, sequence = NULL")
        let found = try #require(try await fixture.administration.quarantinedEvent(1))
        #expect(found.record.producerID == nil && found.record.sequence == nil)
        #expect(try decodeEvent(found.event) == BatchMaker().event(1, type: "unknown", scope: "s"))
        #expect(found.event.count == Int(found.record.eventBytes))
        #expect(try await fixture.administration.quarantinedEvent(2) == nil)
    }
}

@Suite("Dropping rejected events")
struct QuarantineDropTests {
    @Test("removes those that are named, and says how many and by whom in the tenant's log")
    func ids() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(4)
        let report = try await fixture.administration.dropQuarantine(
            QuarantineSelection(ids: [1, 3, 99]), actor: QuarantineFixture.operatorActor)
        #expect(report == QuarantineRemoval.Report(removedCount: 2, heldCount: 0))
        #expect(try fixture.ids() == [2, 4])
        let removal = try #require(try fixture.removals().first)
        #expect(removal.actor == "olivia")
        #expect(removal.reason == "2 rejected events were dropped from quarantine")
        #expect(
            removal.attributes
                == #"{"cause":"dropped","count":2,"first_quarantine_id":1,"last_quarantine_id":3,"database_role":"docket_maintainer"}"#
        )
        #expect(try fixture.removals().count == 1)
        #expect(
            try fixture.database.number("SELECT count(*) FROM docket.collector_nodes WHERE expires_at > now()") == 0)
    }

    @Test("removes all of a selection in steps of a thousand, each told to each tenant concerned")
    func all() async throws {
        let fixture = try await QuarantineFixture()
        let other = try await fixture.administration.ensureTenant("other")
        try await fixture.reject(1500)
        try await fixture.reject(10, tenant: other)
        let everything = try await fixture.administration.dropQuarantine(
            QuarantineSelection(code: .unknownEventType), actor: QuarantineFixture.operatorActor)
        #expect(everything.removedCount == 1510)
        #expect(try fixture.ids().isEmpty)
        #expect(try fixture.removals().map(\.reason).map { $0.prefix { $0 != " " } } == ["1000", "500"])
        #expect(try fixture.removals(tenant: other).map(\.reason).map { $0.prefix { $0 != " " } } == ["10"])
        let nothing = try await fixture.administration.dropQuarantine(
            QuarantineSelection(), actor: QuarantineFixture.operatorActor)
        #expect(nothing == QuarantineRemoval.Report())
        #expect(try fixture.removals().count == 2)
    }

    @Test("leaves what is under legal hold, and says how much that is")
    func legalHold() async throws {
        let fixture = try await QuarantineFixture()
        let other = try await fixture.administration.ensureTenant("other")
        try await fixture.reject(3)
        try await fixture.reject(2, tenant: other)
        _ = try await fixture.administration.changeTenant(
            "default", .init(hasLegalHold: true), action: "set", actor: QuarantineFixture.operatorActor)
        let report = try await fixture.administration.dropQuarantine(
            QuarantineSelection(), actor: QuarantineFixture.operatorActor)
        #expect(report == QuarantineRemoval.Report(removedCount: 2, heldCount: 3))
        #expect(try fixture.ids() == [1, 2, 3])
        #expect(try fixture.removals().isEmpty)
    }
}

@Suite("A legal hold that begins while rejected events are dropped")
struct LegalHoldRaceTests {
    @Test("is waited for, and respected")
    func race() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(3)
        let holder = try fixture.database.connect(Roles.maintainer)
        try holder.execute("BEGIN; UPDATE docket.tenants SET legal_hold = true")
        let drop = Task {
            try await fixture.administration.dropQuarantine(
                QuarantineSelection(), actor: QuarantineFixture.operatorActor)
        }
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '\(fixture.database.name)'"
        try await until { try fixture.database.number(waiting) == 1 }
        try holder.execute("COMMIT")
        #expect(try await drop.value == QuarantineRemoval.Report(removedCount: 0, heldCount: 3))
        #expect(try fixture.ids().count == 3)
    }
}

@Suite("Pruning the quarantine")
struct QuarantinePruneTests {
    @Test("removes what is older than the policy keeps, a bounded number a step, and tells the log")
    func age() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(5)
        let connection = try fixture.database.connect()
        try connection.execute("UPDATE docket.quarantine SET received_at = now() - interval '29 days 23 hours'")
        #expect(try fixture.prune() == 0)
        try connection.execute(
            "UPDATE docket.quarantine SET received_at = now() - interval '30 days 1 hour' WHERE quarantine_id <= 3")
        #expect(try fixture.prune(maxRows: 2) == 2)
        #expect(try fixture.prune(maxRows: 2) == 1)
        #expect(try fixture.prune(maxRows: 2) == 0)
        #expect(try fixture.ids() == [4, 5])
        let removals = try fixture.removals()
        #expect(removals.map(\.actor) == ["docket", "docket"])
        #expect(removals.last?.reason == "1 rejected event was kept in quarantine for longer than 30 days")
    }

    @Test("removes each tenant's oldest beyond the most that is kept of it")
    func rows() async throws {
        let fixture = try await QuarantineFixture()
        let other = try await fixture.administration.ensureTenant("other")
        try await fixture.reject(4)
        try await fixture.reject(2, tenant: other)
        let connection = try fixture.database.connect()
        // The oldest is the one with the highest number.
        try connection.execute(
            "UPDATE docket.quarantine SET received_at = now() - quarantine_id * interval '1 minute' WHERE tenant_id = 1"
        )
        try connection.execute("UPDATE docket.quarantine SET received_at = now() WHERE tenant_id <> 1")
        try connection.execute("UPDATE docket.store_policy SET quarantine_rows = 3")
        #expect(try fixture.prune() == 1)
        #expect(try fixture.prune() == 0)
        #expect(try fixture.ids() == [1, 2, 3, 5, 6])
        try connection.execute("UPDATE docket.store_policy SET quarantine_rows = 0")
        #expect(try fixture.prune() == 5)
        #expect(
            try fixture.removals().last?.reason
                == "3 rejected events were beyond the 0 that quarantine keeps of a tenant")
        #expect(try fixture.removals(tenant: other).count == 1)
    }

    @Test("leaves what is under legal hold, however old and much it is")
    func legalHold() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(3)
        try fixture.database.connect().execute(
            """
            UPDATE docket.quarantine SET received_at = now() - interval '10 years';
            UPDATE docket.store_policy SET quarantine_rows = 0; UPDATE docket.tenants SET legal_hold = true
            """)
        #expect(try fixture.prune() == 0)
        #expect(try fixture.ids().count == 3)
    }

    @Test("removes nothing when its event can't be written")
    func atomic() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(3)
        try fixture.database.connect().execute("UPDATE docket.store_policy SET quarantine_rows = 0")
        let removal = QuarantineRemoval(log: SystemLog(nextBatchID: { nil }))
        let connection = try fixture.database.connect(Roles.maintainer)
        let error = #expect(throws: PostgresError.self) { try removal.pruneStep(connection) }
        #expect(error?.code == .leaseLost)
        #expect(connection.isIdle)
        #expect(try fixture.ids().count == 3)
    }
}
