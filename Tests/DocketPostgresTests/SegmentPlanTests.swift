import Testing

@testable import DocketPostgres

@Suite("What to do next for the segments")
struct SegmentPlanTests {
    private func facts(_ id: Int32, _ state: SegmentFacts.State) -> SegmentFacts {
        SegmentFacts(id: id, table: Rotation.tableName(id), state: state)
    }

    @Test("a full segment is counted, frozen, gets each index in order, is sealed, and gets its CHECK")
    func life() {
        var segment = self.facts(3, .sealing)
        var steps: [SegmentStep] = []
        while let step = SegmentPlan.next([segment]), steps.count < 50 {
            steps.append(step)
            switch step {
            case .count: segment.isCounted = true
            case .createIndex(_, let index): segment.indexes.insert(index.name(of: segment.table))
            case .markSealed: segment.state = .sealed
            case .addCheck: segment.check = .present
            case .validateCheck: segment.check = .validated
            case .freeze: segment.isFrozen = true
            default: Issue.record("\(step) is no part of sealing")
            }
        }
        let expected =
            [.count(3), .freeze(3)] + SealedIndex.all.map { .createIndex(3, $0) }
            + [.markSealed(3), .addCheck(3), .validateCheck(3)] as [SegmentStep]
        #expect(steps == expected)
    }

    @Test(
        "indexes don't wait for rows that can't be frozen yet, nor does freezing wait for a CHECK that a reader holds up"
    )
    func putOff() {
        var segment = self.facts(3, .sealing)
        segment.isCounted = true
        #expect(SegmentPlan.next([segment], putOff: [.freeze(3)]) == .createIndex(3, SealedIndex.all[0]))
        segment.state = .sealed
        #expect(SegmentPlan.next([segment], putOff: [.addCheck(3)]) == .freeze(3))
        #expect(SegmentPlan.next([segment], putOff: [.addCheck(3), .freeze(3)]) == nil)
    }

    @Test("a sealed segment gets an index that a later version has brought")
    func laterIndex() throws {
        var segment = self.facts(3, .sealed)
        (segment.check, segment.isFrozen) = (.validated, true)
        let missing = try #require(SealedIndex.all.first { $0.suffix == "batch_id" })
        segment.indexes = Set(SealedIndex.all.filter { $0 != missing }.map { $0.name(of: segment.table) })
        #expect(SegmentPlan.next([segment]) == .createIndex(3, missing))
        segment.indexes.insert(missing.name(of: segment.table))
        #expect(SegmentPlan.next([segment]) == nil)
    }

    @Test("an expired segment is detached, dropped and noted, wherever its leader was killed")
    func retiring() {
        var segment = self.facts(3, .retiring)
        #expect(SegmentPlan.next([segment]) == .detach(3))
        segment.isDetachPending = true
        #expect(SegmentPlan.next([segment]) == .finalizeDetach(3))
        (segment.isAttached, segment.isDetachPending) = (false, false)
        #expect(SegmentPlan.next([segment]) == .dropTable(3))
        segment.exists = false
        #expect(SegmentPlan.next([segment]) == .markDropped(3))
        segment.state = .dropped
        #expect(SegmentPlan.next([segment]) == nil)
    }

    @Test("the oldest full segment comes first, then what is left of sealed ones, then expired ones")
    func order() {
        var sealed = self.facts(1, .sealed)
        sealed.check = .validated
        sealed.indexes = Set(SealedIndex.all.map { $0.name(of: sealed.table) })
        let all = [
            self.facts(9, .hot), self.facts(2, .retiring), self.facts(8, .sealing), sealed, self.facts(7, .sealing),
        ]
        #expect(SegmentPlan.next(all) == .count(7))
        #expect(SegmentPlan.next(all, putOff: [.count(7)]) == .count(8))
        #expect(SegmentPlan.next(all, putOff: [.count(7), .count(8)]) == .freeze(1))
        #expect(SegmentPlan.next(all, putOff: [.count(7), .count(8), .freeze(1)]) == .detach(2))
        #expect(SegmentPlan.next(all, putOff: [.count(7), .count(8), .freeze(1), .detach(2)]) == nil)
    }

    @Test("a table of many digits keeps its whole number")
    func names() {
        #expect(Rotation.tableName(1) == "events_000001")
        #expect(Rotation.tableName(12_345_678) == "events_12345678")
    }
}

@Suite("When the hot segment is full, and how much writers hold back")
struct RotationPolicyTests {
    private let policy = RotationPolicy(segmentRows: 1000, segmentAgeSeconds: 3600)

    private func facts(
        rows: Int64, age: Int64 = 0, unsealed: Int = 0, others: Int64 = 0, span: Int64 = 0
    ) -> RotationPolicy.Facts {
        RotationPolicy.Facts(rows: rows, ageSeconds: age, unsealed: unsealed, otherRows: others, spanSeconds: span)
    }

    @Test("by rows or by age, whichever comes first; an empty one never")
    func due() {
        #expect(!self.policy.isDue(self.facts(rows: 999)))
        #expect(self.policy.isDue(self.facts(rows: 1000)))
        #expect(self.policy.isDue(self.facts(rows: 1, age: 3600)))
        #expect(!self.policy.isDue(self.facts(rows: 1, age: 3599)))
        #expect(!self.policy.isDue(self.facts(rows: 0, age: 1_000_000)))
    }

    @Test("never while two segments wait for being sealed; writers stand still before a third one is full")
    func backlog() {
        #expect(self.policy.isDue(self.facts(rows: 5000, unsealed: 1)))
        #expect(!self.policy.isDue(self.facts(rows: 5000, unsealed: 2)))
        #expect(BackPressure.pressure(unsealed: 1, fill: 5) == 0)
        #expect(BackPressure.pressure(unsealed: 2, fill: 0.5) == 0)
        #expect(BackPressure.pressure(unsealed: 2, fill: 0.75) == 0.5)
        #expect(BackPressure.pressure(unsealed: 2, fill: 1) == 1)
        #expect(BackPressure.pressure(unsealed: 3, fill: 7) == 1)
    }

    @Test("segments grow with the log, so that a log of a hundred billion rows has about five hundred")
    func growth() {
        var policy = self.policy
        policy.segmentRows = 2_000_000
        var (rows, count) = (0 as Int64, 0)
        while rows < 100_000_000_000 {
            rows += policy.fullAt(self.facts(rows: 0, others: rows))
            count += 1
        }
        #expect((300...550).contains(count), "\(count)")
        #expect(policy.isDue(self.facts(rows: 1, age: 7200, span: 64 * 7200)))
        #expect(!policy.isDue(self.facts(rows: 1, age: 7199, span: 64 * 7200)))
    }

    @Test("a writer under pressure waits its share of the time, and never for long at a time")
    func pause() {
        #expect(WriterPace.pause(after: .milliseconds(100), pressure: 0) == .zero)
        #expect(WriterPace.pause(after: .milliseconds(100), pressure: 0.5) == .milliseconds(100))
        #expect(WriterPace.pause(after: .milliseconds(100), pressure: 0.75) == .milliseconds(300))
        #expect(WriterPace.pause(after: .seconds(10), pressure: 0.75) == .seconds(1))
        #expect(WriterPace.pause(after: .seconds(10), pressure: 1) == .zero, "then it asks until the pressure falls")
    }

    @Test("sealing leaves a part of the machine to ingestion while there is any, unless it falls behind")
    func sealingPace() {
        let bounded = SealingPace(isIngesting: true, unsealed: 1)
        #expect(bounded.pause(after: .seconds(4)) == .seconds(1) && bounded.parallelWorkers == 0)
        for pace in [SealingPace(isIngesting: true, unsealed: 2), SealingPace(isIngesting: false, unsealed: 1)] {
            #expect(pace.pause(after: .seconds(4)) == .zero && pace.parallelWorkers == 1)
        }
    }
}
