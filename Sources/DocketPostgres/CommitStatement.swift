import DocketCodec
import DocketModel

/// The segment that is being written.
struct HotSegment: Sendable, Equatable {
    let id: Int32
    /// Its table, in the schema docket.
    let table: String
}

/// Statements with the streams of the COPYs among them, sent as one simple query.
struct CopyScript: Equatable {
    var sql: String
    /// The chunks of each COPY's stream, in the order of the COPYs.
    var streams: [[[UInt8]]]
}

/// The statements of a commit group: pure text, apart from the connection.
enum CommitStatement {
    /// Everything that a group stores, as one simple query: one implicit transaction and one fsync.
    static func commit(_ batches: [EncodedBatch], segment: HotSegment) -> CopyScript {
        var script = self.record(batches, segment: segment)
        if self.hasTuples(batches) {
            script.sql += ";" + self.copyEvents(segment)
            script.streams.append(
                [CopyStream.header] + batches.lazy.map(\.tuples).filter { !$0.isEmpty } + [CopyStream.trailer])
        }
        return script
    }

    /// What a group stores apart from its events: the batches' rows, the check that none is below its producer's floor,
    /// and the quarantine.
    ///
    /// Rows of batches are in the order of their keys: two groups in opposite order would deadlock on the unique index.
    static func record(_ batches: [EncodedBatch], segment: HotSegment) -> CopyScript {
        let sorted = batches.sorted(by: self.precedes)
        var sql = SQLText(capacity: 512 + batches.count * 64)
        sql.append("COPY docket.batches (\(BatchTuples.sqlList)) FROM STDIN (FORMAT binary);")
        self.appendFloorCheck(sorted, to: &sql)
        var script = CopyScript(sql: sql.text, streams: [[BatchTuples.stream(sorted, segment: segment.id)]])
        if batches.contains(where: { !$0.quarantined.isEmpty }) {
            script.sql += ";COPY docket.quarantine_intake (\(QuarantineTuples.sqlList)) FROM STDIN (FORMAT binary)"
            script.streams.append(QuarantineTuples.chunks(batches))
        }
        return script
    }

    /// The COPY of events into a segment.
    static func copyEvents(_ segment: HotSegment) -> String {
        "COPY docket.\(segment.table) (\(EventColumn.sqlList)) FROM STDIN (FORMAT binary)"
    }

    /// Whether any batch has an accepted event.
    static func hasTuples(_ batches: [EncodedBatch]) -> Bool { batches.contains { !$0.tuples.isEmpty } }

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

    /// One row a producer is enough: the first, which has the lowest sequence.
    private static func appendFloorCheck(_ sorted: [EncodedBatch], to sql: inout SQLText) {
        var lowest: [BatchKey] = []
        for key in sorted.lazy.map(\.key) {
            if let last = lowest.last, last.tenantID == key.tenantID, last.producerID == key.producerID { continue }
            lowest.append(key)
        }
        sql.append("SELECT docket.check_floors('{")
        sql.append(list: lowest) { $0.append($1.tenantID) }
        sql.append("}','{")
        sql.append(list: lowest) { $0.append(digits: $1.producerID.bytes) }
        sql.append("}','{")
        sql.append(list: lowest) { $0.append($1.sequence) }
        sql.append("}')")
    }
}
