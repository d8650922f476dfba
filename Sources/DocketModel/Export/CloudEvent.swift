// CloudEvents 1.0.2, "Context Attributes"; JSON Event Format 1.0.2; Distributed Tracing extension.
// docs/export-formats.md says what becomes of which field.

extension JSONWriter {
    /// The event as a CloudEvent: its own projection as the data, what the collector knows in extension attributes.
    mutating func cloudEvent(_ stored: StoredEvent) {
        let event = stored.event
        self.beginObject()
        self.member("specversion", "1.0")
        self.member("id", event.eventID.uuidString)
        self.member("source", stored.cloudEventSource)
        self.member("type", event.type)
        self.member("subject", event.resource?.cloudEventSubject)
        self.member("time", event.occurredAt.rfc3339)
        self.member("datacontenttype", "application/json")
        self.member("tenant", stored.tenant)
        self.member("receivedat", stored.receivedAt.rfc3339)
        // The integers of CloudEvents have 32 bits.
        self.member("batchid", String(stored.batchID))
        self.member("position", Int64(stored.position))
        self.member("logindex", stored.logIndex.map { String($0) })
        if let trace = event.traceID, let span = event.spanID {
            // Whether the trace was sampled isn't kept: no flags.
            self.member("traceparent", "00-\(trace.hex)-\(span.hex)-00")
        }
        self.key("data")
        self.event(event)
        self.endObject()
    }
}

extension StoredEvent {
    /// A URI reference that isn't empty, as `source` must be.
    fileprivate var cloudEventSource: String {
        guard let source = self.event.source, !source.isEmpty else {
            return uriReference("urn:docket:tenant:\(self.tenant)")
        }
        return uriReference(source)
    }
}

extension Resource {
    /// `type/id`, where percent-decoding what is before and behind the first `/` gives the two back; `nil` when it would
    /// be empty, which `subject` must not be.
    ///
    /// Escaped are what a string of CloudEvents can't hold (controls and noncharacters), `%`, and `/` in the type.
    fileprivate var cloudEventSubject: String? {
        var subject: [UInt8] = []
        for scalar in (self.type ?? "").unicodeScalars {
            Self.append(scalar, escaping: scalar == "/", to: &subject)
        }
        if let id = self.id {
            if !(subject.isEmpty && id.isEmpty) { subject.append(UInt8(ascii: "/")) }
            for scalar in id.unicodeScalars { Self.append(scalar, escaping: false, to: &subject) }
        }
        return subject.isEmpty ? nil : String(decoding: subject, as: UTF8.self)
    }

    private static func append(_ scalar: Unicode.Scalar, escaping: Bool, to subject: inout [UInt8]) {
        let isEscaped = escaping || scalar == "%" || !scalar.isCloudEventCharacter
        for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter {
            if isEscaped { appendPercentEncoded(byte, to: &subject) } else { subject.append(byte) }
        }
    }
}

extension Unicode.Scalar {
    /// Whether a string of CloudEvents may hold it (CloudEvents 1.0.2, "Type System").
    fileprivate var isCloudEventCharacter: Bool {
        switch self.value {
        case 0...0x1F, 0x7F...0x9F, 0xFDD0...0xFDEF: false
        default: self.value & 0xFFFE != 0xFFFE
        }
    }
}
