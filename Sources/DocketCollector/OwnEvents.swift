internal import DocketCodec
internal import DocketModel
internal import DocketRegistry
package import DocketStore
internal import Synchronization

/// Writes events of the collector itself into tenants' logs, each a batch of its own.
package final class OwnEvents: Sendable {
    private let store: any EventStore
    private let batchIDs: BatchIDSource
    private let producerID: ProducerID
    private let sequence = Mutex<Int64>(0)

    package init(store: any EventStore, batchIDs: BatchIDSource) {
        var generator = SystemRandomNumberGenerator()
        self.store = store
        self.batchIDs = batchIDs
        self.producerID = .random(using: &generator)
    }

    /// Hands an event of a reserved type to the store.
    ///
    /// - Parameter done: Told when it is stored, or why it can't be.
    func submit(
        _ event: Event, tenantID: Int32, _ snapshot: RegistrySnapshot,
        done: @escaping @Sendable (Result<Void, StoreError>) -> Void
    ) {
        guard let typeID = snapshot.reservedTypes[event.type], let batchID = self.batchIDs.next(now: .now) else {
            return done(.failure(Self.notReady))
        }
        let sequence = self.sequence.withLock { sequence in
            sequence += 1
            return sequence
        }
        do throws(CodecError) {
            let batch = try EncodedBatch.own(
                event, key: BatchKey(tenantID: tenantID, producerID: self.producerID, sequence: sequence),
                batchID: batchID, typeID: typeID)
            self.store.submit(batch, by: nil) { result in done(result.map { _ in }) }
        } catch {
            done(.failure(StoreError(code: .internal, message: "\(error)", cause: error)))
        }
    }

    /// Writes an event, and returns when it is stored.
    func write(_ event: Event, tenantID: Int32, _ snapshot: RegistrySnapshot) async throws(StoreError) {
        let result = await withCheckedContinuation { continuation in
            self.submit(event, tenantID: tenantID, snapshot) { continuation.resume(returning: $0) }
        }
        try result.get()
    }

    private static let notReady = StoreError(
        code: .unavailable,
        message:
            "the collector has no node lease, or a registry of an earlier version: it can't write events of its own",
        retryAfterMilliseconds: 1000)
}
