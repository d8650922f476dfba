import DocketEvents
import DocketModel
import Testing

@Suite("An audit scope")
struct AuditScopeTests {
    private static let full = AuditScope(
        tenant: "acme", actor: .user("alice"), sessionID: "s", requestID: "r", agentID: "a", scope: "billing",
        source: "gate", traceID: TraceID(high: 1, low: 2), spanID: SpanID(3))

    private struct Refused: Error, Equatable {}

    /// What the collector would get of an event that is emitted here.
    private func emitted(_ event: Event = Event("t")) -> Event {
        var event = event
        event.inheritContext()
        return event
    }

    @Test("gives events the fields that they don't set")
    func fills() {
        let event = Event("t")
        let emitted = withAuditScope(Self.full) { self.emitted(event) }
        let expected = event.by(.user("alice")).session("s").request("r").agent("a").inScope("billing").from("gate")
            .trace(TraceID(high: 1, low: 2), span: SpanID(3))
        #expect(emitted == expected)
        #expect(withAuditScope(Self.full) { self.emitted(event.by(Actor())) } == expected)
        // The tenant is no field of events.
        #expect(withAuditScope(Self.full) { AuditScope.current?.tenant } == "acme")
    }

    @Test("leaves the fields alone that events set")
    func keeps() {
        let event = Event("t").by(.service("cron")).session("1").request("2").agent("3").inScope("4").from("5")
            .trace(TraceID(high: 6, low: 6))
        #expect(withAuditScope(Self.full) { self.emitted(event) } == event)
        // A span belongs to its own trace, not to another one.
        #expect(withAuditScope(Self.full) { self.emitted(event) }.spanID == nil)
    }

    @Test("is absent outside, and leaves events there as they are")
    func outside() {
        let event = Event("t")
        #expect(AuditScope.current == nil && self.emitted(event) == event)
        withAuditScope(Self.full) { #expect(AuditScope.current == Self.full) }
        #expect(AuditScope.current == nil && self.emitted(event) == event)
    }

    @Test("inherits from the one around it what it doesn't set")
    func nested() {
        withAuditScope(Self.full) {
            withAuditScope(AuditScope(actor: .service("worker"), requestID: "r2")) {
                var expected = Self.full
                expected.actor = .service("worker")
                expected.requestID = "r2"
                #expect(AuditScope.current == expected)
            }
            withAuditScope(AuditScope()) { #expect(AuditScope.current == Self.full) }
            #expect(AuditScope.current == Self.full)
        }
    }

    @Test("takes trace and span from one place")
    func nestedTrace() {
        withAuditScope(Self.full) {
            withAuditScope(AuditScope(spanID: SpanID(9))) {
                #expect(AuditScope.current?.traceID == TraceID(high: 1, low: 2))
                #expect(AuditScope.current?.spanID == SpanID(9))
            }
            withAuditScope(AuditScope(traceID: TraceID(high: 8, low: 8))) {
                #expect(AuditScope.current?.traceID == TraceID(high: 8, low: 8))
                #expect(AuditScope.current?.spanID == nil)
            }
        }
    }

    @Test("reaches the tasks that are started within, and no others")
    func tasks() async {
        async let outside = self.emitted().requestID
        let inside = await withAuditScope(AuditScope(requestID: "r")) {
            await withTaskGroup(of: String?.self) { group in
                group.addTask { self.emitted().requestID }
                group.addTask { await Task { self.emitted().requestID }.value }
                group.addTask { await Task.detached { self.emitted().requestID }.value }
                return await group.reduce(into: [String?]()) { $0.append($1) }
            }
        }
        #expect(inside.filter { $0 == "r" }.count == 2 && inside.filter { $0 == nil }.count == 1)
        #expect(await outside == nil)
    }

    @Test("hands on what its operation returns and throws, with the error's type")
    func results() async throws {
        #expect(withAuditScope(AuditScope()) { 1 } == 1)
        #expect(await withAuditScope(AuditScope()) { await Task { 2 }.value } == 2)
        func typed() throws(Refused) { try withAuditScope(AuditScope()) { () throws(Refused) in throw Refused() } }
        #expect(throws: Refused()) { try typed() }
        func typedLater() async throws(Refused) {
            try await withAuditScope(AuditScope()) { () async throws(Refused) in throw Refused() }
        }
        await #expect(throws: Refused()) { try await typedLater() }
        let error: any Error = Refused()
        await #expect(throws: Refused()) {
            try await withAuditScope(AuditScope()) {
                await Task.yield()
                throw error
            }
        }
        #expect(AuditScope.current == nil)
    }

    @Test("keeps an asynchronous operation on its caller's actor")
    @MainActor func isolation() async {
        var count = 0
        await withAuditScope(Self.full) {
            await Task.yield()
            MainActor.assertIsolated()
            count += 1
        }
        #expect(count == 1)
    }
}
