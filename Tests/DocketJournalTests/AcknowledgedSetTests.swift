import DocketTestSupport
import Testing

@testable import DocketJournal

@Suite("A set of acknowledged indexes")
struct AcknowledgedSetTests {
    @Test("ranges that touch become one, and what is complete from 1 on is one number")
    func merging() {
        var set = AcknowledgedSet()
        set.insert(5..<7)
        set.insert(9..<10)
        set.insert(3..<4)
        #expect(set.ranges == [3..<4, 5..<7, 9..<10])
        set.insert(7..<9)
        #expect(set.ranges == [3..<4, 5..<10])
        set.insert(0..<3)
        #expect(set.through == 3)
        set.insert(4..<5)
        #expect(set == AcknowledgedSet(through: 9))
        #expect(set.insert(2..<6) == false)
        #expect(set.insert(2..<2) == false)
    }

    @Test("agrees with a set of numbers")
    func model() {
        var generator = SeededGenerator.ofRun()
        for _ in 0..<200 {
            var set = AcknowledgedSet()
            var model: Set<UInt64> = []
            for _ in 0..<40 {
                let lower = UInt64.random(in: 1...60, using: &generator)
                let range = lower..<lower + UInt64.random(in: 0...6, using: &generator)
                let isNew = !model.isSuperset(of: range)
                model.formUnion(range)
                #expect(set.insert(range) == isNew)
                #expect(set.count == UInt64(model.count))
                #expect(AcknowledgedSet(through: set.through, ranges: set.ranges) == set)
                for index: UInt64 in 1...70 {
                    #expect(set.contains(index) == model.contains(index))
                    #expect(set.firstMissing(from: index) == (index...).first { !model.contains($0) })
                }
                #expect(set.count(in: 10..<30) == (10..<30).count { model.contains($0) })
            }
        }
    }
}
