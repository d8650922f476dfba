import DocketCodec
import DocketModel
import DocketRegistry
import DocketStore
import Testing

@testable import DocketPostgres

@Suite("Events that are stored in spite of a rule")
struct MarkTests {
    private func marked(_ maker: BatchMaker, _ marks: [Rejection]) throws -> EncodedBatch {
        let batch = try maker.batch(1, [maker.event(1), maker.event(2)])
        return EncodedBatch(
            key: batch.key, batchID: batch.batchID, receivedAt: batch.receivedAt, tuples: batch.tuples,
            eventCount: 2, acceptedCount: 2, rejections: [], quarantined: [], marks: marks,
            occurredAt: batch.occurredAt, root: batch.root, contentHash: batch.contentHash)
    }

    @Test("marks and skew are in the row of the batch, and a reader sees those of its tenants")
    func stored() async throws {
        let database = try await TestDatabase.migrated()
        let batch = try self.marked(
            BatchMaker(),
            [
                Rejection(index: 0, field: "type", code: .unknownEventType, reason: "-"),
                Rejection(index: 1, field: #"attributes/a"b\é🧨"#, code: .unknownAttribute, reason: "-"),
            ])
        let store = try await database.store()
        #expect(await store.store(batch).committed != nil)
        let owner = try database.connect(Roles.maintainer)
        let rows = try owner.query("SELECT min_skew_us, max_skew_us, tenant_id FROM docket.batches")
        let received = batch.receivedAt.microsecondsSinceEpoch
        let times = try #require(batch.occurredAt)
        #expect(try rows.integer(0, 0, as: Int64.self) == times.lowerBound.microsecondsSinceEpoch - received)
        #expect(try rows.integer(0, 1, as: Int64.self) == times.upperBound.microsecondsSinceEpoch - received)

        let reader = try database.connect(Roles.reader)
        let sql = "SELECT position, code, field FROM docket.event_marks WHERE tenant = 'default' ORDER BY position"
        #expect(try reader.query(sql).count == 0, "no tenant is set")
        try reader.execute("SET docket.tenant_ids = '\(batch.key.tenantID)'")
        let seen = try reader.query(sql)
        #expect(seen.count == 2)
        #expect(try seen.text(0, 1) == "unknown_event_type" && seen.text(0, 2) == "type")
        #expect(try seen.text(1, 1) == "unknown_attribute" && seen.text(1, 2) == #"attributes/a"b\é🧨"#)
    }

    @Test("types are noted for tenants that take them, well-formed ones, and a thousand at most")
    func observing() async throws {
        let database = try await TestDatabase.migrated()
        let registry = try PostgresRegistry(settings: database.settings(Roles.writer))
        defer { registry.close() }
        let owner = try database.connect(Roles.maintainer)
        let id: Int32 = try owner.query("SELECT tenant_id FROM docket.tenants WHERE slug = 'default'").integer(0, 0)
        func observed() async throws -> [String] {
            try await registry.loadRegistry().eventTypes.filter(\.isObserved).map(\.name).sorted()
        }
        let types = ["a.b", "Not", "docket.mine", "c"].map { ObservedEventType(tenantID: id, name: $0) }
        try await registry.observeEventTypes(types)
        #expect(try await observed().isEmpty, "the tenant enforces its types")
        try owner.execute("UPDATE docket.tenants SET event_type_mode = 'observe'")
        try await registry.observeEventTypes(types + types)
        #expect(try await observed() == ["a.b", "c"])
        let administration = try database.administration()
        _ = try await administration.ensureEventTypes(["c"], tenant: id)
        #expect(try await observed() == ["a.b"], "who registers one makes it like any other")
        try await registry.observeEventTypes((0..<2_000).map { ObservedEventType(tenantID: id, name: "n\($0)") })
        #expect(try await observed().count == 1_000)
        try owner.execute("UPDATE docket.tenants SET event_type_mode = 'enforce'")
        #expect(try await observed().isEmpty)
    }
}
