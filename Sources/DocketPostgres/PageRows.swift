import DocketCodec
import DocketModel

/// The first rows of a query, merged from the answers of several statements. Of a row only its place in the order is
/// read here, so that what a later answer pushes out was never decoded.
struct PageRows {
    /// A row of an answer, which it keeps alive.
    struct Row {
        let place: PageCursor
        let answer: PostgresRows
        let index: Int
    }

    /// The most rows that are kept.
    let capacity: Int
    private let order: EventOrder
    /// In the query's order.
    private(set) var rows: [Row] = []

    init(capacity: Int, order: EventOrder) {
        self.capacity = capacity
        self.order = order
    }

    /// The place of the last row once there are enough: only rows before it can still come in.
    var last: PageCursor? { self.rows.count < self.capacity ? nil : self.rows.last?.place }

    /// Takes in the rows of an answer, which is sorted and cut as the page is.
    mutating func merge(_ answer: PostgresRows) throws(PostgresError) {
        let added = try (0..<answer.count).map { (index) throws(PostgresError) in
            Row(place: try Self.place(answer, index), answer: answer, index: index)
        }
        guard !self.rows.isEmpty else {
            self.rows = added
            return
        }
        let order = self.order
        let sorted = (self.rows + added).sorted { Self.precedes($0.place, $1.place, order) }
        self.rows = Array(sorted.prefix(self.capacity))
    }

    private static func place(_ answer: PostgresRows, _ index: Int) throws(PostgresError) -> PageCursor {
        PageCursor(
            occurredAt: try answer.timestamp(index, EventColumn.occurredAt.rawValue),
            batchID: try answer.integer(index, EventColumn.batchID.rawValue),
            position: try answer.integer(index, EventColumn.position.rawValue))
    }

    private static func precedes(_ one: PageCursor, _ other: PageCursor, _ order: EventOrder) -> Bool {
        let (left, right) = order == .oldestFirst ? (one, other) : (other, one)
        return (left.occurredAt, left.batchID, left.position) < (right.occurredAt, right.batchID, right.position)
    }
}
