import DocketModel
import DocketTestSupport
import Testing

@Suite("Buckets of time")
struct TimeBucketsTests {
    @Test("begin at multiples of their width, before 1970 too, and reach over all of the range")
    func width() {
        var generator = SeededGenerator.ofRun()
        for _ in 0..<1000 {
            let width = Int64.random(in: 1...1_000_000, using: &generator)
            let from = Int64.random(in: -5_000_000...5_000_000, using: &generator)
            let to = from + Int64.random(in: 0...width * 20, using: &generator)
            let buckets = TimeBuckets.width(microseconds: width)
            let (first, last) = (Timestamp(microsecondsSinceEpoch: from), Timestamp(microsecondsSinceEpoch: to))
            let starts = buckets.starts(from: first, to: last).map(\.microsecondsSinceEpoch)
            #expect(Int64(starts.count) == buckets.count(from: first, to: last))
            #expect(starts.allSatisfy { $0 % width == 0 })
            #expect(starts.first.map { $0 <= from && from < $0 + width } == true)
            #expect(starts.last.map { $0 <= to && to < $0 + width } == true)
        }
    }

    @Test("of a range without time are none, and of one moment one")
    func ends() {
        let hour = TimeBuckets.width(microseconds: 3_600_000_000)
        let (one, other) = (Timestamp(microsecondsSinceEpoch: 5), Timestamp(microsecondsSinceEpoch: 4))
        #expect(hour.starts(from: one, to: other).isEmpty)
        #expect(hour.starts(from: one, to: one) == [Timestamp(microsecondsSinceEpoch: 0)])
    }

    @Test("of any width are those of any range, and never trap")
    func extremes() {
        for width in [Int64.max, Int64.max / 2, 1 << 58] as [Int64] {
            let buckets = TimeBuckets.width(microseconds: width)
            let starts = buckets.starts(from: .earliest, to: .latest)
            #expect(Int64(starts.count) == buckets.count(from: .earliest, to: .latest))
            #expect(starts.first.map { $0 <= .earliest } == true)
        }
        #expect(
            TimeBuckets.width(microseconds: 1).count(from: .earliest, to: .latest) > Int64(TimeBuckets.maxCount))
    }
}
