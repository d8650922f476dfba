package import DocketCodec
internal import DocketEventTypes
package import DocketGRPC
package import DocketModel
package import DocketRegistry
package import DocketStore
internal import Metrics

/// The way of one batch from its bytes to the store and back, the same for both publishing methods.
///
/// Everything up to the encoded tuples happens on the connection's event loop; the store calls back from a thread of its
/// own once the batch is durable.
package struct PublishPipeline: Sendable {
    /// The answer to one batch.
    package enum Answer: Sendable {
        case verdict(sequence: Int64, Verdict)
        /// The batch is refused as a whole. `sequence` is `nil` when the request is too broken to have one.
        case refused(sequence: Int64?, PublishRefusal)
    }

    private let registry: RegistryHolder
    private let store: any EventStore
    private let batchIDs: BatchIDSource
    private let metrics = CollectorMetrics()
    /// What a batch and an event may hold.
    package let limits: Limits
    /// How many fields a request that is refused may have beside its events, for its sequence to be found behind them.
    private static let maxOtherFields = 16

    package init(registry: RegistryHolder, store: any EventStore, batchIDs: BatchIDSource, limits: Limits) {
        self.registry = registry
        self.store = store
        self.batchIDs = batchIDs
        self.limits = limits
    }

    /// Refuses a caller whose token is unknown, before any message of its call is read: nobody without a credential may
    /// hold memory.
    package func admit(_ token: AccessToken) throws(GRPCStatus) {
        guard self.registry.snapshot.authenticate(token, at: .now) != nil else {
            throw PublishRefusal.unknownToken.status
        }
    }

    /// Takes one request.
    ///
    /// - Parameters:
    ///   - message: an encoded `docket.v1.PublishRequest`.
    ///   - token: what the caller has shown. It is looked up anew for each batch, so that a revoked one stops at once.
    ///   - decoder: the event loop's own.
    ///   - submitter: the call, for ``withdraw(_:)``.
    ///   - encoded: called with the batch's size in memory, in bytes, before the store gets it; not when it is refused.
    ///   - answer: called exactly once, on any thread, perhaps before this returns.
    package func publish(
        _ message: [UInt8], token: AccessToken, decoder: BatchDecoder, by submitter: Submitter? = nil,
        encoded: (_ sizeBytes: Int) -> Void = { _ in }, answer: @escaping @Sendable (Answer) -> Void
    ) {
        self.metrics.received(bytes: message.count)
        let batch: EncodedBatch
        do {
            batch = try self.encode(message, token: token, decoder: decoder)
        } catch {
            self.metrics.refused()
            let sequence = publishRequestSequence(
                in: message, maxFields: self.limits.maxBatchEvents + Self.maxOtherFields)
            answer(.refused(sequence: sequence, error))
            return
        }
        encoded(batch.sizeBytes)
        let (metrics, sequence, hash) = (self.metrics, batch.key.sequence, batch.contentHash)
        self.store.submit(batch, by: submitter) { result in
            switch result {
            case .success(.committed(let verdict)):
                metrics.committed(verdict)
                answer(.verdict(sequence: sequence, verdict))
            case .success(.replayed(let verdict)):
                metrics.replayed()
                answer(.verdict(sequence: sequence, verdict))
            case .success(.conflict(let stored)):
                metrics.refused()
                answer(.refused(sequence: sequence, .conflict(storedHash: stored, sentHash: hash)))
            case .failure(let error):
                metrics.refused()
                answer(.refused(sequence: sequence, PublishRefusal(error)))
            }
        }
    }

    /// Takes back what a call has published and no commit has begun with: nobody waits for it any more.
    package func withdraw(_ submitter: Submitter) { self.store.withdraw(submitter) }

    /// Decodes, authorizes, checks and encodes a request.
    private func encode(
        _ message: [UInt8], token: AccessToken, decoder: BatchDecoder
    ) throws(PublishRefusal) -> EncodedBatch {
        let (snapshot, validators) = self.registry.rules
        guard let principal = snapshot.authenticate(token, at: .now) else { throw .unknownToken }
        do {
            let request = try decoder.decode(message)
            let tenant = try snapshot.tenant(named: request.tenant, for: principal, scope: .publish)
            guard let batchID = self.batchIDs.next(now: .now) else { throw PublishRefusal.leaseLost }
            let types = snapshot.eventTypes(ofTenant: tenant.id)
            var lastTypeID: Int32?
            var validator: EventTypeValidator?
            var brokenCount = 0
            defer { self.metrics.brokeDefinition(brokenCount) }
            return try decoder.encode(
                request,
                key: BatchKey(tenantID: tenant.id, producerID: request.producerID, sequence: request.sequence),
                batchID: batchID,
                receivedAt: BatchID.receivedAt(of: batchID)
            ) { event in
                if !event.hasTypeOfEventBefore || lastTypeID == nil {
                    lastTypeID = event.withTypeBytes { types.id(ofTypeNamed: $0) }
                    validator =
                        tenant.eventTypeMode == .open ? nil : lastTypeID.flatMap { validators.validator(ofType: $0) }
                }
                guard let lastTypeID else { return .reject(Self.unknownType(event.typeName)) }
                guard let validator, let refusal = validator.check(event) else { return .accept(typeID: lastTypeID) }
                if tenant.eventTypeMode == .enforce { return .reject(refusal) }
                brokenCount += 1
                return .accept(typeID: lastTypeID)
            }
        } catch let error as CodecError {
            throw PublishRefusal(error)
        } catch let error as RegistryError {
            throw PublishRefusal(error)
        } catch let error as PublishRefusal {
            throw error
        } catch {
            throw PublishRefusal(.internal, .internalFault, "the batch could not be encoded: \(error)")
        }
    }

    private static func unknownType(_ name: String) -> EventRefusal {
        EventRefusal(
            field: "type", code: .unknownEventType,
            reason:
                "the event type '\(name.prefix(128))' is not registered for the tenant; register it, or correct the name"
        )
    }
}
