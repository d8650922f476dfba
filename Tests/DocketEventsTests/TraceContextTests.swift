import DocketModel
import InMemoryTracing
import Instrumentation
import Testing
import Tracing

@testable import DocketEvents

@Suite("The trace of an event")
struct TraceContextTests {
    private static let traceID = TraceID(high: 0x0AF7_6519_16CD_43DD, low: 0x8448_EB21_1C80_319C)
    private static let spanID = SpanID(0xB7AD_6B71_6920_3331)
    private static let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    /// Runs within the context of a tracer that says this in its headers.
    private func traced<Value>(_ headers: [(String, String)], _ body: () -> Value) -> Value {
        withTracer(HeaderTracer(headers: headers)) {
            var context = ServiceContext.topLevel
            context[HeaderTracer.Key.self] = true
            return ServiceContext.withValue(context, operation: body)
        }
    }

    private func emitted(_ event: Event = Event("t")) -> Event {
        var event = event
        event.inheritContext()
        return event
    }

    @Test("is that of the tracer's context", arguments: ["traceparent", "Traceparent"])
    func inherited(_ name: String) {
        let event = self.traced([("tracestate", "x=1"), (name, Self.header)]) { self.emitted() }
        #expect(event.traceID == Self.traceID && event.spanID == Self.spanID)
    }

    @Test("is none when the tracer has none, or there is no context")
    func none() {
        #expect(self.traced([]) { self.emitted() }.traceID == nil)
        #expect(self.traced([("b3", Self.header), ("tracepartner", Self.header)]) { self.emitted() }.traceID == nil)
        #expect(self.traced([("traceparent", "00-rubbish")]) { self.emitted() }.traceID == nil)
        withTracer(HeaderTracer(headers: [("traceparent", Self.header)])) {
            #expect(self.emitted().traceID == nil)
            ServiceContext.withValue(.topLevel) { #expect(self.emitted().traceID == nil) }
        }
    }

    @Test("is the event's own when it sets one, or that of the audit scope")
    func precedence() {
        let own = Event("t").trace(TraceID(high: 1, low: 1))
        let span = { () -> Event in
            var event = Event("t")
            event.spanID = SpanID(7)
            return event
        }()
        self.traced([("traceparent", Self.header)]) {
            #expect(self.emitted(own) == own)
            #expect(self.emitted(span) == span)
            withAuditScope(AuditScope(traceID: TraceID(high: 2, low: 2))) {
                let event = self.emitted()
                #expect(event.traceID == TraceID(high: 2, low: 2) && event.spanID == nil)
            }
            withAuditScope(AuditScope(requestID: "r")) {
                #expect(self.emitted().traceID == Self.traceID && self.emitted().requestID == "r")
            }
        }
    }

    @Test(
        "is read strictly from traceparent",
        arguments: [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", "01-\(header.dropFirst(3))",
            "cc-\(header.dropFirst(3))-what-the-future-will-be-like", "fe-\(header.dropFirst(3))-",
        ])
    func wellFormed(_ text: String) {
        #expect(TraceParent(text)?.traceID == Self.traceID && TraceParent(text)?.spanID == Self.spanID)
    }

    @Test(
        "is not read from what is no traceparent",
        arguments: [
            "", "00", String(header.dropLast()), "\(header)-", "\(header)0", "\(header)-00", " \(header)",
            "ff-\(header.dropFirst(3))", "0-\(header.dropFirst(3))", "cc-\(header.dropFirst(3))0", header.uppercased(),
            "0G-\(header.dropFirst(3))", "00_\(header.dropFirst(3))",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319-b7ad6b71692033311-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333é-01",
        ])
    func malformed(_ text: String) {
        #expect(TraceParent(text) == nil)
    }
}

/// A tracer that passes on given headers wherever its key is in the context.
private struct HeaderTracer: Tracer {
    enum Key: ServiceContextKey { typealias Value = Bool }

    let headers: [(String, String)]
    private let spans = InMemoryTracer()

    init(headers: [(String, String)]) { self.headers = headers }

    func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> InMemorySpan {
        self.spans.startSpan(
            operationName, context: context(), ofKind: kind, at: instant(), function: function, file: fileID,
            line: line)
    }

    func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard context[Key.self] == true else { return }
        for (name, value) in self.headers { injector.inject(value, forKey: name, into: &carrier) }
    }

    func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {}

    func forceFlush() {}
}
