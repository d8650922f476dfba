import DocketMessages
import DocketModel
import DocketTestSupport
import Testing

@testable import DocketCollector

@Suite("What waits for a follower of a log")
struct TailQueueTests {
    /// An event of about a thousand bytes.
    private func event(_ index: Int64, _ position: Int = 0, bytes: Int = 936) -> StoredEventMessage {
        StoredEventMessage(
            event: [UInt8](repeating: 1, count: bytes), tenant: "", receivedAt: Timestamp(microsecondsSinceEpoch: 0),
            batchID: index, position: position, logIndex: index)
    }

    private func place(_ index: Int64, _ position: Int32 = 0) -> LogPosition {
        LogPosition(logIndex: index, position: position)
    }

    @Test("is at first where the stream begins, and then nothing until there is something or a beat")
    func beginning() {
        var queue = TailQueue(from: self.place(5))
        let first = queue.take()
        #expect(first == TailResponseMessage(next: self.place(5)))
        let second = queue.take()
        #expect(second == nil)
        queue.add([], next: self.place(9))
        let third = queue.take()
        #expect(third == nil, "nothing matched: that can wait for a beat")
        let fourth = queue.take(isBeat: true)
        #expect(fourth == TailResponseMessage(next: self.place(9)))
    }

    @Test("comes in order, in messages of a bounded size, the last of which goes as far as the log has been looked at")
    func messages() {
        var queue = TailQueue(from: .start)
        let events = (0..<1500).map { self.event(7, $0, bytes: 10) } + (0..<300).map { self.event(8, $0) }
        queue.add(events, next: self.place(10))
        var found: [StoredEventMessage] = []
        var nexts: [LogPosition] = []
        while let part = queue.take() {
            #expect(part.events.count <= TailQueue.messageEvents)
            #expect(part.events.dropLast().reduce(0) { $0 + $1.sizeBytes } < TailQueue.messageBytes)
            found += part.events
            nexts.append(part.next)
        }
        #expect(found == events && nexts.count > 3)
        #expect(nexts.first == self.place(7, 1000) && nexts.last == self.place(10))
        #expect(queue.bytes == 0)
    }

    @Test("what there is no room for is counted, told before the next event, and lies between the messages around it")
    func gap() throws {
        var queue = TailQueue(from: .start)
        queue.isCrowded = true
        let room = TailQueue.crowdedBytes / queue.weight(of: self.event(1)) + 1
        queue.add((0..<room + 50).map { self.event(1, $0) }, next: self.place(2))
        #expect(queue.isFull)
        queue.add([], missed: 7, next: self.place(3))
        var count = 0
        var last = LogPosition.start
        while queue.isFull, let part = queue.take() {
            count += part.events.count
            last = part.next
        }
        // Half of it is free again.
        queue.add([self.event(3)], next: self.place(4))
        while let part = queue.take() {
            if part.missedCount > 0 {
                #expect(part.missedCount == 57 && part.events.map(\.batchID) == [3] && part.next == self.place(4))
                #expect(last == self.place(1, Int32(room)), "the gap begins behind the last event before it")
            }
            count += part.events.count
            last = part.next
        }
        #expect(count == room + 1 && last == self.place(4))
    }

    @Test("a gap at the end is told without an event")
    func gapAtTheEnd() {
        var queue = TailQueue(from: .start)
        _ = queue.take()
        queue.add([], missed: 3, next: self.place(6))
        let part = queue.take()
        #expect(part == TailResponseMessage(next: self.place(6), missedCount: 3))
        let rest = queue.take()
        #expect(rest == nil)
    }

    @Test(
        "whatever is added and taken, each event is handed out or counted, in order, and gaps lie where they are told")
    func anyOrder() {
        var generator = SeededGenerator.ofRun()
        for _ in 0..<200 {
            var queue = TailQueue(from: .start)
            var (sent, missed) = ([LogPosition](), Int64(0))
            var added = 0
            for index in 0..<40 as Range<Int64> {
                queue.isCrowded = Bool.random(using: &generator)
                let events = (0..<Int.random(in: 0...60, using: &generator)).map { position in
                    self.event(index, position, bytes: Int.random(in: 0...20_000, using: &generator))
                }
                queue.add(events, next: self.place(index + 1))
                added += events.count
                for _ in 0..<Int.random(in: 0...3, using: &generator) {
                    guard let part = queue.take() else { break }
                    missed += part.missedCount
                    sent += part.events.map { self.place($0.logIndex ?? -1, Int32($0.position)) }
                    #expect(sent.last.map { $0 < part.next } ?? true)
                }
            }
            while let part = queue.take() {
                missed += part.missedCount
                sent += part.events.map { self.place($0.logIndex ?? -1, Int32($0.position)) }
            }
            #expect(sent == sent.sorted() && Set(sent).count == sent.count)
            #expect(sent.count + Int(missed) == added && queue.bytes == 0)
        }
    }
}
