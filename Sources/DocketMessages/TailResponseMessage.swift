package import DocketModel

/// A `docket.v1.TailResponse`: events that have been committed. They pass through as opaque bytes, as in
/// ``QueryResponseMessage``.
package struct TailResponseMessage: Sendable, Equatable {
    /// In the log's order.
    package var events: [StoredEventMessage]
    /// Where to go on when the stream breaks off behind this message.
    package var next: LogPosition
    /// How many events that match were left out before those of this message.
    package var missedCount: Int64

    /// A part of the stream.
    package init(events: [StoredEventMessage] = [], next: LogPosition, missedCount: Int64 = 0) {
        self.events = events
        self.next = next
        self.missedCount = missedCount
    }

    /// Reads an encoded part.
    ///
    /// - Throws: ``MessageError`` with code `malformed`, `invalidText`, or `outOfRange` over
    ///   ``QueryResponseMessage/maxEvents``.
    package init(serialized bytes: [UInt8]) throws(MessageError) {
        self.init(next: .start)
        var reader = WireReader(bytes[...], of: "TailResponse")
        while let field = try reader.next() {
            switch field {
            case .bytes(1, let value):
                guard self.events.count < QueryResponseMessage.maxEvents else {
                    throw MessageError(
                        code: .outOfRange, field: "events",
                        message: "a part of a tail holds more than \(QueryResponseMessage.maxEvents) events")
                }
                self.events.append(try StoredEventMessage(value))
            case .bytes(2, let value): self.next = try LogPosition(serialized: value)
            case .varint(3, let value): self.missedCount = Int64(bitPattern: value)
            default: break
            }
        }
    }

    /// The encoded part.
    package func serialized() -> [UInt8] {
        var writer = WireWriter()
        writer.bytes.reserveCapacity(self.events.reduce(48) { $0 + $1.sizeBytes })
        for event in self.events { writer.append(field: 1, event.serialized()) }
        writer.append(field: 2, self.next.serialized())
        writer.append(field: 3, varint: UInt64(bitPattern: self.missedCount))
        return writer.bytes
    }
}
