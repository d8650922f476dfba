import DocketCodec
import DocketModel
import Testing

@testable import DocketClient

@Suite("The emit buffer")
struct EmitBufferTests {
    private func buffer(events: Int = 3, batchBytes: Int = 4096, queueBytes: Int = 1 << 20) -> EmitBuffer {
        EmitBuffer(
            bounds: .init(maxBatchEvents: events, maxBatchBytes: batchBytes, maxQueueBytes: queueBytes), tenant: "acme",
            producerID: ProducerID(high: 1, low: 2))
    }

    /// What a batch's frame says.
    private func decode(_ batch: SealedBatch) throws -> (prefixLength: Int, request: PublishRequestView, ids: [EventID])
    {
        let length = batch.frame[1...4].reduce(0) { $0 << 8 | Int($1) }
        let request = try BatchDecoder(limits: Limits()).decode(Array(batch.frame[5...]))
        let ids = try (0..<request.eventCount).map { try decodeEvent(Array(request.eventBytes(at: $0))).eventID }
        return (length, request, ids)
    }

    private func at(_ sequence: Int64, _ index: Int) -> EmitBuffer.Place { .init(sequence: sequence, index: index) }

    @Test("seals a batch at the bound on events, as a framed request with tenant, producer and sequence")
    func sealsByCount() throws {
        var buffer = self.buffer()
        #expect(
            (1...7).map { buffer.append(.numbered($0), now: 0) } == [
                .opened(at(0, 0)), .added(at(0, 1)), .sealed(at(0, 2)), .opened(at(1, 0)), .added(at(1, 1)),
                .added(at(1, 2)), .opened(at(2, 0)),
            ])
        let batches = buffer.take(.complete)
        #expect(batches.map(\.sequence) == [0, 1])
        #expect(batches.map(\.eventCount) == [3, 3])
        let first = try self.decode(batches[0])
        #expect(batches[0].frame[0] == 0)
        #expect(first.prefixLength == batches[0].frame.count - 5)
        #expect(first.request.tenant == "acme")
        #expect(first.request.producerID == ProducerID(high: 1, low: 2))
        #expect(first.ids.map(\.low) == [1, 2, 3])
        #expect(try self.decode(batches[1]).request.sequence == 1)
    }

    @Test("says only once that batches are ready, until they are taken")
    func saysOnce() {
        var buffer = self.buffer(events: 1)
        #expect(buffer.append(.numbered(1), now: 0) == .sealed(at(0, 0)))
        #expect(buffer.append(.numbered(2), now: 0) == .opened(at(1, 0)))
        #expect(buffer.take(.complete).count == 2)
        #expect(buffer.append(.numbered(3), now: 0) == .sealed(at(2, 0)))
    }

    @Test("seals a batch before it would grow over the bound on bytes")
    func sealsByBytes() throws {
        var buffer = self.buffer(events: 1000, batchBytes: 2048)
        for number in 1...10 { _ = buffer.append(.numbered(UInt64(number), reasonBytes: 500), now: 0) }
        let batches = buffer.take(.all)
        #expect(batches.allSatisfy { $0.frame.count - 5 <= 2048 })
        #expect(batches.reduce(0) { $0 + $1.eventCount } == 10)
        #expect(try batches.flatMap { try self.decode($0).ids.map(\.low) } == Array(1...10))
    }

    @Test("refuses an event that no batch could hold, and goes on with the next")
    func tooLarge() {
        var buffer = self.buffer(batchBytes: 2048)
        #expect(buffer.append(.numbered(1, reasonBytes: 3000), now: 0) == .tooLarge)
        #expect(buffer.append(.numbered(2), now: 0) == .opened(at(0, 0)))
    }

    @Test("drops events while the queue is full, and takes them again once batches are answered")
    func fullQueue() {
        var buffer = self.buffer(events: 1, queueBytes: 4096)
        var outcomes: [EmitBuffer.Outcome] = []
        while outcomes.last != .full, outcomes.count < 100 {
            outcomes.append(buffer.append(.numbered(1, reasonBytes: 500), now: 0))
        }
        #expect(outcomes.last == .full)
        #expect(buffer.heldBytes <= 4096 + 128)
        for batch in buffer.take(.all) { buffer.released(batch) }
        #expect(buffer.heldBytes == 0)
        #expect(buffer.append(.numbered(2), now: 0) != .full)
    }

    @Test("takes nothing after it has been closed, but keeps what it has")
    func closed() {
        var buffer = self.buffer()
        _ = buffer.append(.numbered(1), now: 0)
        buffer.close()
        #expect(buffer.append(.numbered(2), now: 0) == .closed)
        #expect(buffer.append(.numbered(3, reasonBytes: 5000), now: 0) == .closed)
        #expect(buffer.untakenEventCount == 1)
        #expect(buffer.take(.all).map(\.eventCount) == [1])
        #expect(buffer.take(.all).isEmpty)
        #expect(buffer.untakenEventCount == 0)
    }

    @Test("gives each tenant a batch of its own, and durable events another, under one row of numbers")
    func destinations() throws {
        var buffer = self.buffer()
        let places = [nil, .init(tenant: "umbra"), .init(tenant: "acme", isDurable: true), nil, .init(tenant: "umbra")]
            .map { buffer.append(.numbered(1), to: $0, now: 0).place }
        #expect(places == [at(0, 0), at(1, 0), at(2, 0), at(0, 1), at(1, 1)])
        let batches = buffer.take(.all).sorted { $0.sequence < $1.sequence }
        #expect(try batches.map { try self.decode($0).request.tenant } == ["acme", "umbra", "acme"])
        #expect(batches.map(\.isDurable) == [false, false, true])
        #expect(batches.map(\.eventCount) == [2, 2, 1])
    }

    @Test("has no more batches open at once than it may, however many tenants there are")
    func manyTenants() {
        var buffer = self.buffer()
        for number in 0...EmitBuffer.maxLanes {
            _ = buffer.append(.numbered(1), to: .init(tenant: "t\(number)"), now: 0)
        }
        #expect(buffer.take(.complete).count == EmitBuffer.maxLanes)
        #expect(buffer.take(.all).count == 1)
    }

    @Test("gives up the batches first in which somebody waits")
    func urgent() {
        var buffer = self.buffer()
        _ = buffer.append(.numbered(1), now: 0)
        _ = buffer.append(.numbered(2), to: .init(tenant: "umbra"), isUrgent: true, now: 0)
        #expect(buffer.take(.urgent).map(\.sequence) == [1])
        #expect(buffer.take(.urgent).isEmpty)
        _ = buffer.append(.numbered(3), isUrgent: true, now: 0)
        #expect(buffer.take(.urgent).map(\.eventCount) == [2])
        #expect(!buffer.isIdle)
    }

    @Test("gives up the batches that are open for long enough, and says how long the oldest of the others is")
    func openings() {
        var buffer = self.buffer()
        #expect(buffer.oldestOpening == nil)
        _ = buffer.append(.numbered(1), now: 10)
        _ = buffer.append(.numbered(2), now: 15)
        _ = buffer.append(.numbered(3), to: .init(tenant: "umbra"), now: 20)
        #expect(buffer.oldestOpening == 10)
        #expect(buffer.take(.openedBy(9)).isEmpty)
        #expect(buffer.take(.openedBy(10)).map(\.eventCount) == [2])
        #expect(buffer.oldestOpening == 20)
        _ = buffer.append(.numbered(4), now: 30)
        #expect(buffer.take(.openedBy(25)).map(\.eventCount) == [1])
        #expect(buffer.oldestOpening == 30)
        #expect(buffer.take(.openedBy(30)).map(\.eventCount) == [1])
        #expect(buffer.oldestOpening == nil)
    }

    @Test("a batch comes back from the record that keeps it; other bytes are no batch")
    func record() throws {
        var buffer = self.buffer()
        for number in 1...2 {
            _ = buffer.append(.numbered(UInt64(number)), to: .init(tenant: "acme", isDurable: true), now: 0)
        }
        let batch = try #require(buffer.take(.all).first)
        #expect(SealedBatch(recordPayload: batch.recordPayload) == batch)
        #expect(SealedBatch(recordPayload: Array(batch.recordPayload.prefix(28))) == nil)
        #expect(SealedBatch(recordPayload: []) == nil)
    }
}
