/// A `docket.v1.QueryResponse`: one page.
///
/// Its events pass through as opaque bytes: the codec, which alone knows what an event looks like, encodes and
/// decodes them. protobuf-c would unpack them into structs and pack them again, so this message is written and read
/// field by field.
package struct QueryResponseMessage: Sendable, Equatable {
    /// The events, in the order that was asked for.
    package var events: [StoredEventMessage]
    /// Empty when no further event matched.
    package var nextPageToken: [UInt8]
    /// How many events match in all; `nil` when that wasn't asked for.
    package var count: Int64?

    /// A page.
    package init(events: [StoredEventMessage], nextPageToken: [UInt8], count: Int64? = nil) {
        self.events = events
        self.nextPageToken = nextPageToken
        self.count = count
    }

    /// Reads an encoded page.
    ///
    /// - Throws: ``MessageError`` with code `malformed`, `invalidText`, or `outOfRange` over ``maxEvents``.
    package init(serialized bytes: [UInt8]) throws(MessageError) {
        self.init(events: [], nextPageToken: [])
        var reader = WireReader(bytes[...], of: "QueryResponse")
        while let field = try reader.next() {
            switch field {
            case .bytes(1, let value):
                guard self.events.count < Self.maxEvents else {
                    throw MessageError(
                        code: .outOfRange, field: "events",
                        message: "a page holds more than \(Self.maxEvents) events; ask for less")
                }
                self.events.append(try StoredEventMessage(value))
            case .bytes(2, let value):
                self.nextPageToken = Array(value)
            case .varint(3, let value):
                self.count = Int64(bitPattern: value)
            default:
                break
            }
        }
    }

    /// The encoded page.
    package func serialized() -> [UInt8] {
        var writer = WireWriter()
        writer.bytes.reserveCapacity(self.events.reduce(64) { $0 + $1.event.count + $1.tenant.utf8.count + 48 })
        for event in self.events { writer.append(field: 1, event.serialized()) }
        if !self.nextPageToken.isEmpty { writer.append(field: 2, self.nextPageToken) }
        if let count = self.count { writer.append(field: 3, present: UInt64(bitPattern: count)) }
        return writer.bytes
    }

    /// The most events of a page that is read, so that one of empty events can't fill the memory.
    package static let maxEvents = 10_000
}
