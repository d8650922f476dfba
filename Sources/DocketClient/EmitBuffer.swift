internal import DocketCodec
internal import DocketGRPC
internal import DocketModel

/// A finished publish request with its number.
struct SealedBatch: Sendable, Equatable {
    let sequence: Int64
    /// The encoded `docket.v1.PublishRequest` behind its gRPC prefix.
    private(set) var frame: [UInt8]
    let eventCount: Int
    /// What the batch counts for in the queue: the frame's size before it is compressed.
    let sizeBytes: Int

    /// A batch of the given events.
    ///
    /// - Parameter tenant: the tenant's slug; empty to leave it to the credential.
    init(events: [Event], tenant: String, producerID: ProducerID, sequence: Int64) {
        var frame = Self.begin(
            tenant: tenant, producerID: producerID, sequence: sequence, reservingBytes: 512 * events.count)
        for event in events { EventEncoder.append(event, to: &frame) }
        MessageFraming.writePrefix(into: &frame)
        self.init(sequence: sequence, frame: frame, eventCount: events.count)
    }

    /// A batch whose frame is complete.
    init(sequence: Int64, frame: [UInt8], eventCount: Int) {
        self.sequence = sequence
        self.frame = frame
        self.eventCount = eventCount
        self.sizeBytes = frame.count
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
}

/// Gathers emitted events into batches: a pure value, kept behind the client's lock.
///
/// An event is encoded as it comes in, so what waits is bounded in bytes exactly and nothing but the batch's own buffer
/// is allocated.
struct EmitBuffer: Sendable {
    struct Bounds: Sendable {
        var maxBatchEvents: Int
        var maxBatchBytes: Int
        var maxQueueBytes: Int
    }

    /// What became of an event.
    enum Outcome: Equatable {
        /// The event is the first of a batch: the batch must be taken when the linger time is over.
        case opened
        case added
        /// A batch is ready to be taken.
        case sealed
        /// The queue is full.
        case dropped
        /// The buffer takes no more events.
        case closed
        /// The event alone is larger than a batch may be.
        case tooLarge
    }

    private let bounds: Bounds
    private let tenant: String
    private let producerID: ProducerID
    private var open: [UInt8] = []
    private var openCount = 0
    private var sealed: [SealedBatch] = []
    private var unansweredBytes = 0
    private var isClosed = false
    /// The number that the next batch gets.
    private(set) var nextSequence: Int64 = 0

    init(bounds: Bounds, tenant: String, producerID: ProducerID) {
        self.bounds = bounds
        self.tenant = tenant
        self.producerID = producerID
    }

    /// What is held in memory: the batch being filled, and all that aren't answered, in bytes.
    var heldBytes: Int { self.open.count + self.unansweredBytes }

    /// How many events are in no batch that has been taken.
    var untakenEventCount: Int { self.sealed.reduce(self.openCount) { $0 + $1.eventCount } }

    /// Adds an event.
    mutating func append(_ event: Event) -> Outcome {
        guard !self.isClosed else { return .closed }
        let size = EventEncoder.sizeBytes(of: event)
        guard size + 128 + self.tenant.utf8.count <= self.bounds.maxBatchBytes else { return .tooLarge }
        guard self.heldBytes + size <= self.bounds.maxQueueBytes else { return .dropped }
        let hadSealed = !self.sealed.isEmpty
        if self.openCount > 0, self.open.count + size + 8 > self.bounds.maxBatchBytes { self.seal() }
        if self.openCount == 0 {
            self.open = SealedBatch.begin(
                tenant: self.tenant, producerID: self.producerID, sequence: self.nextSequence,
                reservingBytes: min(self.bounds.maxBatchBytes, 400 * min(self.bounds.maxBatchEvents, 1024)))
        }
        EventEncoder.append(event, sizeBytes: size, to: &self.open)
        self.openCount += 1
        if self.openCount >= self.bounds.maxBatchEvents { self.seal() }
        if !self.sealed.isEmpty, !hadSealed { return .sealed }
        return self.openCount == 1 ? .opened : .added
    }

    /// Takes the batches that are ready; with `includingOpen` the one that is being filled as well.
    mutating func takeSealed(includingOpen: Bool) -> [SealedBatch] {
        if includingOpen { self.seal() }
        defer { self.sealed = [] }
        return self.sealed
    }

    /// Takes note that a batch is done: its memory is free.
    mutating func answered(_ batch: SealedBatch) {
        self.unansweredBytes -= batch.sizeBytes
    }

    /// Takes no more events.
    mutating func close() { self.isClosed = true }

    private mutating func seal() {
        guard self.openCount > 0 else { return }
        // In place, before a second reference to the bytes exists: a copy here would be made under the client's lock.
        MessageFraming.writePrefix(into: &self.open)
        let batch = SealedBatch(sequence: self.nextSequence, frame: self.open, eventCount: self.openCount)
        self.sealed.append(batch)
        self.unansweredBytes += batch.sizeBytes
        self.nextSequence += 1
        self.open = []
        self.openCount = 0
    }
}
