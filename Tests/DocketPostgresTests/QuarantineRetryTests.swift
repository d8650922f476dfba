import DevCluster
import DocketCodec
import DocketModel
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

@Suite("Bringing rejected events in after all")
struct QuarantineRetryTests {
    private func stored(_ fixture: QuarantineFixture, tenant: Int32 = 1) async throws -> [StoredEvent] {
        try await fixture.database.reader().query(
            EventQuery(tenantIDs: [tenant], order: .oldestFirst, limit: 10_000)
        ).events
    }

    @Test("leaves them where they are while nothing has changed, and says why")
    func unchanged() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(2)
        let report = try await fixture.administration.retryQuarantine(QuarantineSelection())
        #expect(report.storedCount == 0 && report.refusedCount == 2 && report.batchIDs.isEmpty)
        #expect(report.refused.map(\.id) == [1, 2])
        #expect(report.refused.first?.code == .unknownEventType && report.refused.first?.field == "type")
        #expect(report.refused.first?.reason.contains("'unknown' is not registered") == true)
        #expect(try fixture.ids() == [1, 2])
        #expect(try fixture.database.number("SELECT count(*) FROM docket.batches") == 1)
    }

    @Test("stores them whole once their type is registered, exactly once however often it is done")
    func registered() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(3)
        _ = try await fixture.administration.ensureEventTypes(["unknown"], tenant: nil)
        let report = try await fixture.administration.retryQuarantine(QuarantineSelection(ids: [1, 3]))
        #expect(report.storedCount == 2 && report.refusedCount == 0 && report.batchIDs.count == 1)
        #expect(try fixture.ids() == [2])
        let events = try await self.stored(fixture)
        let maker = BatchMaker()
        #expect(events.map(\.event) == [1, 3].map { maker.event($0, type: "unknown", scope: "s") })
        #expect(events.map(\.batchID) == report.batchIDs + report.batchIDs)
        #expect(events.map(\.position) == [0, 1])

        let again = try await fixture.administration.retryQuarantine(QuarantineSelection(tenant: "default"))
        #expect(again.storedCount == 1)
        let nothing = try await fixture.administration.retryQuarantine(QuarantineSelection())
        #expect(nothing == QuarantineRetry.Report())
        #expect(try await self.stored(fixture).count == 3)
        #expect(try fixture.ids().isEmpty)
    }

    @Test("names the batch after the one that its first event had come with, and that event's number")
    func key() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(2)
        _ = try await fixture.administration.ensureEventTypes(["unknown"], tenant: nil)
        let original = try #require(try await fixture.administration.quarantinedEvent(1)).record.batchID
        _ = try await fixture.administration.retryQuarantine(QuarantineSelection())
        let rows = try fixture.database.connect().query(
            "SELECT producer_id, sequence, event_count, accepted_count, verdict FROM docket.batches WHERE accepted_count > 0"
        )
        #expect(rows.count == 1)
        #expect(try rows.bytes(0, 0) == QuarantineRetry.producerID(ofBatch: original).bytes)
        #expect(try rows.integer(0, 1, as: Int64.self) == 1)
        #expect(try rows.integer(0, 2, as: Int32.self) == 2 && rows.integer(0, 3, as: Int32.self) == 2)
        #expect(try decodeVerdict(rows.bytes(0, 4)).rejections.isEmpty)
        #expect(QuarantineRetry.producerID(ofBatch: original) != QuarantineRetry.producerID(ofBatch: original + 1))
    }

    @Test("lets no event of a reserved type in")
    func reserved() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(1)
        let event = BatchMaker().event(1, type: SystemLog.EventType.retentionRemoved.rawValue)
        _ = try fixture.database.connect().query(
            "UPDATE docket.quarantine SET event = $1", [.bytes(encodeEvent(event))])
        let report = try await fixture.administration.retryQuarantine(QuarantineSelection())
        #expect(report.storedCount == 0 && report.refused.first?.code == .unknownEventType)
    }

    @Test("takes the types of the tenant that an event was meant for, not another's")
    func tenants() async throws {
        let fixture = try await QuarantineFixture()
        let other = try await fixture.administration.ensureTenant("other")
        try await fixture.reject(2)
        try await fixture.reject(2, tenant: other)
        let types = try await fixture.administration.ensureEventTypes(["unknown"], tenant: other)
        let report = try await fixture.administration.retryQuarantine(QuarantineSelection())
        #expect(report.storedCount == 2 && report.refused.map(\.id) == [1, 2])
        #expect(try await self.stored(fixture).isEmpty)
        #expect(try await self.stored(fixture, tenant: other).count == 2)
        #expect(
            try fixture.database.number("SELECT max(type_id) FROM docket.events") == types["unknown"].map { Int64($0) })
    }

    @Test("judges by the limits that are given")
    func limits() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(1)
        _ = try await fixture.administration.ensureEventTypes(["unknown"], tenant: nil)
        var event = BatchMaker().event(1, type: "unknown")
        event.reason = String(repeating: "r", count: 100)
        _ = try fixture.database.connect().query(
            "UPDATE docket.quarantine SET event = $1", [.bytes(encodeEvent(event))])
        var limits = Limits()
        limits.maxReasonBytes = 99
        let strict = try await fixture.administration.retryQuarantine(QuarantineSelection(), limits: limits)
        #expect(strict.refused.first?.code == .tooLong && strict.refused.first?.field == "reason")
        limits.maxReasonBytes = 100
        #expect(
            try await fixture.administration.retryQuarantine(QuarantineSelection(), limits: limits).storedCount == 1)
    }

    @Test("leaves bytes that are no event, and stores those around them")
    func undecodable() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(3)
        _ = try await fixture.administration.ensureEventTypes(["unknown"], tenant: nil)
        try fixture.database.connect().execute(
            #"UPDATE docket.quarantine SET event = '\x0a10' WHERE quarantine_id = 2"#)
        let report = try await fixture.administration.retryQuarantine(QuarantineSelection())
        #expect(report.storedCount == 2 && report.refused.map(\.id) == [2])
        #expect(report.refused.first?.reason.isEmpty == false)
        #expect(try fixture.ids() == [2])
    }

    @Test("cuts many into batches of at most a thousand events and a mebibyte")
    func chunks() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(1100)
        _ = try await fixture.administration.ensureEventTypes(["unknown"], tenant: nil)
        var large = BatchMaker().event(1, type: "unknown")
        large.attributes = #"{"a":""# + String(repeating: "x", count: 60_000) + #""}"#
        _ = try fixture.database.connect().query(
            "UPDATE docket.quarantine SET event = $1 WHERE quarantine_id <= 20", [.bytes(encodeEvent(large))])
        let report = try await fixture.administration.retryQuarantine(QuarantineSelection())
        #expect(report.storedCount == 1100)
        // 17 events of 60 kB fill a mebibyte; the others come after.
        let rows = try fixture.database.connect().query(
            "SELECT accepted_count FROM docket.batches WHERE accepted_count > 0 ORDER BY batch_id")
        #expect(try (0..<rows.count).map { try rows.integer($0, 0, as: Int32.self) } == [17, 1000, 83])
    }

    @Test("finds the event that PostgreSQL refuses, and stores the others")
    func poison() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(5)
        _ = try await fixture.administration.ensureEventTypes(["unknown"], tenant: nil)
        // What PostgreSQL refuses and Docket's checks don't is simulated by a constraint.
        try fixture.database.connect().execute(
            "ALTER TABLE docket.events_000001 ADD CHECK (event_id <> '00000000-0000-0007-0000-000000000003')")
        let report = try await fixture.administration.retryQuarantine(QuarantineSelection())
        #expect(report.storedCount == 4)
        #expect(report.refused.map(\.id) == [3] && report.refused.first?.code == .refusedByStore)
        #expect(try fixture.ids() == [3])
        #expect(try await self.stored(fixture).count == 4)
    }

    @Test("stores an event once when two operators do it at the same moment")
    func race() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(300)
        _ = try await fixture.administration.ensureEventTypes(["unknown"], tenant: nil)
        let administrations = try (0..<4).map { _ in try fixture.database.administration() }
        let counts = try await withThrowingTaskGroup(of: Int.self) { group in
            for administration in administrations {
                group.addTask { try await administration.retryQuarantine(QuarantineSelection()).storedCount }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(counts.reduce(0, +) == 300)
        #expect(try fixture.database.number("SELECT count(*) FROM docket.events") == 300)
        #expect(try fixture.database.number("SELECT count(DISTINCT event_id) FROM docket.events") == 300)
        #expect(try fixture.ids().isEmpty)
    }

    @Test("waits for the other's end, so that one that is broken off loses nothing")
    func brokenOff() async throws {
        let fixture = try await QuarantineFixture()
        try await fixture.reject(2)
        _ = try await fixture.administration.ensureEventTypes(["unknown"], tenant: nil)
        let other = try fixture.database.connect(Roles.maintainer)
        try other.execute("BEGIN; DELETE FROM docket.quarantine WHERE quarantine_id = 1")
        let retry = Task { try await fixture.administration.retryQuarantine(QuarantineSelection()) }
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '\(fixture.database.name)'"
        try await until { try fixture.database.number(waiting) == 1 }
        try other.execute("ROLLBACK")
        #expect(try await retry.value.storedCount == 2)
        #expect(try await self.stored(fixture).count == 2)
    }
}
