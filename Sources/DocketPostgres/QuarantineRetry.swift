import Crypto
import DocketCodec
package import DocketModel
import DocketRegistry

/// Judges rejected events anew, by the registry and the limits of today, and stores those that pass as new batches. An
/// event keeps its id and its time. Taking it out of quarantine and storing it is one transaction that holds the rows'
/// locks, so an event that two retries are after is stored once.
package struct QuarantineRetry {
    /// The most events, and encoded bytes, of one batch; an event larger than that is a batch of its own.
    static let maxBatchEvents: Int32 = 1000
    static let maxBatchBytes: Int32 = 1024 * 1024
    /// The most refused events that a report names.
    package static let maxNamed = 1000

    /// What became of the events.
    package struct Report: Sendable, Equatable {
        package var storedCount = 0
        /// The ids of the batches that hold the stored events.
        package var batchIDs: [Int64] = []
        /// Events that failed again, and stay.
        package var refusedCount = 0
        /// The first ``QuarantineRetry/maxNamed`` of them.
        package var refused: [Refused] = []

        mutating func add(_ refused: Refused) {
            self.refusedCount += 1
            if self.refused.count < QuarantineRetry.maxNamed { self.refused.append(refused) }
        }
    }

    /// An event that failed again, and why.
    package struct Refused: Sendable, Equatable {
        package var id: Int64
        package var field: String
        package var code: RejectionCode
        package var reason: String
    }

    /// Where the next chunk begins.
    struct Cursor: Sendable {
        var tenantID: Int32 = 0
        var id: Int64 = 0
    }

    private struct Candidate {
        let id: Int64
        let tenantID: Int32
        let batchID: Int64
        let event: [UInt8]
    }

    let limits: Limits
    let nextBatchID: @Sendable () -> Int64?

    // MARK: Chunks

    /// Takes the next events of a selection, at most one batch of them, and moves the cursor behind them.
    ///
    /// - Returns: False when there was none left.
    func step(
        _ selection: QuarantineSelection, _ cursor: inout Cursor, _ report: inout Report,
        _ connection: PostgresConnection
    ) throws(PostgresError) -> Bool {
        var condition = try SQLConditions(selection, connection)
        condition.add("(q.tenant_id, q.quarantine_id) > (?, ?)", .int4(cursor.tenantID), .int8(cursor.id))
        let rows = try connection.query(
            """
            SELECT q.quarantine_id, q.tenant_id, octet_length(q.event) FROM docket.quarantine AS q
            WHERE \(condition.sql) ORDER BY q.tenant_id, q.quarantine_id LIMIT \(Self.maxBatchEvents)
            """, condition.values)
        guard rows.count > 0 else { return false }
        let tenantID: Int32 = try rows.integer(0, 1)
        var ids: [Int64] = []
        var bytes: Int32 = 0
        for row in 0..<rows.count where try rows.integer(row, 1) == tenantID {
            let size: Int32 = try rows.integer(row, 2)
            guard ids.isEmpty || size <= Self.maxBatchBytes - bytes else { break }
            bytes += min(size, Self.maxBatchBytes)
            ids.append(try rows.integer(row, 0))
        }
        cursor = Cursor(tenantID: tenantID, id: ids.last ?? cursor.id)
        try self.retry(ids[...], &report, connection)
        return true
    }

    /// Stores what passes of these rows of one tenant. When PostgreSQL refuses a row, the halves are tried apart, down to
    /// the one at fault.
    private func retry(
        _ ids: ArraySlice<Int64>, _ report: inout Report, _ connection: PostgresConnection
    ) throws(PostgresError) {
        do throws(PostgresError) {
            let (batch, refused) = try connection.inTransaction { () throws(PostgresError) in
                try self.takeOut(Array(ids), connection)
            }
            if let batch {
                report.storedCount += batch.acceptedCount
                report.batchIDs.append(batch.batchID)
            }
            for refused in refused { report.add(refused) }
        } catch {
            guard FailureTreatment.of(error) == .isolate else { throw error }
            if let id = ids.first, ids.count == 1 {
                return report.add(Refused(id: id, field: "", code: .refusedByStore, reason: error.message))
            }
            let middle = ids.startIndex + ids.count / 2
            try self.retry(ids[..<middle], &report, connection)
            try self.retry(ids[middle...], &report, connection)
        }
    }

    /// In the open transaction: locks the rows, judges them, stores those that pass and deletes their rows.
    private func takeOut(
        _ ids: [Int64], _ connection: PostgresConnection
    ) throws(PostgresError) -> (batch: EncodedBatch?, refused: [Refused]) {
        let rows = try connection.query(
            """
            SELECT quarantine_id, tenant_id, batch_id, event FROM docket.quarantine
            WHERE quarantine_id = ANY ($1) ORDER BY quarantine_id FOR UPDATE
            """, [.int8Array(ids)])
        var candidates: [Candidate] = []
        for row in 0..<rows.count {
            candidates.append(
                Candidate(
                    id: try rows.integer(row, 0), tenantID: try rows.integer(row, 1),
                    batchID: try rows.integer(row, 2), event: try rows.bytes(row, 3)))
        }
        // Another retry, or a removal, may have taken them all.
        guard let first = candidates.first else { return (nil, []) }
        let types = try Self.eventTypes(of: first.tenantID, connection)
        let decoder = BatchDecoder(limits: self.limits)
        var refused: [Refused] = []
        var passed: [Candidate] = []
        for candidate in candidates {
            let refusal = Self.refusal(of: candidate, decoder, types)
            guard let refusal else {
                passed.append(candidate)
                continue
            }
            refused.append(
                Refused(id: candidate.id, field: refusal.field, code: refusal.code, reason: refusal.reason))
        }
        guard !passed.isEmpty else { return (nil, refused) }
        let batch = try self.encode(passed, types)
        try MaintainerInsert.store(batch, connection)
        _ = try connection.query(
            "DELETE FROM docket.quarantine WHERE quarantine_id = ANY ($1)", [.int8Array(passed.map(\.id))])
        return (batch, refused)
    }

    // MARK: Judging and encoding

    /// Why an event is refused by itself; `nil` when it passes.
    private static func refusal(
        of candidate: Candidate, _ decoder: BatchDecoder, _ types: EventTypeTable
    ) -> EventRefusal? {
        do throws(CodecError) {
            let batch = try self.encode([candidate], id: 0, decoder, types)
            return batch.rejections.first.map { EventRefusal(field: $0.field, code: $0.code, reason: $0.reason) }
        } catch {
            return error.refusal ?? EventRefusal(field: "", code: .unspecified, reason: error.message)
        }
    }

    /// The batch of events that have all passed.
    private func encode(_ passed: [Candidate], _ types: EventTypeTable) throws(PostgresError) -> EncodedBatch {
        guard let id = self.nextBatchID() else {
            throw PostgresError(
                code: .leaseLost,
                message: "the node number that batches are numbered under isn't held any more; try again")
        }
        var limits = self.limits
        // Each event fits what an operator allows; together they may be a little more than the smallest batch.
        limits.maxBatchBytes = max(limits.maxBatchBytes, 2 * passed.reduce(0) { $0 + $1.event.count } + 1024)
        limits.maxBatchEvents = max(limits.maxBatchEvents, passed.count)
        do throws(CodecError) {
            let batch = try Self.encode(passed, id: id, BatchDecoder(limits: limits), types)
            precondition(batch.rejections.isEmpty, "each event has passed by itself")
            return batch
        } catch {
            throw PostgresError(
                code: .unexpectedAnswer, message: "rejected events can't be encoded again: \(error)", cause: error)
        }
    }

    /// The first event's row names the batch: it leaves quarantine with it, so the key is never used again.
    private static func encode(
        _ candidates: [Candidate], id: Int64, _ decoder: BatchDecoder, _ types: EventTypeTable
    ) throws(CodecError) -> EncodedBatch {
        let producer = self.producerID(ofBatch: candidates[0].batchID)
        let key = BatchKey(tenantID: candidates[0].tenantID, producerID: producer, sequence: candidates[0].id)
        var request = EventEncoder.publishRequestPrefix(tenant: "", producerID: producer, sequence: key.sequence)
        for candidate in candidates { EventEncoder.append(encoded: candidate.event, to: &request) }
        return try decoder.encode(
            decoder.decode(request), key: key, batchID: id, receivedAt: BatchID.receivedAt(of: id)
        ) { event in
            if let typeID = event.withTypeBytes({ types.id(ofTypeNamed: $0) }) { return .accept(typeID: typeID) }
            return .reject(
                EventRefusal(
                    field: "type", code: .unknownEventType,
                    reason: "the event type '\(event.typeName.prefix(128))' is not registered for the tenant; "
                        + "register it: docket event-type add"))
        }
    }

    /// What names the producer of events that came back: 16 bytes of a hash over the batch that they had come with.
    static func producerID(ofBatch batchID: Int64) -> ProducerID {
        let text = Array("docket quarantine retry".utf8) + bigEndianBytes(UInt64(bitPattern: batchID))
        let digest = Array(SHA256.hash(data: text))
        return ProducerID(high: bigEndian(digest[0..<8]), low: bigEndian(digest[8..<16]))
    }

    /// The types that the tenant's emitters may use now: its own before those of all, and no reserved one.
    private static func eventTypes(
        of tenantID: Int32, _ connection: PostgresConnection
    ) throws(PostgresError) -> EventTypeTable {
        let rows = try connection.query(
            """
            SELECT name, type_id FROM docket.event_types
            WHERE (tenant_id = $1 OR tenant_id IS NULL) AND NOT is_reserved ORDER BY tenant_id NULLS LAST
            """, [.int4(tenantID)])
        var types: [(name: String, id: Int32)] = []
        for row in 0..<rows.count { types.append((try rows.text(row, 0), try rows.integer(row, 1))) }
        return EventTypeTable(types)
    }
}
