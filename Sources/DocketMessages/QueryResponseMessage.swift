package import DocketModel

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

    /// A page.
    package init(events: [StoredEventMessage], nextPageToken: [UInt8]) {
        self.events = events
        self.nextPageToken = nextPageToken
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
        return writer.bytes
    }

    /// The most events of a page that is read, so that one of empty events can't fill the memory.
    package static let maxEvents = 10_000
}

/// A `docket.v1.StoredEvent`: an event with what the collector knows about it.
package struct StoredEventMessage: Sendable, Equatable {
    /// An encoded `docket.v1.Event`, opaque here.
    package var event: [UInt8]
    /// The tenant's slug.
    package var tenant: String
    /// When the collector received it, exact to the millisecond.
    package var receivedAt: Timestamp
    /// The number of the batch that it came in.
    package var batchID: Int64
    /// The event's index in its batch, from 0.
    package var position: Int

    /// A stored event.
    package init(event: [UInt8], tenant: String, receivedAt: Timestamp, batchID: Int64, position: Int) {
        self.event = event
        self.tenant = tenant
        self.receivedAt = receivedAt
        self.batchID = batchID
        self.position = position
    }

    fileprivate init(_ bytes: ArraySlice<UInt8>) throws(MessageError) {
        self.init(event: [], tenant: "", receivedAt: Timestamp(microsecondsSinceEpoch: 0), batchID: 0, position: 0)
        var reader = WireReader(bytes, of: "QueryResponse")
        while let field = try reader.next() {
            switch field {
            case .bytes(1, let value):
                // A nested message that comes in parts is their concatenation.
                self.event.append(contentsOf: value)
            case .bytes(2, let value):
                guard let tenant = String(validating: value, as: UTF8.self) else {
                    throw MessageError(
                        code: .invalidText, field: "events.tenant", message: "the text is not UTF-8; send UTF-8")
                }
                self.tenant = tenant
            case .varint(3, let value):
                self.receivedAt = Timestamp(microsecondsSinceEpoch: Int64(bitPattern: value))
            case .varint(4, let value):
                self.batchID = Int64(bitPattern: value)
            case .varint(5, let value):
                self.position = Int(UInt32(truncatingIfNeeded: value))
            default:
                break
            }
        }
    }

    fileprivate func serialized() -> [UInt8] {
        var writer = WireWriter()
        writer.bytes.reserveCapacity(self.event.count + self.tenant.utf8.count + 48)
        writer.append(field: 1, self.event)
        if !self.tenant.isEmpty { writer.append(field: 2, self.tenant.utf8) }
        writer.append(field: 3, varint: UInt64(bitPattern: self.receivedAt.microsecondsSinceEpoch))
        writer.append(field: 4, varint: UInt64(bitPattern: self.batchID))
        writer.append(field: 5, varint: UInt64(UInt32(clamping: self.position)))
        return writer.bytes
    }
}
