import DocketModel
import DocketTestSupport
import Testing

@testable import DocketPostgres

@Suite("Which blocks of a heap a page is read from")
struct HeapPlanTests {
    /// All steps of a page that has been filled after so many windows; `nil` for one that never is.
    private static func steps(
        _ size: Int64, from start: Int64?, _ order: EventOrder = .newestFirst, fullAfter count: Int? = nil
    ) -> [HeapPlan.Step] {
        var plan = HeapPlan(sizeBlocks: size, start: start, order: order, firstWindowBlocks: 100)
        var steps: [HeapPlan.Step] = []
        while let step = plan.next(isFull: count.map { steps.count >= $0 } ?? false) { steps.append(step) }
        return steps
    }

    @Test("the newest are looked for from the end, in windows that double, as long as they are an eighth of all blocks")
    func newest() {
        #expect(
            Self.steps(10_000, from: 10_000) == [
                .window(9_900..<10_000), .window(9_700..<9_900), .window(9_300..<9_700), .rest(without: 9_300..<10_000),
            ])
        #expect(
            Self.steps(10_000, from: 10_000, fullAfter: 1) == [
                .window(9_900..<10_000), .rest(without: 9_900..<10_000),
            ])
    }

    @Test("the oldest are looked for from the beginning")
    func oldest() {
        #expect(
            Self.steps(2_400, from: 0, .oldestFirst) == [
                .window(0..<100), .window(100..<300), .rest(without: 0..<300),
            ])
    }

    @Test("a page that begins in the middle is looked for from there, in its direction, as far as there are blocks")
    func middle() {
        #expect(
            Self.steps(8_000, from: 150) == [.window(50..<150), .window(0..<50), .rest(without: 0..<150)])
        #expect(
            Self.steps(8_000, from: 7_850, .oldestFirst) == [
                .window(7_850..<7_950), .window(7_950..<8_000), .rest(without: 7_850..<8_000),
            ])
        #expect(Self.steps(8_000, from: 0) == [.rest(without: 0..<0)])
        #expect(Self.steps(8_000, from: 9_000, .oldestFirst) == [.rest(without: 8_000..<8_000)])
    }

    @Test("what is small, what windows won't fill, and what is full already, is read in one go")
    func whole() {
        #expect(Self.steps(200, from: 200) == [.rest(without: 200..<200)])
        #expect(Self.steps(8_000, from: nil) == [.rest(without: 0..<0)])
        #expect(Self.steps(8_000, from: 8_000, fullAfter: 0) == [.rest(without: 8_000..<8_000)])
    }

    @Test("every block is read, and none twice, and the windows of a page that they don't fill are an eighth at most")
    func complete() {
        var generator = SeededGenerator.ofRun()
        for _ in 0..<2_000 {
            let size = Int64.random(in: 1...20_000, using: &generator)
            let start = generator.oneIn(8) ? nil : Int64.random(in: 0...size, using: &generator)
            let order = Bool.random(using: &generator) ? EventOrder.newestFirst : .oldestFirst
            let count = generator.oneIn(2) ? nil : Int.random(in: 0...8, using: &generator)
            var read: [Range<Int64>] = []
            var rest: Range<Int64>?
            for step in Self.steps(size, from: start, order, fullAfter: count) {
                #expect(rest == nil)
                switch step {
                case .window(let blocks): read.append(blocks)
                case .rest(let blocks): rest = blocks
                }
            }
            let sorted = read.sorted { $0.lowerBound < $1.lowerBound }
            #expect(zip(sorted, sorted.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
            #expect(read.reduce(0) { $0 + $1.count } <= max(100, Int(size / 8)))
            if let first = sorted.first, let last = sorted.last {
                let all = first.lowerBound..<last.upperBound
                #expect(rest == all || (rest == nil && all == 0..<size))
            } else {
                #expect(rest?.isEmpty == true)
            }
        }
    }

    @Test("the place of a time among rows in the order of their times is found in few looks")
    func bisect() throws {
        var generator = SeededGenerator.ofRun()
        for _ in 0..<500 {
            let size = Int64.random(in: 1...100_000, using: &generator)
            let place = generator.oneIn(10) ? 0 : Int64.random(in: 0...size, using: &generator)
            var looks = 0
            let found = try HeapPlan.bisect(sizeBlocks: size, precision: 512) { (block) throws(PostgresError) in
                looks += 1
                #expect((0..<size).contains(block))
                return block >= place
            }
            let range = try #require(found)
            #expect(range.lowerBound <= place && place <= range.upperBound)
            #expect(range.count <= 512)
            #expect(looks <= 9)
            if place == 0 { #expect(range.isEmpty && looks == 1, "a time before all rows is known at once") }
        }
    }

    @Test("where there are no rows to go by, no place is guessed")
    func nothingToGoBy() throws {
        for seen in 0...3 {
            var looks = 0
            let found = try HeapPlan.bisect(sizeBlocks: 100_000, precision: 512) { (_) throws(PostgresError) in
                looks += 1
                return looks > seen ? nil : false
            }
            #expect(found == nil && looks == seen + 1)
        }
    }
}
