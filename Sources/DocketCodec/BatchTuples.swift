import DocketModel

/// Rows of `docket.batches` as COPY BINARY tuples (PostgreSQL, COPY, "Binary Format"): for a group of many small batches
/// a fraction of the price of an INSERT, whose text the server would have to parse.
package enum BatchTuples {
    /// The columns that are written, in the order of their values. `commit_xid` is left to its default.
    package static let sqlList =
        "batch_id, sequence, received_at, producer_id, tenant_id, event_count, accepted_count, root, content_hash, "
        + "verdict, segment_id, min_skew_us, max_skew_us, mark_positions, mark_codes, mark_fields"
    private static let columns: Int16 = 16
    /// What a row takes but for its root, content hash, verdict and marks.
    private static let fixedBytes = 2 + 4 * 16 + 5 * 8 + 16 + 4 * 4
    /// The types of arrays' elements (PostgreSQL, pg_type.dat).
    private static let int4Type: Int32 = 23
    private static let textType: Int32 = 25
    /// What an array of one dimension takes but for its elements.
    private static let arrayHeaderBytes = 5 * 4

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
        let size =
            self.fixedBytes + batch.root.count + batch.contentHash.count + verdictBytes + self.bytes(of: batch.marks)
        bytes.append(wireBytes: size) { cursor in
            cursor.raw { out in
                out.store(self.columns)
                out.storeField(batch.batchID)
                out.storeField(batch.key.sequence)
                out.storeField(batch.receivedAt.microsecondsSinceEpoch &- postgresEpochMicroseconds)
                out.storeField(batch.key.producerID)
                out.storeField(batch.key.tenantID)
                out.storeField(Int32(truncatingIfNeeded: batch.eventCount))
                out.storeField(Int32(truncatingIfNeeded: batch.acceptedCount))
                out.storeField(batch.root)
                out.storeField(batch.contentHash)
                out.store(Int32(truncatingIfNeeded: verdictBytes))
            }
            verdict.describe(to: &cursor)
            cursor.raw { out in
                out.storeField(segment)
                self.appendSkew(of: batch, to: &out)
                self.append(batch.marks, to: &out)
            }
        }
    }

    // MARK: Skew and marks

    private static func appendSkew(of batch: EncodedBatch, to out: inout ByteCursor) {
        guard let times = batch.occurredAt else {
            out.store(Int32(-1))
            return out.store(Int32(-1))
        }
        let receivedAt = batch.receivedAt.microsecondsSinceEpoch
        out.storeField(times.lowerBound.microsecondsSinceEpoch &- receivedAt)
        out.storeField(times.upperBound.microsecondsSinceEpoch &- receivedAt)
    }

    /// What the arrays take beside their columns' lengths.
    private static func bytes(of marks: [Rejection]) -> Int {
        guard !marks.isEmpty else { return 0 }
        return marks.reduce(3 * self.arrayHeaderBytes) {
            $0 + 8 + 4 + $1.code.name.utf8.count + 4 + $1.field.utf8.count
        }
    }

    /// Three arrays as array_recv reads them (PostgreSQL, src/backend/utils/adt/arrayfuncs.c), or three NULLs.
    private static func append(_ marks: [Rejection], to out: inout ByteCursor) {
        guard !marks.isEmpty else {
            for _ in 0..<3 { out.store(Int32(-1)) }
            return
        }
        self.beginArray(marks.count, of: self.int4Type, bytes: 8 * marks.count, to: &out)
        for mark in marks { out.storeField(Int32(truncatingIfNeeded: mark.index)) }
        self.append(marks.map(\.code.name), to: &out)
        self.append(marks.map(\.field), to: &out)
    }

    private static func append(_ texts: [String], to out: inout ByteCursor) {
        let bytes = texts.reduce(0) { $0 + 4 + $1.utf8.count }
        self.beginArray(texts.count, of: self.textType, bytes: bytes, to: &out)
        for text in texts { out.storeField(Array(text.utf8)) }
    }

    private static func beginArray(_ count: Int, of type: Int32, bytes: Int, to out: inout ByteCursor) {
        out.store(Int32(truncatingIfNeeded: self.arrayHeaderBytes + bytes))
        // One dimension, no NULLs, and it begins with 1.
        out.store(Int32(1))
        out.store(Int32(0))
        out.store(type)
        out.store(Int32(truncatingIfNeeded: count))
        out.store(Int32(1))
    }
}
