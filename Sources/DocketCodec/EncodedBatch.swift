package import DocketModel

/// What names a batch for good.
package struct BatchKey: Hashable, Sendable {
    /// The tenant's surrogate key.
    package let tenantID: Int32
    package let producerID: ProducerID
    /// From 0 to 2^63-1.
    package let sequence: Int64

    package init(tenantID: Int32, producerID: ProducerID, sequence: Int64) {
        self.tenantID = tenantID
        self.producerID = producerID
        self.sequence = sequence
    }
}

/// A batch as the store takes it: decoded once, encoded once. An object, since it is handed on many times and each copy of a
/// value would count six references.
package final class EncodedBatch: Sendable {
    package let key: BatchKey
    /// The collector's number for the batch: see ``BatchID``.
    package let batchID: Int64
    /// When the collector received it, exact to the millisecond.
    package let receivedAt: Timestamp
    /// The COPY BINARY tuples of the accepted events, in the order of ``EventColumn``, without the file's header and
    /// trailer (``CopyStream``): the tuples of several batches may be sent one after the other.
    package let tuples: [UInt8]
    /// How many events the request carried.
    package let eventCount: Int
    /// How many tuples there are.
    package let acceptedCount: Int
    /// One for each event that is not accepted, in rising order of the index.
    package let rejections: [Rejection]
    /// The rejected events as they came; one for each of `rejections`, in the same order.
    package let quarantined: [QuarantinedEvent]
    /// What is wrong with accepted events that are stored in spite of a rule, in rising order of the index.
    package let marks: [Rejection]
    /// From the earliest to the latest `occurred_at` of the accepted events; `nil` when there are none.
    package let occurredAt: ClosedRange<Timestamp>?
    /// The Merkle root over the leaves of the accepted events: 32 bytes.
    package let root: [UInt8]
    /// The Merkle root over the leaves of all events as received: 32 bytes.
    package let contentHash: [UInt8]
    /// The request as it came, should the store refuse one of its events; `nil` when it isn't kept.
    package let request: PublishRequestView?

    package init(
        key: BatchKey,
        batchID: Int64,
        receivedAt: Timestamp,
        tuples: [UInt8],
        eventCount: Int,
        acceptedCount: Int,
        rejections: [Rejection],
        quarantined: [QuarantinedEvent],
        marks: [Rejection] = [],
        occurredAt: ClosedRange<Timestamp>? = nil,
        root: [UInt8],
        contentHash: [UInt8],
        request: PublishRequestView? = nil
    ) {
        self.key = key
        self.batchID = batchID
        self.receivedAt = receivedAt
        self.tuples = tuples
        self.eventCount = eventCount
        self.acceptedCount = acceptedCount
        self.rejections = rejections
        self.quarantined = quarantined
        self.marks = marks
        self.occurredAt = occurredAt
        self.root = root
        self.contentHash = contentHash
        self.request = request
    }

    /// What the batch takes in memory, nearly: its tuples and the room that was made for them, its request, its quarantined events, and
    /// a flat part for the rest.
    package var sizeBytes: Int {
        let bytes =
            self.tuples.capacity + (self.request?.message.count ?? 0) + 256 * (self.rejections.count + self.marks.count)
        return self.quarantined.reduce(1024 + bytes) { $0 + $1.event.count }
    }

    /// The verdict on the batch once it is stored that safely.
    package func verdict(durability: Durability) -> Verdict {
        Verdict(
            acceptedCount: self.acceptedCount,
            rejections: self.rejections,
            receipt: Receipt(
                batchID: self.batchID, root: self.root, durability: durability, receivedAt: self.receivedAt,
                contentHash: self.contentHash))
    }
}

extension EncodedBatch: Equatable {
    package static func == (left: EncodedBatch, right: EncodedBatch) -> Bool {
        left.key == right.key && left.batchID == right.batchID && left.receivedAt == right.receivedAt
            && left.eventCount == right.eventCount && left.acceptedCount == right.acceptedCount
            && left.root == right.root && left.contentHash == right.contentHash && left.tuples == right.tuples
            && left.rejections == right.rejections && left.quarantined == right.quarantined
            && left.marks == right.marks && left.occurredAt == right.occurredAt
            && left.request == right.request
    }
}

/// A rejected event, kept whole for the operator.
package struct QuarantinedEvent: Sendable, Equatable {
    /// The event's index in its request, from 0.
    package let index: Int
    /// The encoded `docket.v1.Event` exactly as it came.
    package let event: [UInt8]

    package init(index: Int, event: [UInt8]) {
        self.index = index
        self.event = event
    }
}

/// Why one event is refused: a ``Rejection`` that doesn't know its index yet.
package struct EventRefusal: Sendable, Hashable {
    /// The field at fault, by its name in `event.proto`, such as `delegation[2].kind`.
    package let field: String
    package let code: RejectionCode
    /// The fault in words: the limit and the remedy.
    package let reason: String

    package init(field: String, code: RejectionCode, reason: String) {
        self.field = field
        self.code = code
        self.reason = reason
    }

    /// The rejection of the event at that index.
    package func rejection(at index: Int) -> Rejection {
        Rejection(index: index, field: self.field, code: self.code, reason: self.reason)
    }
}

/// The registry's word on an event that has passed the codec's own checks.
package enum Admission: Sendable, Equatable {
    /// The event is in order; `typeID` is its type's surrogate key.
    case accept(typeID: Int32)
    /// The event is stored in spite of what is wrong with it.
    case mark(typeID: Int32, [EventRefusal])
    case reject(EventRefusal)
}

/// The layout of a batch id: 41 bits of milliseconds since 2020-01-01T00:00:00Z, 10 bits of the collector's node, 12
/// bits of a counter within the millisecond. Never negative, and rising with time.
package enum BatchID {
    /// 2020-01-01T00:00:00Z in microseconds since 1970.
    private static let epochMicroseconds: Int64 = 1_577_836_800_000_000

    /// The largest node number.
    package static let maxNode: Int64 = 1023
    /// The largest counter.
    package static let maxCounter: Int64 = 4095

    /// The id of those parts; `nil` when one of them doesn't fit (the time from 2020 to September 2089).
    package static func make(at time: Timestamp, node: Int64, counter: Int64) -> Int64? {
        let (sinceEpoch, overflow) = time.microsecondsSinceEpoch.subtractingReportingOverflow(Self.epochMicroseconds)
        guard !overflow, sinceEpoch >= 0, sinceEpoch / 1000 < (1 << 41), (0...Self.maxNode).contains(node),
            (0...Self.maxCounter).contains(counter)
        else { return nil }
        return (sinceEpoch / 1000) << 22 | node << 12 | counter
    }

    /// The millisecond that a batch id carries: when the collector received the batch. A negative id, which no
    /// collector makes, reads as the millisecond of its bits.
    package static func receivedAt(of batchID: Int64) -> Timestamp {
        let milliseconds = Int64(truncatingIfNeeded: UInt64(bitPattern: batchID) >> 22)
        return Timestamp(microsecondsSinceEpoch: Self.epochMicroseconds + milliseconds * 1000)
    }
}
