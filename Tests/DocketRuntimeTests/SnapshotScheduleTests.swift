import DocketModel
import Testing

@testable import DocketRuntime

@Suite("When a registry is written to disk")
struct SnapshotScheduleTests {
    private let start = ContinuousClock.now
    private func time(_ seconds: Double) -> Timestamp { Timestamp(microsecondsSinceEpoch: Int64(seconds * 1_000_000)) }

    /// A schedule whose first registry, confirmed at second 0, was written at the start.
    private func written(maxAgeSeconds: Int = 86_400) -> SnapshotSchedule {
        var schedule = SnapshotSchedule(maxAgeSeconds: maxAgeSeconds)
        schedule.changed()
        let isDue = schedule.isDue(confirmedAt: self.time(0), at: self.start)
        let report = schedule.ended(isWritten: true, confirmedAt: self.time(0))
        #expect(isDue && report == nil)
        return schedule
    }

    private func isDue(
        _ schedule: inout SnapshotSchedule, confirmed: Double, at seconds: Double, isLast: Bool = false
    ) -> Bool {
        schedule.isDue(confirmedAt: self.time(confirmed), at: self.start + .seconds(seconds), isLast: isLast)
    }

    @Test("changes are written a second after the last one at the earliest, however many there are")
    func storm() {
        var schedule = self.written()
        var writes = 0
        for tick in 1...400 {
            schedule.changed()
            if self.isDue(&schedule, confirmed: 0, at: Double(tick) / 100) {
                writes += 1
                _ = schedule.ended(isWritten: true, confirmedAt: self.time(0))
            }
        }
        #expect(writes == 4)
    }

    @Test("nothing is written while nothing changes, until the time on disk is ten minutes old")
    func confirmation() {
        var schedule = self.written()
        let early = self.isDue(&schedule, confirmed: 599, at: 599)
        let late = self.isDue(&schedule, confirmed: 600, at: 600)
        #expect((early, late) == (false, true))
    }

    @Test("where a registry may only be used for so long, it is confirmed ten times before that")
    func shortAge() {
        var schedule = self.written(maxAgeSeconds: 100)
        let early = self.isDue(&schedule, confirmed: 9.9, at: 9.9)
        let late = self.isDue(&schedule, confirmed: 10, at: 10)
        #expect((early, late) == (false, true))
    }

    @Test("a database that doesn't confirm the registry makes nothing due")
    func away() {
        var schedule = self.written()
        let isDue = self.isDue(&schedule, confirmed: 0, at: 100_000)
        #expect(!isDue)
    }

    @Test("a failure is tried again after ten seconds, and reported at the beginning and the end of an episode")
    func failures() {
        var schedule = self.written()
        schedule.changed()
        var isDue = self.isDue(&schedule, confirmed: 2, at: 2)
        #expect(isDue)
        var report = schedule.ended(isWritten: false, confirmedAt: self.time(2))
        #expect(report == .failing)
        isDue = self.isDue(&schedule, confirmed: 11.9, at: 11.9)
        #expect(!isDue)
        isDue = self.isDue(&schedule, confirmed: 12, at: 12)
        #expect(isDue)
        report = schedule.ended(isWritten: false, confirmedAt: self.time(12))
        #expect(report == nil)
        isDue = self.isDue(&schedule, confirmed: 22, at: 22)
        #expect(isDue)
        report = schedule.ended(isWritten: true, confirmedAt: self.time(22))
        #expect(report == .recovered)
        isDue = self.isDue(&schedule, confirmed: 24, at: 24)
        #expect(!isDue)
    }

    @Test("the last look writes what has changed, and the newest time, whenever the last attempt was")
    func last() {
        var schedule = self.written()
        var isDue = self.isDue(&schedule, confirmed: 0, at: 0.1, isLast: true)
        #expect(!isDue)
        isDue = self.isDue(&schedule, confirmed: 0.1, at: 0.1, isLast: true)
        #expect(isDue)
    }
}

@Suite("What a collector does about a database that it can't open")
struct OpeningPlanTests {
    @Test("with a registry on disk it waits for one that is away, longer each time up to two seconds")
    func waits() {
        var plan = OpeningPlan()
        let pauses = (0..<5).map { _ in plan.failed(isAbsence: true, hasSnapshot: true) }
        #expect(pauses == [250, 500, 1000, 2000, 2000].map { .wait(.milliseconds($0)) })
    }

    @Test("it ends when waiting doesn't help, or there is no registry to go by any more", arguments: [true, false])
    func ends(hasSnapshot: Bool) {
        var plan = OpeningPlan()
        let action = plan.failed(isAbsence: !hasSnapshot, hasSnapshot: hasSnapshot)
        #expect(action == .end)
    }
}
