import DocketCodec
import DocketModel
import DocketStore

/// What remains of a producer's batches that are older than the replay window: `docket.producer_floors`.
enum ProducerFloor {
    /// A producer, as its tenant knows it.
    struct Producer: Hashable {
        let tenantID: Int32
        let producerID: ProducerID

        init(tenantID: Int32, producerID: ProducerID) {
            self.tenantID = tenantID
            self.producerID = producerID
        }

        init(_ key: BatchKey) { self.init(tenantID: key.tenantID, producerID: key.producerID) }
    }

    /// The floors of the batches' producers; a producer without one is left out.
    static func read(
        _ batches: [EncodedBatch], from connection: PostgresConnection
    ) throws(PostgresError) -> [Producer: Int64] {
        let producers = Set(batches.map { Producer($0.key) })
        var sql = SQLText("SELECT tenant_id, producer_id, floor FROM docket.producer_floors ")
        sql.append("WHERE (tenant_id, producer_id) IN (")
        sql.append(list: producers) { sql, producer in
            sql.append("(\(producer.tenantID)::int4,")
            sql.append(uuid: producer.producerID.bytes)
            sql.append("::uuid)")
        }
        sql.append(")")
        let rows = try connection.query(sql.text)
        var floors: [Producer: Int64] = [:]
        for row in 0..<rows.count {
            guard let producerID = ProducerID(bytes: try rows.bytes(row, 1)) else {
                throw PostgresError(code: .unexpectedAnswer, message: "a stored producer id does not have 16 bytes")
            }
            floors[Producer(tenantID: try rows.integer(row, 0), producerID: producerID)] = try rows.integer(row, 2)
        }
        return floors
    }

    /// The answer to a batch that is too old to be told from a replay.
    static func refusal(of batch: EncodedBatch, floor: Int64) -> StoreError {
        StoreError(
            code: .refused,
            message:
                "the sequence \(batch.key.sequence) is not above \(floor), up to which this producer's batches are "
                + "older than the replay window, so that nobody knows whether this one was stored; look for its events in "
                + "the log, and send what is missing under a new sequence")
    }
}
