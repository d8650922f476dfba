import DocketCodec
import DocketModel

/// The statements of a commit group: pure text, apart from the connection.
enum CommitStatement {
    /// Everything that a group stores, as one simple query: one implicit transaction, one round trip, one fsync. The
    /// last statement is the COPY, whose stream ``copyChunks(_:)`` gives, unless no batch has an accepted event.
    ///
    /// Rows of batches are in the order of their keys: two groups in opposite order would deadlock on the unique index.
    static func commit(_ batches: [EncodedBatch], segmentTable: String) -> String {
        var sql = SQLText(capacity: batches.reduce(512) { $0 + 512 + $1.rejections.count * 400 })
        sql.append("INSERT INTO docket.batches (batch_id, sequence, received_at, producer_id, tenant_id, event_count, ")
        sql.append("accepted_count, root, content_hash, verdict) VALUES ")
        for (index, batch) in batches.sorted(by: self.precedes).enumerated() {
            if index > 0 { sql.append(",") }
            self.append(batch, to: &sql)
        }
        if batches.contains(where: { !$0.quarantined.isEmpty }) { self.appendQuarantine(batches, to: &sql) }
        if self.hasTuples(batches) {
            sql.append(";COPY docket.\(segmentTable) (\(EventColumn.sqlList)) FROM STDIN (FORMAT binary)")
        }
        return sql.text
    }

    /// Whether there is a COPY at all.
    static func hasTuples(_ batches: [EncodedBatch]) -> Bool { batches.contains { !$0.tuples.isEmpty } }

    /// The COPY stream: a header, the batches' tuples as they are, a trailer.
    static func copyChunks(_ batches: [EncodedBatch]) -> some Sequence<[UInt8]> {
        [CopyStream.header] + batches.lazy.map(\.tuples).filter { !$0.isEmpty } + [CopyStream.trailer]
    }

    /// Asks for the stored rows of the batches' keys.
    static func lookUp(_ batches: [EncodedBatch]) -> String {
        var sql = SQLText(
            "SELECT tenant_id, producer_id, sequence, batch_id, content_hash, verdict FROM docket.batches ")
        sql.append("WHERE (tenant_id, producer_id, sequence) IN (")
        for (index, batch) in batches.enumerated() {
            if index > 0 { sql.append(",") }
            sql.append("(\(batch.key.tenantID)::int4,")
            sql.append(uuid: batch.key.producerID.bytes)
            sql.append("::uuid,\(batch.key.sequence)::int8)")
        }
        sql.append(")")
        return sql.text
    }

    private static func precedes(_ left: EncodedBatch, _ right: EncodedBatch) -> Bool {
        let (left, right) = (left.key, right.key)
        return (left.tenantID, left.producerID, left.sequence) < (right.tenantID, right.producerID, right.sequence)
    }

    private static func append(_ batch: EncodedBatch, to sql: inout SQLText) {
        sql.append("(")
        sql.append(batch.batchID)
        sql.append(",")
        sql.append(batch.key.sequence)
        sql.append(",'\(batch.receivedAt.rfc3339)',")
        sql.append(uuid: batch.key.producerID.bytes)
        sql.append(",\(batch.key.tenantID),\(batch.eventCount),\(batch.acceptedCount),")
        sql.append(hexadecimal: batch.root)
        sql.append(",")
        sql.append(hexadecimal: batch.contentHash)
        sql.append(",")
        sql.append(hexadecimal: encodeVerdict(batch.verdict(durability: .committed)))
        sql.append(")")
    }

    private static func appendQuarantine(_ batches: [EncodedBatch], to sql: inout SQLText) {
        sql.append(";INSERT INTO docket.quarantine (batch_id, received_at, tenant_id, position, field, code, reason, ")
        sql.append("event) VALUES ")
        var isFirst = true
        for batch in batches {
            for (rejection, event) in zip(batch.rejections, batch.quarantined) {
                if !isFirst { sql.append(",") }
                isFirst = false
                sql.append("(\(batch.batchID),'\(batch.receivedAt.rfc3339)',\(batch.key.tenantID),\(event.index),")
                sql.append(quoted: rejection.field)
                sql.append(",")
                sql.append(quoted: rejection.code.name)
                sql.append(",")
                sql.append(quoted: rejection.reason)
                sql.append(",")
                sql.append(hexadecimal: event.event)
                sql.append(")")
            }
        }
    }
}
