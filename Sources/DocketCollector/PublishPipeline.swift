package import DocketCodec
package import DocketGRPC
package import DocketModel
internal import DocketRegistry
package import DocketStore
internal import DocketTransport
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
    private let quotas: QuotaBook
    private let feed: CommitFeed
    let authenticator: Authenticator
    private let metrics = CollectorMetrics()
    /// What a batch and an event may hold.
    package let limits: Limits

    /// - Parameter feed: Is told what has been committed.
    package init(
        registry: RegistryHolder, store: any EventStore, batchIDs: BatchIDSource, quotas: QuotaBook, limits: Limits,
        feed: CommitFeed = CommitFeed(), authenticator: Authenticator = Authenticator()
    ) {
        self.registry = registry
        self.store = store
        self.batchIDs = batchIDs
        self.quotas = quotas
        self.feed = feed
        self.limits = limits
        self.authenticator = authenticator
    }

    /// What batches that wait or are being committed take, in bytes.
    var heldBytes: Int { self.store.heldBytes }

    /// Who calls. Refuses whoever is unknown before any message of its call is read: nobody without a credential may hold
    /// memory.
    func admit(_ call: ServerCallContext) throws(GRPCStatus) -> Caller {
        try self.authenticator.admit(call, self.registry.snapshot)
    }

    /// Refuses whoever is unknown to the registry.
    package func admit(_ caller: Caller) throws(GRPCStatus) {
        try self.authenticator.admit(caller, self.registry.snapshot)
    }

    /// Takes one request.
    ///
    /// - Parameters:
    ///   - message: an encoded `docket.v1.PublishRequest`.
    ///   - caller: what the caller has shown. It is looked up anew for each batch, so that a revoked credential stops at once.
    ///   - decoder: the event loop's own.
    ///   - submitter: the call, for ``withdraw(_:)``.
    ///   - again: runs what it is given on the event loop, with the loop's decoder, later and from any thread: for a batch that
    ///     waits for event types to be noted. Without it such a batch is refused.
    ///   - encoded: called with the batch's size in memory, in bytes, before the store gets it; not when it is refused.
    ///   - answer: called exactly once, on any thread, perhaps before this returns; not when the answer is returned.
    /// - Returns: the refusal of a request that goes no further; `nil` when `answer` is called.
    package func publish(
        _ message: [UInt8], caller: Caller, decoder: BatchDecoder, by submitter: Submitter? = nil,
        again: (@Sendable (@escaping @Sendable (BatchDecoder) -> Void) -> Void)? = nil,
        encoded: @escaping @Sendable (_ sizeBytes: Int) -> Void = { _ in },
        answer: @escaping @Sendable (Answer) -> Void
    ) -> Answer? {
        self.metrics.received(bytes: message.count)
        let submission = Submission(
            message: message, caller: caller, submitter: submitter, encoded: encoded, answer: answer)
        return self.publish(submission, decoder: decoder, again: again)
    }

    /// A request on its way.
    private struct Submission: Sendable {
        let message: [UInt8]
        let caller: Caller
        let submitter: Submitter?
        let encoded: @Sendable (_ sizeBytes: Int) -> Void
        let answer: @Sendable (Answer) -> Void
    }

    /// - Parameters:
    ///   - metered: that the request has been taken into its tenant's quota already.
    ///   - again: how to try again when event types have been noted; that is done once.
    private func publish(
        _ submission: Submission, decoder: BatchDecoder, metered: MeteredBatch? = nil,
        again: (@Sendable (@escaping @Sendable (BatchDecoder) -> Void) -> Void)?
    ) -> Answer? {
        do throws(PublishRefusal) {
            switch try self.encode(submission.message, caller: submission.caller, decoder: decoder, metered: metered) {
            case .batch(let batch, let metered): self.submit(batch, metered, submission)
            case .unobserved(let types, let metered):
                let resume = { @Sendable (decoder: BatchDecoder) in
                    let refusal = self.publish(submission, decoder: decoder, metered: metered, again: nil)
                    guard let refusal else { return }
                    metered?.end()
                    submission.answer(refusal)
                }
                guard let again, self.registry.observe(types, resume: { again(resume) }) else {
                    metered?.end()
                    throw PublishRefusal.typesNotNoted
                }
            }
            return nil
        } catch {
            self.metrics.refused()
            let sequence = publishRequestSequence(
                in: submission.message, maxFields: self.limits.maxBatchEvents + PublishRequestView.maxOtherFields)
            return .refused(sequence: sequence, error)
        }
    }

    private func submit(_ batch: EncodedBatch, _ metered: MeteredBatch?, _ submission: Submission) {
        submission.encoded(batch.sizeBytes)
        let (metrics, feed, sequence, hash, answer) = (
            self.metrics, self.feed, batch.key.sequence, batch.contentHash, submission.answer
        )
        self.store.submit(batch, by: submission.submitter) { result in
            metered?.end()
            switch result {
            case .success(.committed(let verdict)):
                metrics.committed(verdict)
                feed.committed(batch, acceptedCount: verdict.acceptedCount)
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

    /// What has become of a request; `metered` where its tenant has a quota.
    private enum Encoding {
        case batch(EncodedBatch, metered: MeteredBatch?)
        /// It has events of types that must be noted first.
        case unobserved([ObservedEventType], metered: MeteredBatch?)
    }

    /// Decodes, authorizes, checks and encodes a request.
    private func encode(
        _ message: [UInt8], caller: Caller, decoder: BatchDecoder, metered: MeteredBatch?
    ) throws(PublishRefusal) -> Encoding {
        let rules = self.registry.rules
        let snapshot = rules.snapshot
        let principal = try self.authenticator.principal(of: caller, in: snapshot, at: .now)
        do {
            let request = try decoder.decode(message)
            let tenant = try snapshot.tenant(named: request.tenant, for: principal, scope: .publish)
            guard !rules.isProvisional, let batchID = self.batchIDs.next(now: .now) else {
                throw PublishRefusal.leaseLost
            }
            let metered = try metered ?? self.meter(request, of: tenant, bytes: message.count)
            let receivedAt = BatchID.receivedAt(of: batchID)
            var judge = EventJudge(
                tenant: tenant, snapshot: snapshot, validators: rules.validators,
                isExempt: principal.scopes.contains(.import), receivedAt: receivedAt)
            let batch = try decoder.encode(
                request,
                key: BatchKey(tenantID: tenant.id, producerID: request.producerID, sequence: request.sequence),
                batchID: batchID, receivedAt: receivedAt
            ) { judge.judge($0) }
            guard judge.typesToObserve.isEmpty else {
                let types = judge.typesToObserve.map { ObservedEventType(tenantID: tenant.id, name: $0) }
                return .unobserved(types, metered: metered)
            }
            self.metrics.judged(violations: judge.violationCount, clockFaults: judge.clockFaultCount)
            self.metrics.received(batch)
            return .batch(batch, metered: metered)
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

    /// Takes a request into its tenant's quota, if it has one.
    private func meter(
        _ request: PublishRequestView, of tenant: RegistryContents.Tenant, bytes: Int
    ) throws(PublishRefusal) -> MeteredBatch? {
        guard tenant.quota != .unlimited else { return nil }
        guard let refusal = self.quotas.admit(tenant, events: request.eventCount, bytes: bytes, at: .now) else {
            return MeteredBatch(self.quotas, tenantID: tenant.id)
        }
        self.metrics.overQuota(refusal.limit)
        throw .overQuota(refusal, tenant: tenant.slug)
    }
}
