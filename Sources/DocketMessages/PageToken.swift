package import DocketModel

/// The opaque token of a page: where the page before ended, and in which order it came.
///
/// 22 bytes: version, order, then the time, the batch id and the position of the last event, big-endian.
package enum PageToken {
    private static let version: UInt8 = 1
    private static let length = 22

    /// The token of a page that ends there.
    package static func encode(_ cursor: PageCursor, order: EventOrder) -> [UInt8] {
        [Self.version, UInt8(truncatingIfNeeded: order.rawValue)]
            + bigEndianBytes(UInt64(bitPattern: cursor.occurredAt.microsecondsSinceEpoch))
            + bigEndianBytes(UInt64(bitPattern: cursor.batchID))
            + bigEndianBytes(UInt64(UInt32(bitPattern: cursor.position))).suffix(4)
    }

    /// The place that a token names; `nil` when it isn't one of ours, or is of a query in another order.
    package static func decode(_ token: [UInt8], order: EventOrder) -> PageCursor? {
        guard token.count == Self.length, token[0] == Self.version, Int32(token[1]) == order.rawValue else {
            return nil
        }
        let cursor = PageCursor(
            occurredAt: Timestamp(microsecondsSinceEpoch: Int64(bitPattern: bigEndian(token[2..<10]))),
            batchID: Int64(bitPattern: bigEndian(token[10..<18])),
            position: Int32(bitPattern: UInt32(truncatingIfNeeded: bigEndian(token[18..<22]))))
        // PostgreSQL has no name for every time of 64 bits: it would fail the query.
        let isTime = cursor.occurredAt >= .earliest && cursor.occurredAt <= .latest
        return isTime && cursor.batchID >= 0 && cursor.position >= 0 ? cursor : nil
    }
}
