internal import DocketCodec
internal import DocketGRPC
internal import DocketModel

/// Gathers emitted events into batches: a pure value, kept behind the client's lock.
///
/// An event is encoded as it comes in, so what waits is bounded in bytes exactly and nothing but the batch's own buffer
/// is allocated. Each tenant has a batch of its own, and so have the events that go into the journal first.
struct EmitBuffer: Sendable {
    struct Bounds: Sendable {
        var maxBatchEvents: Int
        var maxBatchBytes: Int
        var maxQueueBytes: Int
    }

    /// What a batch's events have in common.
    struct Destination: Hashable, Sendable {
        /// The tenant's slug; empty to leave it to the credential.
        var tenant: String
        /// Whether they go into the journal before anybody is told.
        var isDurable = false
    }

    /// Where an event has gone.
    struct Place: Equatable, Sendable {
        let sequence: Int64
        let index: Int
    }

    /// What became of an event.
    enum Outcome: Equatable {
        /// The event is the first of a batch: the batch must be taken when the linger time is over (``Selection/openedBy(_:)``).
        case opened(Place)
        case added(Place)
        /// A batch is ready to be taken.
        case sealed(Place)
        /// The queue is full.
        case full
        /// The buffer takes no more events.
        case closed
        /// The event alone is larger than a batch may be.
        case tooLarge
    }

    /// Which batches to take.
    enum Selection {
        /// Those that are complete.
        case complete
        /// These, and those in which somebody waits.
        case urgent
        /// Those that are complete, and those that are being filled since then or longer, in nanoseconds of the caller's clock.
        case openedBy(Int64)
        /// Those that are complete, and those that are being filled.
        case all
    }

    /// A batch that is being filled.
    private struct Lane: Sendable {
        let destination: Destination
        var frame: [UInt8] = []
        var eventCount = 0
        var sequence: Int64 = 0
        var openedAt: Int64 = 0
        var isUrgent = false
    }

    /// What all lanes share.
    private struct Shared: Sendable {
        let bounds: Bounds
        let producerID: ProducerID
        var sealed: [SealedBatch] = []
        var openBytes = 0
        var openEventCount = 0
        var unansweredBytes = 0
        var unansweredEventCount = 0
        var nextSequence: Int64 = 0
    }

    /// The most batches that are being filled at once; one more seals them all.
    static let maxLanes = 64

    private var main: Lane
    private var others: [Destination: Lane] = [:]
    private var shared: Shared
    private var isClosed = false

    /// - Parameter tenant: where events go that name no other: its slug, or empty.
    init(bounds: Bounds, tenant: String, producerID: ProducerID) {
        self.main = Lane(destination: Destination(tenant: tenant))
        self.shared = Shared(bounds: bounds, producerID: producerID)
    }

    /// The number that the next batch gets.
    var nextSequence: Int64 { self.shared.nextSequence }
    /// What is held in memory: the batches being filled, and all that aren't answered, in bytes.
    var heldBytes: Int { self.shared.openBytes + self.shared.unansweredBytes }
    /// How many events that is.
    var heldEventCount: Int { self.shared.openEventCount + self.shared.unansweredEventCount }
    /// How many events are in no batch that has been taken.
    var untakenEventCount: Int { self.shared.sealed.reduce(self.shared.openEventCount) { $0 + $1.eventCount } }
    /// Whether every batch that was sealed has been answered.
    var isIdle: Bool { self.shared.unansweredBytes == 0 }

    /// Since when the batch is being filled that has been so for longest, in nanoseconds of the callers' clock.
    var oldestOpening: Int64? {
        let oldest = self.others.values.lazy.filter { $0.eventCount > 0 }.map(\.openedAt).min()
        return self.main.eventCount == 0 ? oldest : min(self.main.openedAt, oldest ?? .max)
    }

    /// Adds an event.
    ///
    /// - Parameters:
    ///   - destination: where it goes; `nil` for the client's own tenant, by way of memory alone.
    ///   - isUrgent: whether somebody waits for what becomes of it.
    ///   - now: nanoseconds of a clock, which is read once a batch.
    mutating func append(
        _ event: Event, to destination: Destination? = nil, isUrgent: Bool = false, now: @autoclosure () -> Int64
    ) -> Outcome {
        guard !self.isClosed else { return .closed }
        guard let destination, destination != self.main.destination else {
            return Self.append(event, isUrgent: isUrgent, now: now, lane: &self.main, shared: &self.shared)
        }
        if self.others[destination] == nil, self.others.count >= Self.maxLanes { self.sealOthers { _ in true } }
        return Self.append(
            event, isUrgent: isUrgent, now: now,
            lane: &self.others[destination, default: Lane(destination: destination)],
            shared: &self.shared)
    }

    private static func append(
        _ event: Event, isUrgent: Bool, now: () -> Int64, lane: inout Lane, shared: inout Shared
    ) -> Outcome {
        let size = EventEncoder.sizeBytes(of: event)
        let (bounds, tenant) = (shared.bounds, lane.destination.tenant)
        // With what stands in front of an event, and of a batch.
        let takenBytes = size + (lane.eventCount == 0 ? 128 + tenant.utf8.count : 8)
        guard size + 128 + tenant.utf8.count <= bounds.maxBatchBytes else { return .tooLarge }
        guard shared.openBytes + shared.unansweredBytes + takenBytes <= bounds.maxQueueBytes else { return .full }
        let hadSealed = !shared.sealed.isEmpty
        if lane.eventCount > 0, lane.frame.count + size + 8 > bounds.maxBatchBytes { Self.seal(&lane, &shared) }
        if lane.eventCount == 0 {
            lane.sequence = shared.nextSequence
            lane.openedAt = now()
            shared.nextSequence += 1
            lane.frame = SealedBatch.begin(
                tenant: tenant, producerID: shared.producerID, sequence: lane.sequence,
                reservingBytes: min(bounds.maxBatchBytes, 400 * min(bounds.maxBatchEvents, 1024)))
            shared.openBytes += lane.frame.count
        }
        let before = lane.frame.count
        EventEncoder.append(event, sizeBytes: size, to: &lane.frame)
        let place = Place(sequence: lane.sequence, index: lane.eventCount)
        shared.openBytes += lane.frame.count - before
        shared.openEventCount += 1
        lane.eventCount += 1
        if isUrgent { lane.isUrgent = true }
        let isFirst = lane.eventCount == 1
        if lane.eventCount >= bounds.maxBatchEvents { Self.seal(&lane, &shared) }
        if !shared.sealed.isEmpty, !hadSealed { return .sealed(place) }
        return isFirst ? .opened(place) : .added(place)
    }

    /// Takes the batches that are ready.
    mutating func take(_ selection: Selection) -> [SealedBatch] {
        switch selection {
        case .complete: break
        case .urgent:
            if self.main.isUrgent { Self.seal(&self.main, &self.shared) }
            self.sealOthers(where: \.isUrgent)
        case .openedBy(let time):
            if self.main.openedAt <= time { Self.seal(&self.main, &self.shared) }
            self.sealOthers { $0.openedAt <= time }
        case .all:
            Self.seal(&self.main, &self.shared)
            self.sealOthers { _ in true }
        }
        defer { self.shared.sealed = [] }
        return self.shared.sealed
    }

    /// Takes note that a batch is done, or kept elsewhere: its memory is free.
    mutating func released(_ batch: SealedBatch) {
        self.shared.unansweredBytes -= batch.sizeBytes
        self.shared.unansweredEventCount -= batch.eventCount
    }

    /// Takes no more events.
    mutating func close() { self.isClosed = true }

    private mutating func sealOthers(where isToSeal: (Lane) -> Bool) {
        for (destination, var lane) in self.others where isToSeal(lane) {
            // The dictionary's own reference to the bytes goes first: sealing writes in place.
            self.others[destination] = nil
            Self.seal(&lane, &self.shared)
        }
    }

    private static func seal(_ lane: inout Lane, _ shared: inout Shared) {
        guard lane.eventCount > 0 else { return }
        // In place, before a second reference to the bytes exists: a copy here would be made under the client's lock.
        MessageFraming.writePrefix(into: &lane.frame)
        let batch = SealedBatch(
            producerID: shared.producerID, sequence: lane.sequence, frame: lane.frame, eventCount: lane.eventCount,
            isDurable: lane.destination.isDurable)
        shared.sealed.append(batch)
        shared.openBytes -= batch.sizeBytes
        shared.openEventCount -= batch.eventCount
        shared.unansweredBytes += batch.sizeBytes
        shared.unansweredEventCount += batch.eventCount
        lane.frame = []
        lane.eventCount = 0
        lane.isUrgent = false
    }
}
