import DocketTestSupport
import Testing

@testable import DocketHTTP2

@Suite("The queue of a stream's body")
struct OutboundQueueTests {
    @Test("bytes come out as they went in, whatever the sizes of pieces and reads")
    func randomised() {
        var generator = SeededGenerator(seed: testSeed())
        for _ in 0..<50 {
            var queue = OutboundQueue()
            var expected: [UInt8] = []
            var read: [UInt8] = []
            for _ in 0..<400 {
                if Bool.random(using: &generator) {
                    let bytes = generator.bytes(Int.random(in: 0...50, using: &generator))
                    queue.append(bytes)
                    expected += bytes
                } else {
                    read += Self.read(&queue, Int.random(in: 0...120, using: &generator))
                }
                #expect(queue.byteCount == expected.count - read.count)
                #expect(queue.isEmpty == (expected.count == read.count))
            }
            read += Self.read(&queue, expected.count)
            #expect(read == expected)
        }
    }

    @Test("a queue that never runs empty gives up what it has sent")
    func neverEmpty() {
        var queue = OutboundQueue()
        queue.append([0])
        for index in 1..<10_000 {
            queue.append([UInt8(truncatingIfNeeded: index)])
            #expect(Self.read(&queue, 1) == [UInt8(truncatingIfNeeded: index - 1)])
        }
        #expect(queue.byteCount == 1)
        #expect(queue.chunkCount < 200)
    }

    @Test("an emptied queue starts afresh")
    func removeAll() {
        var queue = OutboundQueue()
        queue.append([1, 2, 3])
        #expect(Self.read(&queue, 1) == [1])
        queue.removeAll()
        #expect(queue.isEmpty)
        queue.append([4])
        #expect(Self.read(&queue, 9) == [4])
    }

    private static func read(_ queue: inout OutboundQueue, _ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            written = queue.read(into: UnsafeMutableRawBufferPointer(buffer))
        }
    }
}
