import DocketCodec
import DocketModel
import Testing

@testable import DocketCollector

@Suite("The source of batch ids")
struct BatchIDSourceTests {
    private let noon = Timestamp(microsecondsSinceEpoch: 1_795_219_200_000_000)

    @Test("numbers batches with the millisecond of receipt and the leased node")
    func carriesTime() throws {
        let id = try #require(BatchIDSource(node: 7, isLeaseValid: { true }).next(now: self.noon))
        #expect(BatchID.receivedAt(of: id) == self.noon)
        #expect(id >> 12 & 1023 == 7)
    }

    @Test("gives none when the node's lease has run out")
    func leaseLost() {
        #expect(BatchIDSource(node: 3, isLeaseValid: { false }).next(now: self.noon) == nil)
    }
}
