import DocketModel
import DocketStore
import Testing

@testable import DocketPostgres

@Suite("Each error that PostgreSQL answers a commit group with, on the real server")
struct TreatmentTests {
    private func run(_ provocation: Provocation) async throws {
        let bed = try await FaultBed(TestDatabase.migrated(), setUp: provocation.setUp)
        try await provocation.check(bed)
        #expect(bed.failures.codes.contains(provocation.code), "met: \(bed.failures.codes)")
    }

    @Test(
        "a fault that stands: batches are unavailable, nothing is quarantined, and they are stored once it is gone",
        arguments: Provocation.standing)
    func standing(_ provocation: Provocation) async throws { try await self.run(provocation) }

    @Test("a fault that passes costs nobody anything", arguments: Provocation.passing)
    func passing(_ provocation: Provocation) async throws { try await self.run(provocation) }

    @Test("a row's fault costs that row alone", arguments: Provocation.rows)
    func rows(_ provocation: Provocation) async throws { try await self.run(provocation) }

    @Test("an error that a trigger raises once", arguments: Provocation.raisedOnce)
    func raisedOnce(_ provocation: Provocation) async throws { try await self.run(provocation) }

    @Test("an error that a trigger raises until it is dropped", arguments: Provocation.raisedForLong)
    func raisedForLong(_ provocation: Provocation) async throws { try await self.run(provocation) }

    @Test(
        "a fault that is no row's, while a refused row is being looked for, quarantines nothing: the search begins anew",
        arguments: [("53100", false), ("57P01", true), ("40001", true), ("42501", true), ("55P03", true)])
    func whileIsolating(code: String, isOverAtOnce: Bool) async throws {
        let bed = try await FaultBed(TestDatabase.migrated())
        // The group's own attempt counts 1; the second time a row of the batch is written is at the end of the search.
        try bed.database.connect().execute(
            """
            CREATE SEQUENCE docket.faults;
            \(Provocation.raising(code, "nextval('docket.faults') = 2"))
            """)
        let batch = try bed.maker.poisoned(50, events: 4, at: [0, 2])
        var answer = await bed.store.store(batch)
        #expect(bed.failures.codes == ["22021", code] + (isOverAtOnce ? ["22021"] : []))
        if !isOverAtOnce {
            #expect(answer.failure?.code == .unavailable, "\(answer)")
            try bed.expectStored(batches: 1, events: 1)
            answer = await bed.store.store(batch)
        }
        #expect(answer.committed?.rejections.map(\.index) == [0, 2], "\(answer)")
        try bed.expectStored(batches: 2, events: 3, quarantined: 2)
    }

    @Test("every entry of the tables of treatments is provoked")
    func isWhole() {
        let entries = Set(FailureTreatment.byCode.keys).union(FailureTreatment.byClass.keys)
        #expect(entries.subtracting(Provocation.all.map(\.entry)).sorted() == [])
    }
}
