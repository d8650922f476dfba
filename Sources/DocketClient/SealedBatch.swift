internal import DocketCodec
internal import DocketGRPC
internal import DocketJournal
internal import DocketModel

/// A finished publish request with its name.
struct SealedBatch: Sendable, Equatable {
    let producerID: ProducerID
    let sequence: Int64
    /// The encoded `docket.v1.PublishRequest` behind its gRPC prefix.
    private(set) var frame: [UInt8]
    let eventCount: Int
    /// What the batch counts for in the queue: the frame's size before it is compressed.
    let sizeBytes: Int
    /// Whether it goes into the journal before anybody is told.
    let isDurable: Bool

    /// A batch whose frame is complete.
    init(producerID: ProducerID, sequence: Int64, frame: [UInt8], eventCount: Int, isDurable: Bool = false) {
        self.producerID = producerID
        self.sequence = sequence
        self.frame = frame
        self.eventCount = eventCount
        self.sizeBytes = frame.count
        self.isDurable = isDurable
    }

    /// A batch of the given events.
    ///
    /// - Parameter tenant: the tenant's slug; empty to leave it to the credential.
    init(events: [Event], tenant: String, producerID: ProducerID, sequence: Int64) {
        var frame = Self.begin(
            tenant: tenant, producerID: producerID, sequence: sequence, reservingBytes: 512 * events.count)
        for event in events { EventEncoder.append(event, to: &frame) }
        MessageFraming.writePrefix(into: &frame)
        self.init(producerID: producerID, sequence: sequence, frame: frame, eventCount: events.count)
    }

    /// The batch as it goes over the wire. Takes a while with compression: not under a lock.
    func prepared(_ compression: AuditClient.Configuration.Compression) -> SealedBatch {
        guard compression == .gzip else { return self }
        var batch = self
        batch.frame = MessageFraming.compress(frame: self.frame)
        return batch
    }

    /// A frame to which events can be appended; its prefix is written once the last one is in it.
    static func begin(tenant: String, producerID: ProducerID, sequence: Int64, reservingBytes: Int) -> [UInt8] {
        var frame: [UInt8] = []
        frame.reserveCapacity(reservingBytes + 64)
        frame.append(contentsOf: repeatElement(0, count: MessageFraming.prefixBytes))
        frame += EventEncoder.publishRequestPrefix(tenant: tenant, producerID: producerID, sequence: sequence)
        return frame
    }

    // MARK: In the journal

    /// What stands in front of the frame in a record: the batch's name, and the number of its events in 4 bytes, the least first.
    private static let recordHeaderBytes = JournalBatchKey.byteCount + 4

    /// The payload of the record that keeps the batch (docs/journal.md).
    var recordPayload: [UInt8] {
        var payload: [UInt8] = []
        payload.reserveCapacity(Self.recordHeaderBytes + self.frame.count)
        JournalBatchKey(
            producerHigh: self.producerID.high, producerLow: self.producerID.low, sequence: self.sequence
        ).append(to: &payload)
        for shift in [0, 8, 16, 24] { payload.append(UInt8(truncatingIfNeeded: self.eventCount >> shift)) }
        payload += self.frame
        return payload
    }

    /// The batch that a record keeps; `nil` when it keeps none.
    init?(recordPayload payload: [UInt8]) {
        guard payload.count > Self.recordHeaderBytes, let key = JournalBatchKey(payload: payload), key.sequence >= 0
        else { return nil }
        let digits = payload[JournalBatchKey.byteCount..<Self.recordHeaderBytes]
        self.init(
            producerID: ProducerID(high: key.producerHigh, low: key.producerLow), sequence: key.sequence,
            frame: Array(payload[Self.recordHeaderBytes...]),
            eventCount: digits.reversed().reduce(0) { $0 << 8 | Int($1) }, isDurable: true)
    }
}
