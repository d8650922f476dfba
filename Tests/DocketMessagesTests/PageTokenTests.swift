import DocketMessages
import DocketModel
import Testing

@Suite("A page token")
struct PageTokenTests {
    private let cursor = PageCursor(
        occurredAt: Timestamp(microsecondsSinceEpoch: -62_135_596_800_000_000), batchID: Int64.max, position: Int32.max)

    @Test("survives the way to the client and back")
    func roundTrip() {
        for order in [EventOrder.newestFirst, .oldestFirst] {
            #expect(PageToken.decode(PageToken.encode(self.cursor, order: order), order: order) == self.cursor)
        }
    }

    @Test("is refused when it is cut, of another version or of a query in another order")
    func refused() {
        let token = PageToken.encode(self.cursor, order: .newestFirst)
        #expect(PageToken.decode(token, order: .oldestFirst) == nil)
        #expect(PageToken.decode(Array(token.dropLast()), order: .newestFirst) == nil)
        #expect(PageToken.decode([9] + token.dropFirst(), order: .newestFirst) == nil)
        #expect(PageToken.decode([], order: .newestFirst) == nil)
    }

    @Test("is refused when no event can have the place that it names")
    func impossiblePlaces() {
        let times = [Int64.min, Timestamp.earliest.microsecondsSinceEpoch - 1, .max].map {
            PageCursor(occurredAt: Timestamp(microsecondsSinceEpoch: $0), batchID: 1, position: 1)
        }
        let numbers = [(batchID: Int64(-1), position: Int32(1)), (1, -1)].map {
            PageCursor(occurredAt: .latest, batchID: $0.batchID, position: $0.position)
        }
        for cursor in times + numbers {
            let token = PageToken.encode(cursor, order: .oldestFirst)
            #expect(PageToken.decode(token, order: .oldestFirst) == nil, "\(cursor)")
        }
    }
}
