import DocketCodec
import DocketModel
import DocketRegistry
import Testing

@testable import DocketCollector

@Suite("A tenant's rules about events")
struct EventJudgeTests {
    private static let batchID: Int64 = 0x0123_4567_89AB_CDEF
    private static let receivedAt = BatchID.receivedAt(of: Self.batchID)

    private func judged(
        _ mode: EventTypeMode, clock: ClockPolicy = ClockPolicy(), isExempt: Bool = false, _ events: [Event]
    ) throws -> (batch: EncodedBatch, judge: EventJudge) {
        let tenant = RegistryContents.Tenant(id: 3, slug: "acme", eventTypeMode: mode, clock: clock)
        let contents = RegistryContents(
            version: 1, tenants: [tenant], credentials: [],
            eventTypes: [
                .init(id: 10, tenantID: nil, name: "call", definitionID: 7),
                .init(id: 11, tenantID: 3, name: "seen", isObserved: true),
                .init(id: 12, tenantID: 3, name: "free"),
            ],
            definitions: [7: #"{"name": "call", "version": 1, "required_fields": ["action"]}"#])
        var judge = EventJudge(
            tenant: tenant, snapshot: RegistrySnapshot(contents), validators: EventTypeValidators(contents),
            isExempt: isExempt, receivedAt: Self.receivedAt)
        var request = EventEncoder.publishRequestPrefix(
            tenant: "", producerID: ProducerID(high: 0, low: 1), sequence: 1)
        for event in events { EventEncoder.append(event, to: &request) }
        let decoder = BatchDecoder(limits: Limits())
        let batch = try decoder.encode(
            decoder.decode(request),
            key: BatchKey(tenantID: 3, producerID: ProducerID(high: 0, low: 1), sequence: 1), batchID: Self.batchID,
            receivedAt: Self.receivedAt
        ) { judge.judge($0) }
        return (batch, judge)
    }

    private func event(_ type: String, action: String? = "run", secondsAhead: Int64 = 0) -> Event {
        let time = Self.receivedAt.microsecondsSinceEpoch + secondsAhead * 1_000_000
        return Event(
            eventID: EventID(high: 0, low: 1), type: type, occurredAt: Timestamp(microsecondsSinceEpoch: time),
            action: action)
    }

    private func faults(_ all: [Rejection]) -> [String] { all.map { "\($0.index) \($0.code.name) \($0.field)" } }

    @Test(
        "what breaks its definition, and a type that nobody has registered, is rejected, marked or neither",
        arguments: [
            (EventTypeMode.enforce, ["1 missing_field action", "2 unknown_event_type type"], []),
            (.observe, [], ["1 missing_field action", "2 unknown_event_type type"]), (.open, [], []),
        ])
    func modes(mode: EventTypeMode, rejected: [String], marked: [String]) throws {
        let events = [self.event("call"), self.event("call", action: nil), self.event("seen"), self.event("free")]
        let (batch, judge) = try self.judged(mode, events)
        #expect(self.faults(batch.rejections) == rejected && self.faults(batch.marks) == marked)
        #expect(batch.acceptedCount == 4 - rejected.count && judge.violationCount == marked.count)
        #expect(judge.typesToObserve.isEmpty)
    }

    @Test(
        "a type that is not known at all has to be noted first, unless its name can't be one",
        arguments: [EventTypeMode.observe, .open])
    func unknown(mode: EventTypeMode) throws {
        let names = ["new.one", "new.one", "other", "Not.One", "docket.mine"]
        let (batch, judge) = try self.judged(mode, names.map { self.event($0) })
        #expect(judge.typesToObserve == ["new.one", "other"])
        #expect(
            self.faults(batch.rejections) == ["3 unknown_event_type type", "4 unknown_event_type type"])
        #expect(try self.judged(.enforce, [self.event("new.one")]).judge.typesToObserve.isEmpty)
    }

    @Test("an event too far from the collector's clock is rejected or marked; an import may have any age")
    func clock() throws {
        var clock = ClockPolicy()
        (clock.maxAheadSeconds, clock.maxBehindSeconds) = (10, 100)
        let events = [10, 11, -100, -101].map { self.event("free", secondsAhead: $0) }
        let observed = try self.judged(.enforce, clock: clock, events)
        #expect(
            self.faults(observed.batch.marks) == ["1 out_of_range occurred_at_us", "3 out_of_range occurred_at_us"])
        #expect(observed.judge.clockFaultCount == 2 && observed.judge.violationCount == 0)
        #expect(observed.batch.occurredAt == events[3].occurredAt...events[1].occurredAt)
        clock.mode = .enforce
        let enforced = try self.judged(.open, clock: clock, events)
        #expect(self.faults(enforced.batch.rejections).map(\.first) == ["1", "3"])
        #expect(enforced.batch.occurredAt == events[2].occurredAt...events[0].occurredAt)
        #expect(enforced.batch.rejections[1].reason.contains("the tenant allows 100 s in the past"))
        let imported = try self.judged(.open, clock: clock, isExempt: true, events)
        #expect(imported.batch.rejections.isEmpty && imported.batch.marks.isEmpty)
    }

    @Test("an event can have two faults, and has two marks")
    func both() throws {
        let (batch, judge) = try self.judged(.observe, [self.event("seen", secondsAhead: 301)])
        #expect(self.faults(batch.marks) == ["0 unknown_event_type type", "0 out_of_range occurred_at_us"])
        #expect(judge.violationCount == 1 && judge.clockFaultCount == 1)
    }
}
