import DocketCodec
import DocketStore
import DocketTestSupport
import Testing

@testable import DocketPostgres

@Suite(
    "A batch that nobody waits for isn't stored, though a writer has it, as long as no commit has begun", .serialized)
struct WithdrawalTests {
    /// How a submitter stops waiting.
    enum Leaving: String, CaseIterable, CustomTestStringConvertible {
        case withdrawal = "it is taken back"
        case deadline = "its deadline passes"

        var testDescription: String { self.rawValue }
    }

    /// Hands over a batch that is held up from then on, until its submitter has left, and expects it not to be stored by that.
    private func expectNotStored(
        _ bed: FaultBed, _ leaving: Leaving, stored: Int64, heldUp: () async throws -> Void,
        until end: () async throws -> Void
    ) async throws {
        let deadline = ContinuousClock.now + .milliseconds(50)
        let submitter = Submitter(deadline: leaving == .deadline ? deadline : nil)
        let (batch, answers) = (try bed.batch(), Answers(count: 1))
        bed.store.submit(batch, by: submitter) { answers.set(0, $0) }
        try await heldUp()
        switch leaving {
        case .withdrawal: bed.store.withdraw(submitter)
        case .deadline: await until { ContinuousClock.now > deadline }
        }
        try await end()
        #expect(await answers.all()[0].failure?.code == .withdrawn)
        try bed.expectStored(batches: stored, events: stored)
        #expect(await bed.store.store(batch).committed != nil)
        try bed.expectStored(batches: stored + 1, events: stored + 1)
    }

    @Test("while the writer holds back under pressure", arguments: Leaving.allCases)
    func pressure(leaving: Leaving) async throws {
        let bed = try await FaultBed(TestDatabase.migrated())
        let admin = try bed.database.connect()
        func press(_ pressure: Int) throws {
            try admin.execute("UPDATE docket.store_state SET pressure = \(pressure), changed_at = clock_timestamp()")
        }
        let lock = try bed.database.lockBatches()
        let before = bed.store.submitAll([try bed.batch()])
        try await bed.waitUntilBlocked()
        try press(1)
        // A pressure that was read counts for a quarter of a second.
        let isReadAnew = ContinuousClock.now + .milliseconds(300)
        await until { ContinuousClock.now > isReadAnew }
        try await self.expectNotStored(bed, leaving, stored: 2) {
            try lock.execute("ROLLBACK")
            #expect(await before.all()[0].committed != nil)
            try await bed.waitUntilWriter("query LIKE '%FROM docket.store_state%'")
        } until: {
            try press(0)
        }
    }

    @Test("while the writer has no connection", arguments: Leaving.allCases)
    func away(leaving: Leaving) async throws {
        let bed = try await FaultBed(TestDatabase.migrated(), unavailableAfter: .seconds(60))
        let admin = try bed.database.connect()
        func limitConnections(to count: Int) throws {
            try admin.execute("ALTER DATABASE \(bed.database.name) CONNECTION LIMIT \(count)")
        }
        try limitConnections(to: 0)
        try await bed.endSession()
        try await self.expectNotStored(bed, leaving, stored: 1) {
            await bed.meet(FailureLog.away)
        } until: {
            try limitConnections(to: -1)
        }
    }
}
