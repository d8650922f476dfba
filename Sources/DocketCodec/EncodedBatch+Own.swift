package import DocketModel

extension EncodedBatch {
    /// A batch of one event that Docket itself writes into a tenant's log.
    ///
    /// - Parameter batchID: in the layout of `BatchID`; the batch is received at its time.
    /// - Throws: `invalidEvent` when the event breaks a rule of `event.proto`.
    package static func own(
        _ event: Event, key: BatchKey, batchID: Int64, typeID: Int32
    ) throws(CodecError) -> EncodedBatch {
        var request = EventEncoder.publishRequestPrefix(
            tenant: "", producerID: key.producerID, sequence: key.sequence)
        EventEncoder.append(event, to: &request)
        let decoder = BatchDecoder(limits: Limits())
        let batch = try decoder.encode(
            decoder.decode(request), key: key, batchID: batchID, receivedAt: BatchID.receivedAt(of: batchID)
        ) { _ in .accept(typeID: typeID) }
        if let rejection = batch.rejections.first {
            throw CodecError(
                code: .invalidEvent,
                message: "an event of Docket's own breaks a rule: \(rejection.field): \(rejection.reason)")
        }
        return batch
    }
}
