import DocketModel

/// Rows of `docket.quarantine` as COPY BINARY tuples (PostgreSQL, COPY, "Binary Format"). Rejected events may be as large
/// as a batch allows: they are sent as they are, and none is copied on the way to the connection.
package enum QuarantineTuples {
    /// The columns that are written, in the order of their values.
    package static let sqlList =
        "batch_id, received_at, tenant_id, producer_id, sequence, position, field, code, reason, event"
    private static let columns: Int16 = 10
    /// What a row takes but for its texts and its event.
    private static let fixedBytes = 2 + 4 * 10 + 3 * 8 + 16 + 2 * 4

    /// The chunks of a whole stream: for each rejected event its row up to the event's length, and the event.
    package static func chunks(_ batches: [EncodedBatch]) -> [[UInt8]] {
        var chunks = [CopyStream.header]
        for batch in batches {
            for (rejection, quarantined) in zip(batch.rejections, batch.quarantined) {
                chunks.append(self.row(batch, rejection, quarantined))
                chunks.append(quarantined.event)
            }
        }
        return chunks + [CopyStream.trailer]
    }

    private static func row(_ batch: EncodedBatch, _ rejection: Rejection, _ quarantined: QuarantinedEvent) -> [UInt8] {
        let texts = [rejection.field, rejection.code.name, rejection.reason].map(self.text)
        var bytes: [UInt8] = []
        bytes.append(wireBytes: texts.reduce(self.fixedBytes) { $0 + $1.count }) { cursor in
            cursor.raw { out in
                out.store(self.columns)
                out.storeField(batch.batchID)
                out.storeField(batch.receivedAt.microsecondsSinceEpoch &- postgresEpochMicroseconds)
                out.storeField(batch.key.tenantID)
                out.storeField(batch.key.producerID)
                out.storeField(batch.key.sequence)
                out.storeField(Int32(truncatingIfNeeded: quarantined.index))
                for text in texts { out.storeField(text) }
                out.store(Int32(truncatingIfNeeded: quarantined.event.count))
            }
        }
        return bytes
    }

    /// UTF-8 without U+0000, which PostgreSQL has no way to hold.
    private static func text(_ value: String) -> [UInt8] { value.utf8.filter { $0 != 0 } }
}
