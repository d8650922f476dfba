import DevCluster
import DocketCodec
import DocketModel
import DocketStore
import Testing

@testable import DocketPostgres

@Suite("The policies")
struct PolicyTests {
    private static let actor = Actor(kind: "user", id: "olga")

    @Test("begin with the documented defaults, and nothing of a tenant's own")
    func defaults() async throws {
        let administration = try await TestDatabase.migrated().administration()
        #expect(
            try await administration.storePolicy()
                == StorePolicy(
                    segmentRows: 2_000_000, segmentAgeHours: 24, retentionDays: nil, replayWindowHours: 168,
                    quarantineDays: 30, quarantineRows: 100_000))
        #expect(
            try await administration.tenantPolicies()
                == [TenantPolicy(tenant: "default", retentionDays: nil, hasLegalHold: false)])
    }

    @Test("change where something is given, and stay where nothing is")
    func store() async throws {
        let administration = try await TestDatabase.migrated().administration()
        var change = StorePolicy.Change()
        change.segmentRows = 5000
        change.retention = .days(365)
        change.quarantineRows = 0
        var expected = try await administration.storePolicy()
        expected.segmentRows = 5000
        expected.retentionDays = 365
        expected.quarantineRows = 0
        #expect(try await administration.changeStorePolicy(change, actor: Self.actor) == expected)
        change = StorePolicy.Change()
        change.segmentAgeHours = 1
        change.replayWindowHours = 8760
        change.quarantineDays = 36_500
        expected.segmentAgeHours = 1
        expected.replayWindowHours = 8760
        expected.quarantineDays = 36_500
        #expect(try await administration.changeStorePolicy(change, actor: Self.actor) == expected)
        change = StorePolicy.Change()
        change.retention = .unset
        expected.retentionDays = nil
        #expect(try await administration.changeStorePolicy(change, actor: Self.actor) == expected)
        #expect(try await administration.storePolicy() == expected)
    }

    @Test("of the store: a change is an event in the log of default, with what was changed; one that is refused isn't")
    func changesAreLogged() async throws {
        let database = try await TestDatabase.migrated()
        let administration = try database.administration()
        var change = StorePolicy.Change()
        change.segmentRows = 5000
        change.retention = .unset
        _ = try await administration.changeStorePolicy(change, actor: Self.actor)
        change.segmentRows = 999
        let refused = change
        await #expect(throws: PostgresError.self) {
            try await administration.changeStorePolicy(refused, actor: Self.actor)
        }
        let page = try await database.reader().query(EventQuery(tenantIDs: [1], order: .oldestFirst, limit: 10))
        let event = try #require(page.events.first?.event)
        #expect(page.events.count == 1 && event.type == "docket.policy.changed" && event.action == "set")
        #expect(event.actor == Self.actor && event.resource == Resource(type: "policy", id: "store"))
        #expect(event.attributes == #"{"segment_rows":5000,"retention_days":null}"#)
    }

    private static let outside: [(String, @Sendable (inout StorePolicy.Change) -> Void)] = [
        ("segment_rows is 999; it must be from 1000 to 1000000000", { $0.segmentRows = 999 }),
        ("segment_rows is 1000000001; it must be from 1000 to 1000000000", { $0.segmentRows = 1_000_000_001 }),
        ("segment_age_hours is 0; it must be from 1 to 8760", { $0.segmentAgeHours = 0 }),
        ("retention_days is 36501; it must be from 1 to 36500", { $0.retention = .days(36_501) }),
        ("replay_window_hours is 8761; it must be from 1 to 8760", { $0.replayWindowHours = 8761 }),
        ("quarantine_days is 0; it must be from 1 to 36500", { $0.quarantineDays = 0 }),
        ("quarantine_rows is -1; it must be from 0 to 1000000000", { $0.quarantineRows = -1 }),
    ]

    @Test("refuse a value outside its bounds, and name them", arguments: 0..<7)
    func bounds(_ index: Int) async throws {
        let administration = try await TestDatabase.migrated().administration()
        let before = try await administration.storePolicy()
        var change = StorePolicy.Change()
        change.segmentRows = 4000
        Self.outside[index].1(&change)
        let broken = change
        let error = await #expect(throws: PostgresError.self) {
            try await administration.changeStorePolicy(broken, actor: Self.actor)
        }
        #expect(error?.code == .refused && error?.message == Self.outside[index].0)
        #expect(try await administration.storePolicy() == before)
    }

    @Test("have the bounds that the tables have")
    func sameBounds() async throws {
        let database = try await TestDatabase.migrated()
        let connection = try database.connect(Roles.maintainer)
        let columns: [(String, ClosedRange<Int64>)] = [
            ("segment_rows", StorePolicy.Bounds.segmentRows), ("segment_age_hours", StorePolicy.Bounds.segmentAgeHours),
            ("retention_days", StorePolicy.Bounds.retentionDays),
            ("replay_window_hours", StorePolicy.Bounds.replayWindowHours),
            ("quarantine_days", StorePolicy.Bounds.quarantineDays),
            ("quarantine_rows", StorePolicy.Bounds.quarantineRows),
        ]
        for (column, range) in columns {
            for value in [range.lowerBound, range.upperBound] {
                try connection.execute("UPDATE docket.store_policy SET \(column) = \(value)")
            }
            for value in [range.lowerBound - 1, range.upperBound + 1] {
                let error = #expect(throws: PostgresError.self) {
                    try connection.execute("UPDATE docket.store_policy SET \(column) = \(value)")
                }
                #expect(error?.sqlstate?.text == "23514", "\(column) = \(value)")
            }
        }
    }

    @Test("of a tenant are its own, and tell of tenants that don't exist")
    func tenants() async throws {
        let administration = try await TestDatabase.migrated().administration()
        _ = try await administration.ensureTenant("other")
        for (change, expected) in [
            (.init(retention: .days(90)), TenantPolicy(tenant: "other", retentionDays: 90, hasLegalHold: false)),
            (.init(hasLegalHold: true), TenantPolicy(tenant: "other", retentionDays: 90, hasLegalHold: true)),
            (
                .init(retention: .unset, hasLegalHold: false),
                TenantPolicy(tenant: "other", retentionDays: nil, hasLegalHold: false)
            ),
        ] as [(TenantRecord.Change, TenantPolicy)] {
            _ = try await administration.changeTenant("other", change, action: "set", actor: Self.actor)
            #expect(try await administration.tenantPolicies("other") == [expected])
        }
        #expect(try await administration.tenantPolicies().map(\.tenant) == ["default", "other"])
        #expect(try await administration.tenantPolicies("other").map(\.tenant) == ["other"])
        let unknown = await #expect(throws: PostgresError.self) { try await administration.tenantPolicies("nobody") }
        #expect(unknown?.code == .refused && unknown?.message.contains("'nobody'") == true)
        let outside = await #expect(throws: PostgresError.self) {
            try await administration.changeTenant("other", .init(retention: .days(0)), action: "set", actor: Self.actor)
        }
        #expect(outside?.code == .refused && outside?.message.contains("retention_days is 0") == true)
    }
}

@Suite("The list of segments")
struct SegmentStatusTests {
    @Test("estimates the hot one's rows, and has no times of it")
    func hot() async throws {
        let database = try await TestDatabase.migrated()
        let administration = try database.administration()
        let empty = try #require(try await administration.segments().first)
        #expect(empty.id == 1 && empty.table == "events_000001" && empty.state == "hot")
        #expect(empty.rowCount == 0 && !empty.isRowCountExact && empty.validIndexCount == 1)
        let store = try await database.store()
        let maker = BatchMaker()
        #expect(await store.store(try maker.batch(1, (1...500).map { maker.event($0) })).committed != nil)
        let full = try #require(try await administration.segments().first)
        #expect(full.heapBytes > 0 && full.indexBytes > 0)
        #expect(full.rowCount > 0 && !full.isRowCountExact)
        #expect(full.minOccurredAt == nil && full.maxReceivedAt == nil && full.sealedAt == nil)
        try database.connect().execute("ANALYZE docket.events_000001")
        #expect(try await administration.segments().first?.rowCount == 500)
    }

    @Test("says of a sealed one what was counted, and counts indexes that are of no use apart")
    func sealed() async throws {
        let database = try await TestDatabase.migrated()
        let connection = try database.connect()
        let (first, last) = (BatchMaker.time(1), BatchMaker.time(2))
        let ids = [first, last].map { BatchID.make(at: $0, node: 0, counter: 0) ?? 0 }
        _ = try connection.query(
            """
            UPDATE docket.segments SET state = 'sealed', row_count = 77, rotated_at = now(), sealed_at = now(),
                frozen_at = now(), min_occurred_at = $1, max_occurred_at = $2, min_batch_id = $3, max_batch_id = $4
            """, [.timestamp(first), .timestamp(last), .int8(ids[0]), .int8(ids[1])])
        try connection.execute(
            """
            CREATE INDEX broken ON docket.events_000001 (scope);
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'docket.broken'::regclass
            """)
        let segment = try #require(try await database.administration().segments().first)
        #expect(segment.state == "sealed" && segment.rowCount == 77 && segment.isRowCountExact)
        #expect(segment.minOccurredAt == first && segment.maxOccurredAt == last)
        #expect(segment.minReceivedAt == first && segment.maxReceivedAt == last)
        #expect(segment.validIndexCount == 1 && segment.invalidIndexCount == 1)
        #expect(segment.rotatedAt != nil && segment.sealedAt != nil && segment.frozenAt != nil)
    }

    @Test("lists one whose table is gone")
    func gone() async throws {
        let database = try await TestDatabase.migrated()
        try database.connect().execute(
            "INSERT INTO docket.segments (segment_id, table_name, state) VALUES (2, 'events_000002', 'retiring')")
        let segments = try await database.administration().segments()
        #expect(segments.map(\.id) == [1, 2])
        #expect(segments.last?.heapBytes == 0 && segments.last?.validIndexCount == 0)
    }
}

extension BatchMaker {
    /// A whole second in 2027.
    static func time(_ second: Int64) -> Timestamp {
        Timestamp(microsecondsSinceEpoch: 1_800_000_000_000_000 + second * 1_000_000)
    }
}
