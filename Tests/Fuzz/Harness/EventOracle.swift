import DocketCodec
import DocketMerkle
import DocketModel

/// What must hold of every publish request that the codec takes: its events come back from their COPY tuples as they
/// came in, with the same leaves.
struct EventOracle {
    static let batchID: Int64 = 0x0123_4567_89AB_CDEF
    static let tenantID: Int32 = 5
    /// Type ids begin here, so that they are not mistaken for positions.
    private static let firstTypeID: Int32 = 1000

    private let decoder: BatchDecoder

    init(limits: Limits) { self.decoder = BatchDecoder(limits: limits) }

    /// Decodes and encodes a request, and checks everything that can be.
    ///
    /// - Parameter rejectsEvery: the registry rejects each event whose index is a multiple of that; 0: none.
    /// - Returns: the batch.
    /// - Throws: ``Fault``: `refused` when the request is faulty as a whole, which is no finding.
    func check(_ message: [UInt8], rejectsEvery: Int = 0) throws(Fault) -> EncodedBatch {
        var types: [String] = []
        let batch: EncodedBatch
        do throws(CodecError) {
            let request = try self.decoder.decode(message)
            let key = BatchKey(
                tenantID: Self.tenantID, producerID: request.producerID, sequence: request.sequence)
            batch = try self.decoder.encode(
                request, key: key, batchID: Self.batchID, receivedAt: BatchID.receivedAt(of: Self.batchID)
            ) { event in
                if rejectsEvery > 0, event.index.isMultiple(of: rejectsEvery) {
                    return .reject(EventRefusal(field: "type", code: .unknownEventType, reason: "as the input says"))
                }
                types.append(event.typeName)
                return .accept(typeID: Self.firstTypeID + Int32(types.count - 1))
            }
        } catch {
            throw .refused(error)
        }
        do throws(FuzzFinding) {
            try self.check(batch, types: types)
        } catch {
            throw .finding(error)
        }
        return batch
    }

    /// Why a request got no further.
    enum Fault: Error {
        case refused(CodecError)
        case finding(FuzzFinding)
    }

    private func check(_ batch: EncodedBatch, types: [String]) throws(FuzzFinding) {
        let rows = try requireNoError("reading tuples back") { () throws(CodecError) in
            var reader = TupleReader(tuples: batch.tuples) { id in
                let index = Int(id - Self.firstTypeID)
                return types.indices.contains(index) ? types[index] : nil
            }
            return try reader.rows()
        }
        try requireEqual(rows.count, batch.acceptedCount, "rows")
        try requireEqual(batch.acceptedCount + batch.rejections.count, batch.eventCount, "events")
        try requireEqual(batch.rejections.map(\.index), batch.quarantined.map(\.index), "quarantined events")
        let rejected = Set(batch.rejections.map(\.index))
        let accepted = (0..<batch.eventCount).filter { !rejected.contains($0) }
        try requireEqual(rows.map { Int($0.position) }, accepted, "positions")
        for row in rows {
            try require(
                row.batchID == Self.batchID && row.tenantID == Self.tenantID, "row \(row.position) is of another batch")
            let bytes = batch.request.map { Array($0.eventBytes(at: Int(row.position))) } ?? []
            let event = try requireNoError("an accepted event") { () throws(CodecError) in try decodeEvent(bytes) }
            try requireEqual(row.event, event, "the row of event \(row.position)")
            try Self.check(event)
        }
        let leaves = rows.map { EventLeaf.leafHash(of: $0.event) }
        try requireEqual(MerkleTree.root(of: leaves).bytes, batch.root, "the root over the rows")
        if rejected.isEmpty { try requireEqual(batch.contentHash, batch.root, "the content hash") }
        try self.checkAnswer(batch)
        try self.checkRefusing(batch, leaves: leaves, positions: accepted)
    }

    /// An event that the codec takes, in its other forms.
    static func check(_ event: Event) throws(FuzzFinding) {
        let encoded = encodeEvent(event)
        try requireEqual(encoded.count, EventEncoder.sizeBytes(of: event), "the size of an event")
        let again = try requireNoError("the canonical form") { () throws(CodecError) in try decodeEvent(encoded) }
        try requireEqual(encodeEvent(again), encoded, "the canonical form of itself")
        let read = try requireNoError("the projection") { () throws(ModelError) in
            try Event(json: Array(event.json.utf8), maxDepth: 256)
        }
        try requireEqual(encodeEvent(Self.projected(read)), encodeEvent(Self.projected(event)), "the projection")
    }

    /// The event as its projection has it: on one line, and with obligations that are always there.
    private static func projected(_ event: Event) -> Event {
        func oneLine(_ text: String?) -> String? {
            text.map { String(decoding: $0.utf8.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }, as: UTF8.self) }
        }
        // White space around a value is no part of it.
        func trimmed(_ text: String?) -> String? {
            oneLine(text).map { text in
                let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
                let bytes = text.utf8.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
                return String(decoding: Array(bytes), as: UTF8.self)
            }
        }
        var event = event
        event.obligations = trimmed(event.obligations) ?? "[]"
        event.evaluatedRules = trimmed(event.evaluatedRules)
        event.attributes = trimmed(event.attributes)
        return event
    }

    /// The answer to the batch comes back as it was.
    private func checkAnswer(_ batch: EncodedBatch) throws(FuzzFinding) {
        let verdict = batch.verdict(durability: .committed)
        let bytes = encodePublishResponse(sequence: batch.key.sequence, verdict: verdict)
        let response = try requireNoError("a publish response") { () throws(CodecError) in
            try decodePublishResponse(bytes)
        }
        try requireEqual(
            response, PublishResponseMessage(sequence: batch.key.sequence, result: .verdict(verdict)), "the answer")
        try requireEqual(
            batch.request.flatMap { publishRequestSequence(in: $0.message, maxFields: .max) }, batch.key.sequence,
            "the sequence")
        _ = BatchTuples.stream([batch], segment: 1)
    }

    /// Without its first accepted event the batch is that of the others.
    private func checkRefusing(
        _ batch: EncodedBatch, leaves: [MerkleHash], positions: [Int]
    ) throws(FuzzFinding) {
        guard let first = positions.first else { return }
        let refusal = EventRefusal(field: "", code: .refusedByStore, reason: "as a test")
        let rest = try requireNoError("refusing an event") { () throws(CodecError) in
            try batch.refusing([first: refusal])
        }
        try requireEqual(rest.acceptedCount, batch.acceptedCount - 1, "accepted events without the first")
        try requireEqual(rest.root, MerkleTree.root(of: leaves.dropFirst()).bytes, "the root without the first event")
        try requireEqual(rest.contentHash, batch.contentHash, "the content hash without the first event")
        let ranges = try requireNoError("tuples") { () throws(CodecError) in try batch.tupleRanges() }
        try requireEqual(rest.tuples, ranges.dropFirst().flatMap { batch.tuples[$0] }, "tuples without the first")
    }
}
