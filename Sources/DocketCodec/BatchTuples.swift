import DocketModel

/// Rows of `docket.batches` as COPY BINARY tuples (PostgreSQL, COPY, "Binary Format"): for a group of many small batches
/// a fraction of the price of an INSERT, whose text the server would have to parse.
package enum BatchTuples {
    /// The columns that are written, in the order of their values. `commit_xid` is left to its default.
    package static let sqlList =
        "batch_id, sequence, received_at, producer_id, tenant_id, event_count, accepted_count, root, content_hash, "
        + "verdict, segment_id"
    private static let columns: Int16 = 11
    /// What a row takes but for its root, content hash and verdict.
    private static let fixedBytes = 2 + 4 * 11 + 3 * 8 + 16 + 4 * 4

    /// A whole stream: header, one tuple a batch, trailer.
    ///
    /// - Parameter segment: The segment that the batches' events go to.
    package static func stream(_ batches: [EncodedBatch], segment: Int32) -> [UInt8] {
        var bytes: [UInt8] = []
        // Without rejections a verdict is below 128 bytes, and so are the root and the content hash together.
        bytes.reserveCapacity(64 + batches.count * (self.fixedBytes + 256))
        bytes += CopyStream.header
        for batch in batches { self.append(batch, segment, to: &bytes) }
        bytes += CopyStream.trailer
        return bytes
    }

    private static func append(_ batch: EncodedBatch, _ segment: Int32, to bytes: inout [UInt8]) {
        let verdict = batch.verdict(durability: .committed)
        let verdictBytes = verdict.wireBytes
        let size = self.fixedBytes + batch.root.count + batch.contentHash.count + verdictBytes
        bytes.append(wireBytes: size) { cursor in
            cursor.raw { out in
                out.store(self.columns)
                self.field(batch.batchID, to: &out)
                self.field(batch.key.sequence, to: &out)
                self.field(batch.receivedAt.microsecondsSinceEpoch &- postgresEpochMicroseconds, to: &out)
                out.store(Int32(16))
                out.store(batch.key.producerID.high)
                out.store(batch.key.producerID.low)
                self.field(batch.key.tenantID, to: &out)
                self.field(Int32(truncatingIfNeeded: batch.eventCount), to: &out)
                self.field(Int32(truncatingIfNeeded: batch.acceptedCount), to: &out)
                self.field(batch.root, to: &out)
                self.field(batch.contentHash, to: &out)
                out.store(Int32(truncatingIfNeeded: verdictBytes))
            }
            verdict.describe(to: &cursor)
            cursor.raw { out in self.field(segment, to: &out) }
        }
    }

    @inline(__always)
    private static func field<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, to out: inout ByteCursor) {
        out.store(Int32(MemoryLayout<Value>.size))
        out.store(value)
    }

    private static func field(_ value: [UInt8], to out: inout ByteCursor) {
        unsafe value.withUnsafeBufferPointer { unsafe out.storeCounted($0.baseAddress, count: $0.count) }
    }
}
