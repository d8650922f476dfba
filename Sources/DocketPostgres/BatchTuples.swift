import DocketCodec
import DocketModel

/// Rows of `docket.batches` as COPY BINARY tuples (PostgreSQL, COPY, "Binary Format"): for a group of many small batches
/// a fraction of the price of an INSERT, whose text the server would have to parse.
enum BatchTuples {
    /// The columns that are written, in the order of their values. `commit_xid` is left to its default.
    static let sqlList =
        "batch_id, sequence, received_at, producer_id, tenant_id, event_count, accepted_count, root, content_hash, "
        + "verdict, segment_id"
    private static let columns: Int16 = 11
    /// What a row takes but for its root, content hash and verdict.
    private static let fixedBytes = 2 + 4 * 11 + 3 * 8 + 16 + 4 * 4

    /// A whole stream: header, one tuple a batch, trailer.
    ///
    /// - Parameter segment: The segment that the batches' events go to.
    static func stream(_ batches: [EncodedBatch], segment: Int32) -> [UInt8] {
        let verdicts = batches.map { encodeVerdict($0.verdict(durability: .committed)) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(
            zip(batches, verdicts).reduce(64) { total, row in
                total + self.fixedBytes + row.0.root.count + row.0.contentHash.count + row.1.count
            })
        bytes += CopyStream.header
        for (batch, verdict) in zip(batches, verdicts) { self.append(batch, verdict, segment, to: &bytes) }
        bytes += CopyStream.trailer
        return bytes
    }

    private static func append(_ batch: EncodedBatch, _ verdict: [UInt8], _ segment: Int32, to bytes: inout [UInt8]) {
        self.append(self.columns, to: &bytes)
        self.field(batch.batchID, to: &bytes)
        self.field(batch.key.sequence, to: &bytes)
        self.field(PostgresValue.sincePostgresEpoch(batch.receivedAt), to: &bytes)
        self.field(batch.key.producerID.bytes, to: &bytes)
        self.field(batch.key.tenantID, to: &bytes)
        self.field(Int32(truncatingIfNeeded: batch.eventCount), to: &bytes)
        self.field(Int32(truncatingIfNeeded: batch.acceptedCount), to: &bytes)
        self.field(batch.root, to: &bytes)
        self.field(batch.contentHash, to: &bytes)
        self.field(verdict, to: &bytes)
        self.field(segment, to: &bytes)
    }

    private static func field<Value: FixedWidthInteger>(_ value: Value, to bytes: inout [UInt8]) {
        self.append(Int32(MemoryLayout<Value>.size), to: &bytes)
        self.append(value, to: &bytes)
    }

    private static func field(_ value: [UInt8], to bytes: inout [UInt8]) {
        self.append(Int32(truncatingIfNeeded: value.count), to: &bytes)
        bytes += value
    }

    private static func append<Value: FixedWidthInteger>(_ value: Value, to bytes: inout [UInt8]) {
        for shift in stride(from: Value.bitWidth - 8, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> Value(shift)))
        }
    }
}
