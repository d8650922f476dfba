import DocketCodec
import DocketModel
import DocketStore

/// What `docket.batches` holds for a key.
struct StoredBatch {
    let batchID: Int64
    let contentHash: [UInt8]
    let verdict: [UInt8]

    /// The stored rows of the batches' keys.
    static func read(
        _ batches: [EncodedBatch], from connection: PostgresConnection
    ) throws(PostgresError) -> [BatchKey: StoredBatch] {
        let rows = try connection.query(CommitStatement.lookUp(batches))
        var found: [BatchKey: StoredBatch] = [:]
        for row in 0..<rows.count {
            guard let producer = ProducerID(bytes: try rows.bytes(row, 1)) else {
                throw PostgresError(code: .unexpectedAnswer, message: "a stored producer id does not have 16 bytes")
            }
            let key = BatchKey(
                tenantID: try rows.integer(row, 0), producerID: producer, sequence: try rows.integer(row, 2))
            found[key] = StoredBatch(
                batchID: try rows.integer(row, 3), contentHash: try rows.bytes(row, 4), verdict: try rows.bytes(row, 5))
        }
        return found
    }

    /// The answer to a batch with this key: always the stored verdict, since PostgreSQL may have refused events that the
    /// batch as it was submitted knows nothing of. A row with the batch's own id was stored by this very submission,
    /// whose answer was lost on the way.
    func outcome(for batch: EncodedBatch) -> Result<StoreOutcome, StoreError> {
        let isOwn = self.batchID == batch.batchID
        guard isOwn || self.contentHash == batch.contentHash else {
            return .success(.conflict(storedContentHash: self.contentHash))
        }
        do throws(CodecError) {
            var verdict = try decodeVerdict(self.verdict)
            verdict.replayed = !isOwn
            return .success(isOwn ? .committed(verdict) : .replayed(verdict))
        } catch {
            return .failure(
                StoreError(
                    code: .internal,
                    message: "the stored verdict of batch \(self.batchID) can't be read: \(error); "
                        + "see docket.batches.verdict",
                    cause: error))
        }
    }
}
