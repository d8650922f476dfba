package import DocketCodec

/// The batches that wait for a writer, bounded in bytes. A pure value; the store keeps one behind its lock and acts on the answers
/// after unlocking.
///
/// Its rules:
/// - Tenants have turns; the batches of one tenant are first in, first out.
/// - Heavy batches and light ones don't share a group: a light one would wait for all that the others bring. A writer
///   of both takes them in turns, and there may be one that takes light ones only, so that they don't wait for the commit of a heavy
///   group either.
/// - The last quarter of the bound is for tenants that hold a sixteenth of it at most: one that sends more than the store takes
///   doesn't keep the others out.
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

    /// Batches, waiting and in flight.
    package struct Load: Sendable, Equatable {
        package fileprivate(set) var batches = 0
        package fileprivate(set) var bytes = 0

        package init() {}
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
    /// How many bytes of light batches must wait for a commit beside one that is in flight.
    package let minConcurrentBytes: Int
    /// What a light batch has at most, in bytes.
    package let maxLightBytes: Int

    private var light = TenantTurns()
    private var heavy = TenantTurns()
    /// Whether a writer of both has last looked for heavy batches.
    private var wasHeavy = false
    private var keysInFlight: Set<BatchKey> = []
    /// Bytes of light batches held, waiting and in flight.
    private var lightHeldBytes = 0
    /// Bytes held, waiting and in flight, by the tenant's key.
    private var tenantBytes: [Int32: Int] = [:]
    /// What is held, waiting and in flight.
    package private(set) var held = Load()
    /// Whether ``close()`` was called.
    package private(set) var isClosed = false

    /// A queue with its bounds, each at least 1 but `minConcurrentBytes`, which may be 0.
    package init(
        maxBytes: Int, maxGroupBytes: Int, maxGroupBatches: Int, minConcurrentBytes: Int = 0,
        maxLightBytes: Int = 64 * 1024
    ) {
        precondition(maxBytes > 0 && maxGroupBytes > 0 && maxGroupBatches > 0, "a bound of a queue is at least 1")
        self.maxBytes = maxBytes
        self.maxGroupBytes = maxGroupBytes
        self.maxGroupBatches = maxGroupBatches
        self.minConcurrentBytes = minConcurrentBytes
        self.maxLightBytes = maxLightBytes
    }

    /// How many batches wait for a writer.
    package var waitingCount: Int { self.light.count + self.heavy.count }

    /// Whether heavy batches wait: something for a writer that takes those.
    package var hasHeavy: Bool { !self.heavy.isEmpty }

    /// Whether enough light batches wait for a writer to begin at once.
    package var isReady: Bool {
        guard !self.light.isEmpty else { return false }
        return self.light.bytes >= self.minConcurrentBytes || self.light.bytes == self.lightHeldBytes
            || self.light.count >= self.maxGroupBatches || self.isClosed
    }

    /// Takes a batch in, or says why not.
    package mutating func offer(
        _ batch: EncodedBatch, by submitter: Submitter? = nil, completion: @escaping BatchCompletion
    ) -> Offer {
        guard !self.isClosed else { return .closed }
        let size = batch.sizeBytes
        guard self.hasRoom(for: size, ofTenant: batch.key.tenantID) else { return .full(heldBytes: self.held.bytes) }
        let entry = Entry(batch: batch, submitter: submitter, completion: completion, sizeBytes: size)
        if self.isLight(entry) {
            self.light.append(entry)
            self.lightHeldBytes += size
        } else {
            self.heavy.append(entry)
        }
        self.held.bytes += size
        self.held.batches += 1
        self.tenantBytes[batch.key.tenantID, default: 0] += size
        return .queued
    }

    /// Takes out what waits on behalf of a submitter; what is in flight stays. It counts no more.
    package mutating func withdraw(_ submitter: Submitter) -> [Entry] {
        let withdrawn = self.light.withdraw(submitter) + self.heavy.withdraw(submitter)
        for entry in withdrawn { self.discount(entry) }
        return withdrawn
    }

    /// The next commit group: all that waits, within a group's bounds and without a key that is in flight.
    ///
    /// - Parameters:
    ///   - takesHeavy: whether the writer takes heavy batches: in turns with light ones, where both wait.
    ///   - isPatient: whether to ``Turn/hold`` light batches while a group of them is in flight.
    package mutating func nextTurn(takesHeavy: Bool = true, isPatient: Bool = true) -> Turn {
        if takesHeavy {
            self.wasHeavy = !(self.wasHeavy && self.isReady)
            if self.wasHeavy, let group = self.takeGroup(of: \.heavy) { return .commit(group) }
        }
        if isPatient, !self.light.isEmpty, !self.isReady { return .hold }
        if let group = self.takeGroup(of: \.light) { return .commit(group) }
        let isDone = self.light.isEmpty && (!takesHeavy || self.heavy.isEmpty)
        return self.isClosed && isDone ? .end : .wait
    }

    /// Takes note that batches of a group have been answered: their bytes and keys are free again.
    package mutating func finish(_ entries: [Entry]) {
        for entry in entries {
            self.keysInFlight.remove(entry.batch.key)
            self.discount(entry)
        }
    }

    /// Takes nothing more in; what is held can still be committed.
    package mutating func close() { self.isClosed = true }

    // MARK: Rules

    private func isLight(_ entry: Entry) -> Bool { entry.sizeBytes <= self.maxLightBytes }

    private func hasRoom(for size: Int, ofTenant tenantID: Int32) -> Bool {
        if self.held.bytes == 0 { return true }
        let isModest = self.tenantBytes[tenantID, default: 0] + size <= self.maxBytes / 16
        return self.held.bytes + size <= (isModest ? self.maxBytes : self.maxBytes - self.maxBytes / 4)
    }

    private mutating func takeGroup(of turns: WritableKeyPath<BatchQueue, TenantTurns>) -> [Entry]? {
        var keys = self.keysInFlight
        self.keysInFlight = []
        let group = self[keyPath: turns].takeGroup(maxBytes: self.maxGroupBytes, maxBatches: self.maxGroupBatches) {
            keys.insert($0).inserted
        }
        self.keysInFlight = keys
        return group.isEmpty ? nil : group
    }

    private mutating func discount(_ entry: Entry) {
        self.held.bytes -= entry.sizeBytes
        self.held.batches -= 1
        if self.isLight(entry) { self.lightHeldBytes -= entry.sizeBytes }
        let left = self.tenantBytes[entry.batch.key.tenantID, default: 0] - entry.sizeBytes
        self.tenantBytes[entry.batch.key.tenantID] = left == 0 ? nil : left
        precondition(self.held.bytes >= 0 && self.held.batches >= 0 && left >= 0, "a batch was finished twice")
    }
}
