import DocketCodec
import DocketModel
import SyntheticLoad

/// What benchmarks work on: the same events in every run of the program.
enum Sample {
    /// How many events a batch has.
    static let batchEvents = 500
    /// How many requests of one event a run has.
    static let singleRequests = 100

    static let producerID = ProducerID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)

    /// Events of about 350 bytes each.
    static func events(_ count: Int = batchEvents) -> [Event] {
        var generator = SyntheticEvents(seed: 1)
        return (0..<count).map { _ in generator.next() }
    }

    /// Those events as one encoded `docket.v1.PublishRequest`.
    static func request(_ events: [Event], sequence: Int64 = 1) -> [UInt8] {
        var message = EventEncoder.publishRequestPrefix(
            tenant: "acme", producerID: Self.producerID, sequence: sequence)
        for event in events { EventEncoder.append(event, to: &message) }
        return message
    }

    /// One request for each event.
    static func singles(_ count: Int = singleRequests) -> [[UInt8]] {
        Self.events(count).enumerated().map { Self.request([$1], sequence: Int64($0)) }
    }

    /// The verdict on a batch of which every event is accepted.
    static func verdict(acceptedCount: Int) -> Verdict {
        let receipt = Receipt(
            batchID: 1 << 60, root: [UInt8](repeating: 0xA5, count: 32), durability: .committed,
            receivedAt: Timestamp(microsecondsSinceEpoch: 1_700_000_000_000_000),
            contentHash: [UInt8](repeating: 0x5A, count: 32))
        return Verdict(acceptedCount: acceptedCount, rejections: [], receipt: receipt)
    }
}

/// Calls `body` with each element where it lies. A loop over the array would copy an event first, with a retain for each of
/// its strings, which is no part of what is measured: who emits an event has it at hand. Only what can't be copied is
/// never copied, hence the `~Copyable`.
func forEachInPlace<Element: ~Copyable>(
    _ elements: UnsafeBufferPointer<Element>, _ body: (borrowing Element) -> Void
) {
    for index in elements.indices { body(unsafe elements[index]) }
}
