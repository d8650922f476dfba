import DocketCodec
import DocketModel
import Testing

@testable import DocketCollector

@Suite("The source of batch ids")
struct BatchIDSourceTests {
    private let noon = Timestamp(microsecondsSinceEpoch: 1_795_219_200_000_000)

    @Test("numbers batches with the millisecond of receipt and the leased node")
    func carriesTime() throws {
        let source = BatchIDSource()
        source.begin(node: 7, isLeaseValid: { true })
        let id = try #require(source.next(now: self.noon))
        #expect(BatchID.receivedAt(of: id) == self.noon)
        #expect(id >> 12 & 1023 == 7)
    }

    @Test("gives none when the node's lease has run out")
    func leaseLost() {
        let source = BatchIDSource()
        source.begin(node: 3, isLeaseValid: { false })
        #expect(source.next(now: self.noon) == nil)
        #expect(source.fault == "the node lease has run out")
    }

    @Test("gives none before there is a lease, and says so")
    func noLeaseYet() {
        let source = BatchIDSource()
        #expect(source.next(now: self.noon) == nil)
        #expect(source.fault == "there is no node lease yet")
        source.begin(node: 3, isLeaseValid: { true })
        #expect(source.fault == nil)
    }
}
