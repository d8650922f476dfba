package import DocketModel

/// A `docket.v1.ExportResponse`: a part of an export. Its events pass through as opaque bytes, as in
/// ``QueryResponseMessage``.
package struct ExportResponseMessage: Sendable, Equatable {
    /// What an export came to: a `docket.v1.ExportSummary`.
    package struct Summary: Sendable, Equatable {
        /// How many events were sent by the call.
        package var eventCount: Int64
        /// The log index that it ended before.
        package var endLogIndex: Int64
        /// The slug of the tenant whose log it was.
        package var tenant: String

        /// A summary.
        package init(eventCount: Int64, endLogIndex: Int64, tenant: String) {
            self.eventCount = eventCount
            self.endLogIndex = endLogIndex
            self.tenant = tenant
        }
    }

    /// In the log's order.
    package var events: [StoredEventMessage]
    /// Where to go on when the stream breaks off behind this message.
    package var next: LogPosition
    /// In the last message, and only there.
    package var summary: Summary?

    /// A part of an export.
    package init(events: [StoredEventMessage], next: LogPosition, summary: Summary? = nil) {
        self.events = events
        self.next = next
        self.summary = summary
    }

    /// Reads an encoded part.
    ///
    /// - Throws: ``MessageError`` with code `malformed`, `invalidText`, or `outOfRange` over
    ///   ``QueryResponseMessage/maxEvents``.
    package init(serialized bytes: [UInt8]) throws(MessageError) {
        self.init(events: [], next: .start)
        var reader = WireReader(bytes[...], of: "ExportResponse")
        while let field = try reader.next() {
            switch field {
            case .bytes(1, let value):
                guard self.events.count < QueryResponseMessage.maxEvents else {
                    throw MessageError(
                        code: .outOfRange, field: "events",
                        message: "a part of an export holds more than \(QueryResponseMessage.maxEvents) events")
                }
                self.events.append(try StoredEventMessage(value))
            case .bytes(2, let value): self.next = try LogPosition(serialized: value)
            case .bytes(3, let value): self.summary = try Self.summary(value)
            default: break
            }
        }
    }

    /// The encoded part.
    package func serialized() -> [UInt8] {
        var writer = WireWriter()
        writer.bytes.reserveCapacity(self.events.reduce(96) { $0 + $1.sizeBytes })
        for event in self.events { writer.append(field: 1, event.serialized()) }
        writer.append(field: 2, self.next.serialized())
        if let summary = self.summary {
            var nested = WireWriter()
            nested.append(field: 1, varint: UInt64(bitPattern: summary.eventCount))
            nested.append(field: 2, varint: UInt64(bitPattern: summary.endLogIndex))
            if !summary.tenant.isEmpty { nested.append(field: 3, summary.tenant.utf8) }
            writer.append(field: 3, nested.bytes)
        }
        return writer.bytes
    }

    private static func summary(_ bytes: ArraySlice<UInt8>) throws(MessageError) -> Summary {
        var summary = Summary(eventCount: 0, endLogIndex: 0, tenant: "")
        var reader = WireReader(bytes, of: "ExportSummary")
        while let field = try reader.next() {
            switch field {
            case .varint(1, let value): summary.eventCount = Int64(bitPattern: value)
            case .varint(2, let value): summary.endLogIndex = Int64(bitPattern: value)
            case .bytes(3, let value): summary.tenant = String(decoding: value, as: UTF8.self)
            default: break
            }
        }
        return summary
    }
}
