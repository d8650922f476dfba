package import DocketModel

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
    /// The place of its batch in its tenant's log; `nil` where it wasn't asked for.
    package var logIndex: Int64?

    /// A stored event.
    package init(
        event: [UInt8], tenant: String, receivedAt: Timestamp, batchID: Int64, position: Int, logIndex: Int64? = nil
    ) {
        self.event = event
        self.tenant = tenant
        self.receivedAt = receivedAt
        self.batchID = batchID
        self.position = position
        self.logIndex = logIndex
    }

    init(_ bytes: ArraySlice<UInt8>) throws(MessageError) {
        self.init(event: [], tenant: "", receivedAt: Timestamp(microsecondsSinceEpoch: 0), batchID: 0, position: 0)
        var reader = WireReader(bytes, of: "StoredEvent")
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
            case .varint(6, let value):
                self.logIndex = Int64(bitPattern: value)
            default:
                break
            }
        }
    }

    /// What it takes encoded, in bytes, at most.
    package var sizeBytes: Int { self.event.count + self.tenant.utf8.count + 64 }

    /// Leaves out what isn't wanted of the fields that are never absent; the event must have been encoded without the others.
    ///
    /// - Throws: ``MessageError`` with code `malformed` when the event is none.
    package mutating func mask(_ fields: EventFields) throws(MessageError) {
        if !fields.contains(.tenant) { self.tenant = "" }
        if !fields.contains(.receivedAt) { self.receivedAt = Timestamp(microsecondsSinceEpoch: 0) }
        if !fields.contains(.batchID) { self.batchID = 0 }
        if !fields.contains(.position) { self.position = 0 }
        let left = Set(Self.constantFields.filter { !fields.contains($0.field) }.map(\.number))
        guard !left.isEmpty else { return }
        var event: [UInt8] = []
        var reader = WireReader(self.event[...], of: "Event")
        var start = 0
        while let field = try reader.next() {
            let end = self.event.count - reader.leftBytes
            if !left.contains(field.number) { event += self.event[start..<end] }
            start = end
        }
        self.event = event
    }

    /// The fields that every event has, by their numbers in `docket.v1.Event`.
    private static let constantFields: [(number: UInt32, field: EventField)] = [
        (1, .eventID), (3, .type), (4, .occurredAt),
    ]

    func serialized() -> [UInt8] {
        var writer = WireWriter()
        writer.bytes.reserveCapacity(self.sizeBytes)
        writer.append(field: 1, self.event)
        if !self.tenant.isEmpty { writer.append(field: 2, self.tenant.utf8) }
        writer.append(field: 3, varint: UInt64(bitPattern: self.receivedAt.microsecondsSinceEpoch))
        writer.append(field: 4, varint: UInt64(bitPattern: self.batchID))
        writer.append(field: 5, varint: UInt64(UInt32(clamping: self.position)))
        if let logIndex = self.logIndex { writer.append(field: 6, present: UInt64(bitPattern: logIndex)) }
        return writer.bytes
    }
}

extension WireReader.Field {
    /// The field's number; 0 where it was skipped.
    fileprivate var number: UInt32 {
        switch self {
        case .varint(let number, _), .bytes(let number, _): number
        case .skipped: 0
        }
    }
}
