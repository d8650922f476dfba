import DocketCodec
import DocketEventTypes
import DocketModel
import DocketStore
import DocketTestSupport
import Synchronization
import Testing

@testable import DocketPostgres

@Suite("What Docket itself writes into a log")
struct SystemLogTests {
    /// A log whose batches are numbered under node 7.
    static func log() throws -> SystemLog {
        let ids = BatchNumbers()
        return SystemLog(nextBatchID: { ids.next() })
    }

    private final class BatchNumbers: Sendable {
        private let generator = Mutex(BatchIDGenerator(node: 7))

        func next() -> Int64 { self.generator.withLock { $0.next(now: .now) } }
    }

    private let entry = SystemLog.Entry(
        tenantID: 1, type: .retentionRemoved, action: "remove",
        resource: Resource(type: "segment", id: "events_000009"),
        reason: "its time was up", actor: .docket, attributes: #"{"count":12}"#)

    @Test("is an event of a reserved type, in a batch of its own, with a root that its row proves")
    func event() async throws {
        let database = try await TestDatabase.migrated()
        let log = try Self.log()
        let connection = try database.connect(Roles.maintainer)
        let ids = try connection.inTransaction { () throws(PostgresError) in
            [try log.write(self.entry, connection), try log.write(self.entry, connection)]
        }
        let page = try await database.reader().query(
            EventQuery(tenantIDs: [1], order: .oldestFirst, limit: 10))
        #expect(page.events.map(\.batchID) == ids)
        let stored = try #require(page.events.first)
        #expect(stored.event.type == "docket.retention.removed")
        #expect(stored.event.actor == Actor(kind: "service", id: "docket"))
        #expect(stored.event.action == "remove")
        #expect(stored.event.resource == Resource(type: "segment", id: "events_000009"))
        #expect(stored.event.reason == "its time was up")
        #expect(stored.event.attributes == #"{"count":12}"#)
        #expect(stored.event.outcome == .success)
        #expect(stored.receivedAt == BatchID.receivedAt(of: ids[0]))

        let rows = try database.connect().query(
            """
            SELECT sequence, event_count, accepted_count, segment_id, root, content_hash, verdict, commit_xid IS NOT NULL
            FROM docket.batches ORDER BY batch_id
            """)
        #expect(rows.count == 2)
        #expect(try rows.integer(0, 0, as: Int64.self) == 1 && rows.integer(1, 0, as: Int64.self) == 2)
        #expect(try rows.integer(0, 1, as: Int32.self) == 1 && rows.integer(0, 2, as: Int32.self) == 1)
        #expect(try rows.integer(0, 3, as: Int32.self) == 1)
        #expect(try rows.bytes(0, 4) == rows.bytes(0, 5))
        let verdict = try decodeVerdict(rows.bytes(0, 6))
        #expect(verdict.receipt.batchID == ids[0] && verdict.acceptedCount == 1)
        #expect(try rows.bytes(0, 4) == verdict.receipt.root)
        #expect(try rows.bool(0, 7))
    }

    @Test("is gone with the transaction that it was written in")
    func rollback() async throws {
        let database = try await TestDatabase.migrated()
        let log = try Self.log()
        let connection = try database.connect(Roles.maintainer)
        #expect(throws: PostgresError.self) {
            try connection.inTransaction { () throws(PostgresError) in
                try log.write(self.entry, connection)
                throw PostgresError(code: .closed, message: "something else failed")
            }
        }
        #expect(try database.number("SELECT count(*) FROM docket.batches") == 0)
        #expect(try database.number("SELECT count(*) FROM docket.events") == 0)
        #expect(connection.isIdle)
    }

    @Test("holds up the rotation of the segment that it was written to, and goes to the new one afterwards")
    func rotation() async throws {
        let database = try await TestDatabase.migrated()
        let log = try Self.log()
        let (connection, rotator) = (try database.connect(Roles.maintainer), try database.connect(Roles.maintainer))
        try rotator.execute("SET lock_timeout = '50ms'")
        let rotation = "UPDATE docket.segments SET state = 'sealing' WHERE state = 'hot'"
        try connection.inTransaction { () throws(PostgresError) in
            try log.write(self.entry, connection)
            let error = #expect(throws: PostgresError.self) {
                try Rotation.rotate(from: HotSegment(id: 1, table: "events_000001"), rotator)
            }
            #expect(error?.sqlstate == .lockNotAvailable)
        }
        // A rotation that is under way when the next event is to be written.
        try rotator.execute("ROLLBACK")
        try rotator.execute(
            """
            BEGIN; CREATE TABLE docket.events_000002 (LIKE docket.events);
            ALTER TABLE docket.events_000002 ALTER COLUMN segment_id SET DEFAULT 2;
            ALTER TABLE docket.events ATTACH PARTITION docket.events_000002 FOR VALUES IN (2);
            \(rotation);
            INSERT INTO docket.segments (segment_id, table_name, state) VALUES (2, 'events_000002', 'hot')
            """)
        let writing = Task {
            let connection = try database.connect(Roles.maintainer)
            return try connection.inTransaction { () throws(PostgresError) in try log.write(self.entry, connection) }
        }
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '\(database.name)'"
        try await until { try database.number(waiting) == 1 }
        try rotator.execute("COMMIT")
        _ = try await writing.value
        #expect(try database.number("SELECT count(*) FROM docket.events_000001") == 1)
        #expect(try database.number("SELECT count(*) FROM docket.events_000002") == 1)
        #expect(try database.number("SELECT max(segment_id) FROM docket.batches") == 2)
    }

    @Test("needs a number for its batch, a registered type, and attributes that are a JSON object")
    func refusals() async throws {
        let database = try await TestDatabase.migrated()
        let connection = try database.connect(Roles.maintainer)
        func code(_ log: SystemLog, _ entry: SystemLog.Entry) -> PostgresError.Code? {
            let error = #expect(throws: PostgresError.self) {
                try connection.inTransaction { () throws(PostgresError) in _ = try log.write(entry, connection) }
            }
            return error?.code
        }
        #expect(code(SystemLog(nextBatchID: { nil }), self.entry) == .leaseLost)
        var broken = self.entry
        broken.attributes = "[]"
        #expect(code(try Self.log(), broken) == .refused)
        try database.connect().execute("UPDATE docket.event_types SET is_reserved = false")
        #expect(code(try Self.log(), self.entry) == .unfit)
    }

    @Test("has types that the migrations reserve, all of them")
    func types() async throws {
        let rows = try await TestDatabase.migrated().connect().query(
            "SELECT name FROM docket.event_types WHERE is_reserved ORDER BY name")
        let names = try (0..<rows.count).map { try rows.text($0, 0) }
        #expect(names.sorted() == SystemLog.EventType.allCases.map(\.rawValue).sorted())
        for name in names { #expect(EventTypeName.isReserved(name)) }
    }

    @Test(
        "has types that nobody can register for a tenant",
        arguments: ["docket.retention.removed", "docket.mine", "quota.breached"])
    func forgery(_ name: String) async throws {
        let administration = try await TestDatabase.migrated().administration()
        for tenant in [1, nil] as [Int32?] {
            let error = await #expect(throws: PostgresError.self) {
                try await administration.ensureEventTypes(["audit.event", name], tenant: tenant)
            }
            #expect(error?.code == .refused)
        }
    }
}
