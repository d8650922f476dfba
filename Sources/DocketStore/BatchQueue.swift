package import DocketCodec

/// The batches that wait for a writer: first in, first out, bounded in bytes. A pure value; the store keeps one behind
/// its lock and acts on the answers after unlocking.
///
/// Its rules:
/// - A batch counts until its group is finished, not only while it waits: the bound is on memory, and a writer's group
///   lives as long as its commit.
/// - A batch larger than the bound is taken when nothing else is held, so that every legal batch gets through in the
///   end.
/// - While a group is in flight, small batches wait for its end, so that many of them share the price of a commit; a second
///   writer is for what is large, or for what has waited long enough.
/// - No two batches of one key are in flight at once: the second waits until the first one's group is finished, and
///   then finds the first one's row.
package struct BatchQueue: Sendable {
    /// A batch with whom to tell.
    package struct Entry: Sendable {
        package let batch: EncodedBatch
        /// On whose behalf it was submitted.
        package let submitter: Submitter?
        package let completion: BatchCompletion
        /// What the entry counts against the bound, in bytes.
        package let sizeBytes: Int
    }

    /// What became of an offer.
    package enum Offer: Sendable, Equatable {
        case queued
        /// The bound would be exceeded; `heldBytes` are held.
        case full(heldBytes: Int)
        /// The queue is closed.
        case closed
    }

    /// What a writer should do next.
    package enum Turn: Sendable {
        case commit([Entry])
        /// Nothing can be taken now: nothing waits, or only batches whose key is in flight.
        case wait
        /// What waits is too little for a commit beside the one in flight: wait for that one's end, but not long.
        case hold
        /// The queue is closed and nothing waits: the writer may end.
        case end
    }

    /// The most bytes held, waiting and in flight.
    package let maxBytes: Int
    /// The most bytes of one group, unless its first batch alone is larger.
    package let maxGroupBytes: Int
    /// The most batches of one group.
    package let maxGroupBatches: Int
    /// How many bytes must wait for a commit beside one that is in flight.
    package let minConcurrentBytes: Int

    private var waiting: [Entry] = []
    private var keysInFlight: Set<BatchKey> = []
    private var waitingBytes = 0
    /// Bytes held, waiting and in flight.
    package private(set) var heldBytes = 0
    /// Batches held, waiting and in flight.
    package private(set) var heldBatches = 0
    /// Whether ``close()`` was called.
    package private(set) var isClosed = false

    /// A queue with its bounds, each at least 1 but `minConcurrentBytes`, which may be 0.
    package init(maxBytes: Int, maxGroupBytes: Int, maxGroupBatches: Int, minConcurrentBytes: Int = 0) {
        precondition(maxBytes > 0 && maxGroupBytes > 0 && maxGroupBatches > 0, "a bound of a queue is at least 1")
        self.maxBytes = maxBytes
        self.maxGroupBytes = maxGroupBytes
        self.maxGroupBatches = maxGroupBatches
        self.minConcurrentBytes = minConcurrentBytes
    }

    /// How many batches wait for a writer.
    package var waitingCount: Int { self.waiting.count }

    /// Whether enough waits for a writer to begin at once.
    package var isReady: Bool {
        guard !self.waiting.isEmpty else { return false }
        return self.waitingBytes >= self.minConcurrentBytes || self.waitingBytes == self.heldBytes
            || self.waiting.count >= self.maxGroupBatches || self.isClosed
    }

    /// Takes a batch in, or says why not.
    package mutating func offer(
        _ batch: EncodedBatch, by submitter: Submitter? = nil, completion: @escaping BatchCompletion
    ) -> Offer {
        guard !self.isClosed else { return .closed }
        let size = batch.sizeBytes
        guard self.heldBytes == 0 || self.heldBytes + size <= self.maxBytes else {
            return .full(heldBytes: self.heldBytes)
        }
        self.waiting.append(Entry(batch: batch, submitter: submitter, completion: completion, sizeBytes: size))
        self.waitingBytes += size
        self.heldBytes += size
        self.heldBatches += 1
        return .queued
    }

    /// Takes out what waits on behalf of a submitter; what is in flight stays. It counts no more.
    package mutating func withdraw(_ submitter: Submitter) -> [Entry] {
        let withdrawn = self.waiting.filter { $0.submitter === submitter }
        guard !withdrawn.isEmpty else { return [] }
        self.waiting.removeAll { $0.submitter === submitter }
        let bytes = withdrawn.reduce(0) { $0 + $1.sizeBytes }
        self.waitingBytes -= bytes
        self.heldBytes -= bytes
        self.heldBatches -= withdrawn.count
        return withdrawn
    }

    /// The next commit group: all that waits, within a group's bounds and without a key that is in flight.
    ///
    /// - Parameter isPatient: Whether to ``Turn/hold`` small batches while a group is in flight.
    package mutating func nextTurn(isPatient: Bool = true) -> Turn {
        if isPatient, !self.waiting.isEmpty, !self.isReady { return .hold }
        var group: [Entry] = []
        var left: [Entry] = []
        var bytes = 0
        for (index, entry) in self.waiting.enumerated() {
            let fits = group.isEmpty || bytes + entry.sizeBytes <= self.maxGroupBytes
            guard fits, group.count < self.maxGroupBatches else {
                left += self.waiting[index...]
                break
            }
            guard self.keysInFlight.insert(entry.batch.key).inserted else {
                left.append(entry)
                continue
            }
            group.append(entry)
            bytes += entry.sizeBytes
        }
        self.waiting = left
        self.waitingBytes -= bytes
        if !group.isEmpty { return .commit(group) }
        return self.isClosed && left.isEmpty ? .end : .wait
    }

    /// Takes note that batches of a group have been answered: their bytes and keys are free again.
    package mutating func finish(_ entries: [Entry]) {
        for entry in entries {
            self.keysInFlight.remove(entry.batch.key)
            self.heldBytes -= entry.sizeBytes
            self.heldBatches -= 1
        }
        precondition(self.heldBytes >= 0 && self.heldBatches >= 0, "a batch was finished twice")
    }

    /// Takes nothing more in; what is held can still be committed.
    package mutating func close() { self.isClosed = true }
}
