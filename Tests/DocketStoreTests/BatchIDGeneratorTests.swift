import DocketCodec
import DocketModel
import DocketStore
import Testing

@Suite("Making batch ids")
struct BatchIDGeneratorTests {
    private let noon = Timestamp(microsecondsSinceEpoch: 1_800_000_000_000_000)

    @Test("an id carries its millisecond and its node")
    func layout() {
        var generator = BatchIDGenerator(node: 1023)
        let id = generator.next(now: Timestamp(microsecondsSinceEpoch: self.noon.microsecondsSinceEpoch + 999))
        #expect(BatchID.receivedAt(of: id) == self.noon)
        #expect(id >> 12 & 1023 == 1023)
        #expect(id & 4095 == 0)
    }

    @Test("ids rise when the clock stands still, overflows a millisecond, or goes back")
    func rising() {
        var generator = BatchIDGenerator(node: 7)
        var last: Int64 = -1
        for step in 0..<10_000 {
            let time = step < 9000 ? self.noon : Timestamp(microsecondsSinceEpoch: 1_700_000_000_000_000)
            let id = generator.next(now: time)
            #expect(id > last)
            #expect(id >> 12 & 1023 == 7)
            last = id
        }
        let ahead = BatchID.receivedAt(of: last).microsecondsSinceEpoch - self.noon.microsecondsSinceEpoch
        #expect(ahead == 2000, "10,000 ids fill two milliseconds and begin a third")
    }

    @Test("a clock before 2020 still gives rising ids that are not negative")
    func oldClock() {
        var generator = BatchIDGenerator(node: 0)
        #expect(generator.next(now: Timestamp(microsecondsSinceEpoch: 0)) == 0)
        #expect(generator.next(now: .earliest) == 1)
    }

    @Test("two nodes never make the same id")
    func nodes() {
        var (left, right) = (BatchIDGenerator(node: 1), BatchIDGenerator(node: 2))
        let ids = (0..<5000).flatMap { _ in [left.next(now: self.noon), right.next(now: self.noon)] }
        #expect(Set(ids).count == 10_000)
    }
}

@Suite("Errors of a store")
struct StoreErrorTests {
    @Test("name their sort and their reason")
    func description() {
        let error = StoreError(code: .overloaded, message: "the queue is full", retryAfterMilliseconds: 200)
        #expect("\(error)" == "overloaded: the queue is full")
    }
}
