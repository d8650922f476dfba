import DocketModel
import DocketTestSupport
import Testing

@testable import DocketClient

@Suite("The linger time", .timeLimit(.minutes(1)))
struct LingerTests {
    @Test("one caller at a time sees to it that batches are sent in time: whoever opens the first")
    func oneTimer() {
        let bounds = EmitBuffer.Bounds(maxBatchEvents: 10, maxBatchBytes: 4096, maxQueueBytes: 1 << 20)
        var state = ClientState(
            buffer: EmitBuffer(bounds: bounds, tenant: "acme", producerID: ProducerID(high: 1, low: 2)))
        let umbra = EmitBuffer.Destination(tenant: "umbra")
        #expect(state.append(.numbered(1), now: 10) == .opened(.init(sequence: 0, index: 0)))
        #expect(state.append(.numbered(2), to: umbra, now: 15) == .added(.init(sequence: 1, index: 0)))
        #expect(state.buffer.take(.openedBy(10)).map(\.sequence) == [0])
        #expect(state.nextLinger() == 15)
        // Somebody still does.
        #expect(state.append(.numbered(3), now: 20) == .added(.init(sequence: 2, index: 0)))
        #expect(state.buffer.take(.openedBy(20)).map(\.sequence).sorted() == [1, 2])
        #expect(state.nextLinger() == nil)
        #expect(state.append(.numbered(4), now: 30) == .opened(.init(sequence: 3, index: 0)))
        #expect(state.statistics.enqueuedCount == 4)
    }

    @Test("is all that a batch waits for, though others are opened and filled in the meantime")
    func sends() async throws {
        try await FakeCollector.run(answer: FakeCollector.accept) { collector in
            let client = try collector.client {
                $0.lingerMilliseconds = 5
                $0.maxBatchEvents = 3
            }
            for count in 1...40 {
                // Now a batch is full, now one or two events are left.
                for number in 0..<(count % 5) { client.emit(.numbered(UInt64(number))) }
                await until { client.statistics.queuedCount < 3 }
            }
            await until { client.statistics.queuedCount == 0 }
            #expect(client.statistics.droppedCount == 0)
            expectSum(client.statistics)
            await client.shutdown()
        }
    }
}
