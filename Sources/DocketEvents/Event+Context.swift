package import DocketModel
internal import Instrumentation

extension AuditScope {
    /// Whether the current task has anything that events take over. Most have not, and their events needn't be copied.
    package static var hasContext: Bool { Self.bound != nil || ServiceContext.current != nil }

    /// The tenant of the current task's scope.
    package static var currentTenant: String? { Self.bound?.scope.tenant }
}

extension Event {
    /// Takes over from the current task's ``AuditScope`` what the event doesn't set, and from the tracer's context the trace,
    /// if neither sets one. Where there is neither scope nor context it costs two reads of task locals.
    package mutating func inheritContext() {
        if let bound = AuditScope.bound { self.inherit(from: bound.scope) }
        guard self.traceID == nil, self.spanID == nil, let context = ServiceContext.current, !context.isEmpty else {
            return
        }
        self.inheritTrace(from: context, by: InstrumentationSystem.instrument)
    }

    private mutating func inherit(from scope: AuditScope) {
        // An actor without any field is none.
        if self.actor?.isEmpty ?? true { self.actor = scope.actor }
        if self.sessionID == nil { self.sessionID = scope.sessionID }
        if self.requestID == nil { self.requestID = scope.requestID }
        if self.agentID == nil { self.agentID = scope.agentID }
        if self.scope == nil { self.scope = scope.scope }
        if self.source == nil { self.source = scope.source }
        if self.traceID == nil, self.spanID == nil {
            self.traceID = scope.traceID
            self.spanID = scope.spanID
        }
    }

    private mutating func inheritTrace(from context: ServiceContext, by instrument: some Instrument) {
        var carrier = TraceCarrier()
        instrument.inject(context, into: &carrier, using: TraceInjector())
        guard let parent = carrier.traceParent.flatMap({ TraceParent($0) }) else { return }
        self.traceID = parent.traceID
        self.spanID = parent.spanID
    }
}

/// What instruments write into: of all headers, the one that carries the trace.
private struct TraceCarrier: Sendable {
    var traceParent: String?
}

private struct TraceInjector: Injector {
    func inject(_ value: String, forKey key: String, into carrier: inout TraceCarrier) {
        // Headers' names have no case (RFC 9110 section 5.1).
        guard key.utf8.count == 11, key.lowercased() == "traceparent" else { return }
        carrier.traceParent = value
    }
}

/// The header `traceparent` (W3C Trace Context, section 3.2).
struct TraceParent: Equatable {
    let traceID: TraceID
    let spanID: SpanID

    /// Reads `00-<32 digits>-<16 digits>-<2 digits>`; of a later version what is alike.
    ///
    /// - Returns: `nil` for anything else: upper-case digits, the version `ff`, an id of zeros.
    init?(_ text: String) {
        var reader = Reader(text.utf8.makeIterator())
        guard let version = reader.digits(2), version != 0xFF, reader.dash(), let high = reader.digits(16),
            let low = reader.digits(16), reader.dash(), let span = reader.digits(16), reader.dash(),
            reader.digits(2) != nil, high | low != 0, span != 0,
            // A later version may have more behind a dash (section 4.2).
            reader.isAtEnd(orAtDash: version != 0)
        else { return nil }
        self.traceID = TraceID(high: high, low: low)
        self.spanID = SpanID(span)
    }

    private struct Reader {
        private var bytes: String.UTF8View.Iterator

        init(_ bytes: String.UTF8View.Iterator) { self.bytes = bytes }

        /// The value of up to 16 lower-case hexadecimal digits.
        mutating func digits(_ count: Int) -> UInt64? {
            var value: UInt64 = 0
            for _ in 0..<count {
                guard let byte = self.bytes.next() else { return nil }
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt64(byte - UInt8(ascii: "0"))
                case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt64(byte - UInt8(ascii: "a") + 10)
                default: return nil
                }
            }
            return value
        }

        mutating func dash() -> Bool { self.bytes.next() == UInt8(ascii: "-") }

        mutating func isAtEnd(orAtDash mayHaveMore: Bool) -> Bool {
            guard let byte = self.bytes.next() else { return true }
            return mayHaveMore && byte == UInt8(ascii: "-")
        }
    }
}
