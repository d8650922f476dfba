import DocketCodec
import DocketModel
import DocketStore
import Synchronization
import Testing

private func batch(
    _ sequence: Int64, tenant: Int32 = 1, bytes: Int = 0, rejected: [Int] = []
) -> EncodedBatch {
    EncodedBatch(
        key: BatchKey(tenantID: tenant, producerID: ProducerID(high: 0, low: 1), sequence: sequence), batchID: sequence,
        receivedAt: Timestamp(microsecondsSinceEpoch: 0), tuples: [UInt8](repeating: 0, count: bytes), eventCount: 1,
        acceptedCount: 1, rejections: [],
        quarantined: rejected.map { QuarantinedEvent(index: 0, event: [UInt8](repeating: 0, count: $0)) }, root: [],
        contentHash: [])
}

@Suite("The queue of batches")
struct BatchQueueTests {
    typealias Queue = BatchQueue
    /// What a batch without tuples counts.
    private let flat = batch(0).sizeBytes

    /// The sequences of the group that a writer gets; `nil` for none.
    private func take(_ queue: inout Queue) -> [Queue.Entry]? {
        if case .commit(let group) = queue.nextTurn() { return group }
        return nil
    }

    private func sequences(_ group: [Queue.Entry]?) -> [Int64]? { group?.map(\.batch.key.sequence) }

    private func isEnd(_ turn: Queue.Turn) -> Bool {
        if case .end = turn { return true }
        return false
    }

    private func isHold(_ turn: Queue.Turn) -> Bool {
        if case .hold = turn { return true }
        return false
    }

    @Test("gives a writer all that waits, in the order that it came, with whom to tell")
    func takesAll() {
        var queue = Queue(maxBytes: 1 << 20, maxGroupBytes: 1 << 20, maxGroupBatches: 100)
        let told = Mutex<[Int64]>([])
        for sequence in [3, 1, 2] as [Int64] {
            let offer = queue.offer(batch(sequence)) { _ in told.withLock { $0.append(sequence) } }
            #expect(offer == .queued)
        }
        let group = self.take(&queue)
        #expect(self.sequences(group) == [3, 1, 2])
        for entry in group ?? [] { entry.completion(.success(.conflict(storedContentHash: []))) }
        #expect(told.withLock { $0 } == [3, 1, 2])
        #expect(self.take(&queue) == nil)
    }

    @Test("refuses what would exceed its bound, and counts a batch until its group is finished")
    func bound() throws {
        // A quarter is for tenants with little.
        var queue = Queue(maxBytes: 8 * self.flat / 3, maxGroupBytes: 1 << 20, maxGroupBatches: 100)
        #expect(queue.offer(batch(1), completion: { _ in }) == .queued)
        #expect(queue.offer(batch(2), completion: { _ in }) == .queued)
        #expect(queue.offer(batch(3), completion: { _ in }) == .full(heldBytes: 2 * self.flat))
        let group = try #require(self.take(&queue))
        #expect(queue.offer(batch(3), completion: { _ in }) == .full(heldBytes: 2 * self.flat))
        queue.finish(group)
        #expect(queue.held == .init())
        #expect(queue.offer(batch(3), completion: { _ in }) == .queued)
    }

    @Test("keeps the last quarter for tenants that hold a sixteenth at most")
    func reserve() throws {
        var queue = Queue(maxBytes: 64 * self.flat, maxGroupBytes: 1 << 20, maxGroupBatches: 100)
        for sequence in 1...48 as ClosedRange<Int64> {
            #expect(queue.offer(batch(sequence), completion: { _ in }) == .queued)
        }
        #expect(queue.offer(batch(49), completion: { _ in }) == .full(heldBytes: 48 * self.flat))
        for sequence in 1...4 as ClosedRange<Int64> {
            #expect(queue.offer(batch(sequence, tenant: 2), completion: { _ in }) == .queued)
        }
        #expect(queue.offer(batch(5, tenant: 2), completion: { _ in }) == .full(heldBytes: 52 * self.flat))
        queue.finish(try #require(self.take(&queue)))
        #expect(queue.offer(batch(5, tenant: 2), completion: { _ in }) == .queued)
    }

    @Test("gives tenants turns, so that nobody waits for all that another has queued")
    func tenantTurns() {
        var queue = Queue(maxBytes: 1 << 20, maxGroupBytes: 160 << 10, maxGroupBatches: 100)
        for sequence in 1...6 as ClosedRange<Int64> {
            _ = queue.offer(batch(sequence, bytes: 40 << 10), completion: { _ in })
        }
        _ = queue.offer(batch(7, tenant: 2), completion: { _ in })
        #expect(self.sequences(self.take(&queue)) == [1, 2, 7, 3])
        #expect(self.sequences(self.take(&queue)) == [4, 5, 6])
    }

    @Test("puts no light batch into a group of heavy ones, and leaves those to the writers that take them")
    func lanes() throws {
        var queue = Queue(
            maxBytes: 1 << 20, maxGroupBytes: 1 << 20, maxGroupBatches: 100, minConcurrentBytes: 1 << 20)
        _ = queue.offer(batch(1, bytes: 65 << 10), completion: { _ in })
        #expect(queue.hasHeavy && !queue.isReady)
        guard case .wait = queue.nextTurn(takesHeavy: false) else {
            Issue.record("a writer of light batches has nothing to do")
            return
        }
        _ = queue.offer(batch(2), completion: { _ in })
        _ = queue.offer(batch(3, bytes: 65 << 10), completion: { _ in })
        #expect(self.sequences(self.take(&queue)) == [1, 3])
        #expect(queue.isReady, "light ones don't wait for heavy ones in flight")
        guard case .commit(let group) = queue.nextTurn(takesHeavy: false) else {
            Issue.record("a writer of light batches takes them")
            return
        }
        #expect(self.sequences(group) == [2])
        queue.finish(group)
        for sequence in 4...5 as ClosedRange<Int64> {
            _ = queue.offer(batch(sequence, bytes: 65 << 10), completion: { _ in })
            _ = queue.offer(batch(-sequence), completion: { _ in })
        }
        #expect(self.sequences(self.take(&queue)) == [-4, -5], "where there is no such writer, both have their turns")
        #expect(self.sequences(self.take(&queue)) == [4, 5])
        queue.close()
        #expect(self.isEnd(queue.nextTurn(takesHeavy: false)))
    }

    @Test("counts the room made for tuples, and quarantined events")
    func sizes() {
        // How much the allocator rounds up is its own affair.
        let large = batch(1, bytes: 1000)
        #expect(large.sizeBytes == self.flat + large.tuples.capacity)
        #expect(batch(1, rejected: [10, 20]).sizeBytes == self.flat + 30)
    }

    @Test("takes a batch larger than the bound when nothing else is held")
    func oversized() throws {
        var queue = Queue(maxBytes: 10, maxGroupBytes: 10, maxGroupBatches: 100)
        let large = batch(1, bytes: 5000)
        #expect(queue.offer(large, completion: { _ in }) == .queued)
        #expect(queue.offer(batch(2), completion: { _ in }) == .full(heldBytes: large.sizeBytes))
        queue.finish(try #require(self.take(&queue)))
        #expect(queue.offer(batch(2), completion: { _ in }) == .queued)
    }

    @Test("bounds a group in bytes and in batches, and leaves the rest for the next one")
    func groupBounds() {
        var queue = Queue(maxBytes: 1 << 20, maxGroupBytes: 2 * self.flat, maxGroupBatches: 100)
        for sequence in 1...5 as ClosedRange<Int64> { _ = queue.offer(batch(sequence), completion: { _ in }) }
        #expect(self.sequences(self.take(&queue)) == [1, 2])
        #expect(self.sequences(self.take(&queue)) == [3, 4])
        #expect(queue.waitingCount == 1)
        queue = Queue(maxBytes: 1 << 20, maxGroupBytes: 1 << 20, maxGroupBatches: 3)
        for sequence in 1...5 as ClosedRange<Int64> { _ = queue.offer(batch(sequence), completion: { _ in }) }
        #expect(self.sequences(self.take(&queue)) == [1, 2, 3])
        #expect(self.sequences(self.take(&queue)) == [4, 5])
    }

    @Test("never has two batches of one key in flight, and keeps the order of those that wait")
    func sameKey() throws {
        var queue = Queue(maxBytes: 1 << 20, maxGroupBytes: 1 << 20, maxGroupBatches: 100)
        for sequence in [1, 1, 2, 1] as [Int64] { _ = queue.offer(batch(sequence), completion: { _ in }) }
        let first = try #require(self.take(&queue))
        #expect(self.sequences(first) == [1, 2])
        #expect(self.take(&queue) == nil, "another writer must not take the key either")
        queue.finish(first)
        let second = try #require(self.take(&queue))
        #expect(self.sequences(second) == [1])
        queue.finish(second)
        #expect(self.sequences(self.take(&queue)) == [1])
    }

    @Test("holds small batches back while a group is in flight, so that they share the next commit")
    func holding() throws {
        var queue = Queue(
            maxBytes: 1 << 20, maxGroupBytes: 1 << 20, maxGroupBatches: 100, minConcurrentBytes: 3 * self.flat)
        #expect(!queue.isReady)
        _ = queue.offer(batch(1), completion: { _ in })
        #expect(queue.isReady, "nothing is in flight")
        let first = try #require(self.take(&queue))
        for sequence in 2...3 as ClosedRange<Int64> { _ = queue.offer(batch(sequence), completion: { _ in }) }
        #expect(!queue.isReady)
        #expect(self.isHold(queue.nextTurn()))
        queue.finish(first)
        #expect(queue.isReady)
        #expect(self.sequences(self.take(&queue)) == [2, 3])
    }

    @Test("gives a second group out beside one in flight when enough waits, or when the writer has lost patience")
    func concurrentGroups() throws {
        var queue = Queue(
            maxBytes: 1 << 20, maxGroupBytes: 1 << 20, maxGroupBatches: 2, minConcurrentBytes: 3 * self.flat)
        _ = queue.offer(batch(1), completion: { _ in })
        _ = try #require(self.take(&queue))
        _ = queue.offer(batch(2, bytes: 2 * self.flat), completion: { _ in })
        #expect(queue.isReady)
        #expect(self.sequences(self.take(&queue)) == [2], "as many bytes as are asked for")
        _ = queue.offer(batch(3), completion: { _ in })
        #expect(self.isHold(queue.nextTurn()))
        guard case .commit(let impatient) = queue.nextTurn(isPatient: false) else {
            Issue.record("a writer without patience gets what there is")
            return
        }
        #expect(self.sequences(impatient) == [3])
        for sequence in 4...5 as ClosedRange<Int64> { _ = queue.offer(batch(sequence), completion: { _ in }) }
        #expect(self.sequences(self.take(&queue)) == [4, 5], "as many batches as a group holds")
        _ = queue.offer(batch(6), completion: { _ in })
        queue.close()
        #expect(self.sequences(self.take(&queue)) == [6], "nothing more will come")
    }

    @Test("gives back what waits on behalf of a submitter, and nothing of others' or in flight")
    func withdrawing() throws {
        var queue = Queue(maxBytes: 1 << 20, maxGroupBytes: 1 << 20, maxGroupBatches: 2)
        let (gone, other) = (Submitter(), Submitter())
        for (sequence, submitter) in [(1, gone), (2, other), (3, gone), (4, other), (5, gone)] as [(Int64, Submitter)] {
            _ = queue.offer(batch(sequence), by: submitter, completion: { _ in })
        }
        let first = try #require(self.take(&queue))
        #expect(self.sequences(queue.withdraw(gone)) == [3, 5])
        #expect(queue.held.bytes == 3 * self.flat && queue.held.batches == 3)
        #expect(queue.withdraw(gone).isEmpty)
        queue.finish(first)
        #expect(self.sequences(self.take(&queue)) == [4])
    }

    @Test("ends when closed and what waited has been withdrawn")
    func withdrawnEnd() {
        var queue = Queue(maxBytes: 1 << 20, maxGroupBytes: 1 << 20, maxGroupBatches: 2)
        let gone = Submitter()
        _ = queue.offer(batch(1), by: gone, completion: { _ in })
        queue.close()
        #expect(self.sequences(queue.withdraw(gone)) == [1])
        #expect(self.isEnd(queue.nextTurn()))
    }

    @Test("takes nothing more in once closed, gives out what it holds, and then says that this is the end")
    func closing() throws {
        var queue = Queue(maxBytes: 1 << 20, maxGroupBytes: 1 << 20, maxGroupBatches: 100)
        _ = queue.offer(batch(1), completion: { _ in })
        _ = queue.offer(batch(1), completion: { _ in })
        #expect(!self.isEnd(queue.nextTurn()))
        queue.close()
        #expect(queue.offer(batch(2), completion: { _ in }) == .closed)
        #expect(!self.isEnd(queue.nextTurn()), "a batch still waits for its key")
    }

    @Test("ends when closed and empty")
    func end() {
        var queue = Queue(maxBytes: 1 << 20, maxGroupBytes: 1 << 20, maxGroupBatches: 100)
        #expect(!self.isEnd(queue.nextTurn()))
        queue.close()
        #expect(self.isEnd(queue.nextTurn()))
    }
}
