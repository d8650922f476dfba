import DocketTestSupport
import Testing

@testable import DocketTransport

@Suite("A queue of which any element can be given up")
struct CancellableQueueTests {
    private struct Element: Identifiable, Equatable {
        let id: Int
    }

    @Test("whatever is given up in whatever order, the rest comes out in order, once")
    func order() {
        var random = SeededGenerator.ofRun()
        var queue = CancellableQueue<Element>()
        var expected: [Int] = []
        var lastID = 0
        for _ in 0..<20_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0...3:
                lastID += Int.random(in: 1...3, using: &random)
                queue.append(Element(id: lastID))
                expected.append(lastID)
            case 4...6:
                // Of those that are there, that have gone and that never were.
                let id = Int.random(in: 0...lastID + 1, using: &random)
                let wasThere = queue.cancel(id)
                #expect(wasThere == expected.contains(id))
                expected.removeAll { $0 == id }
            case 7:
                guard let id = expected.randomElement(using: &random) else { continue }
                let wasThere = queue.cancel(id)
                #expect(wasThere)
                expected.removeAll { $0 == id }
            default:
                let first = queue.popFirst()
                #expect(first?.id == (expected.isEmpty ? nil : expected.removeFirst()))
            }
            #expect(queue.first?.id == expected.first && queue.count == expected.count)
        }
        while let first = queue.popFirst() { #expect(first.id == expected.removeFirst()) }
        #expect(expected.isEmpty && queue.isEmpty)
    }

    @Test("what is given up behind one that stays is forgotten as well")
    func gaps() {
        var queue = CancellableQueue<Element>()
        queue.append(Element(id: 0))
        for id in 1...100_000 {
            queue.append(Element(id: id))
            let wasThere = queue.cancel(id)
            #expect(wasThere)
        }
        #expect(queue.count == 1 && queue.slotCount <= 3)
    }
}
