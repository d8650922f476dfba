internal import DocketJournal
internal import DocketModel
internal import Logging
internal import Metrics
internal import NIOCore
internal import Synchronization

// The way of a batch: to the collector, or into the journal and from there.

extension AuditClient {
    /// Sends the batches that are ready, or puts them into the journal.
    func send(_ selection: EmitBuffer.Selection) {
        let (batches, heldBytes) = self.state.withLock { state in
            let batches = state.buffer.take(selection)
            state.flushes.sent(batches.lazy.map(\.sequence))
            let heldBytes = state.buffer.heldBytes
            state.journalling(batches.count { self.goesToJournal($0, heldBytes: heldBytes) })
            return (batches, heldBytes)
        }
        guard !batches.isEmpty else { return }
        self.metrics.queueBytes.record(heldBytes)
        for batch in batches {
            self.metrics.emitted.increment(by: batch.eventCount)
            if self.goesToJournal(batch, heldBytes: heldBytes) { self.keep(batch) } else { self.submit(batch) }
        }
    }

    private func goesToJournal(_ batch: SealedBatch, heldBytes: Int) -> Bool {
        batch.isDurable
            || (self.configuration.overflowPolicy == .journal && heldBytes > self.configuration.maxQueueBytes / 2)
    }

    private func submit(_ batch: SealedBatch) {
        // What may have to go into the journal goes as it is, not as it was compressed for the wire.
        let original = self.journal == nil ? nil : batch
        self.publisher.submit(batch.prepared(self.configuration.compression)) { batch, result in
            self.answered(original ?? batch, result)
        }
    }

    private func answered(_ batch: SealedBatch, _ result: Result<Verdict, ClientError>) {
        // What this process can't send any more, the next one can.
        if case .failure(let error) = result, error.code == .shutDown, self.journal != nil {
            self.state.withLock { $0.journalling(1) }
            return self.keep(batch, failing: result)
        }
        self.finish(batch, result, isInJournal: false)
    }

    private func finish(_ batch: SealedBatch, _ result: Result<Verdict, ClientError>, isInJournal: Bool) {
        let isOwn = batch.producerID == self.producerID
        self.tell(result, batch)
        let settlements = self.state.withLock {
            $0.answered(batch, result, isOwn: isOwn, isInJournal: isInJournal)
        }
        settlements.settle()
        if settlements.mustLog { self.logDropsSoon() }
        // Those who wait in a batch get their turn, and the collector hears of what was lost.
        self.send(.urgent)
        if case .success = result { self.reportDropsToCollector() }
    }

    /// Tells callbacks, metrics and the log, first of all, so that whoever waits for the answer finds everything told.
    private func tell(_ result: Result<Verdict, ClientError>, _ batch: SealedBatch) {
        switch result {
        case .success(let verdict):
            self.metrics.acknowledgedBatches.increment()
            self.metrics.committed.increment(by: max(0, batch.eventCount - verdict.rejections.count))
            self.metrics.rejected.increment(by: verdict.rejections.count)
            for rejection in verdict.rejections { self.configuration.onRejection?(rejection) }
        case .failure(let error):
            self.metrics.dropped(error.dropReason, batch.eventCount)
            // Those are many: the tally tells of them.
            guard error.code != .evicted else { return }
            self.configuration.logger.error(
                "a batch was given up", metadata: ["events": "\(batch.eventCount)", "error": "\(error)"])
        }
    }

    // MARK: The journal

    /// Puts a batch into the journal, from where it is sent later.
    ///
    /// - Parameter result: what becomes of a batch that can't be kept; `nil` to send it from memory.
    private func keep(_ batch: SealedBatch, failing result: Result<Verdict, ClientError>? = nil) {
        guard let journal = self.journal else { return }
        do throws(JournalError) {
            try journal.submit(.batch, batch.recordPayload, durably: batch.isDurable) { outcome in
                var failure: JournalError?
                if case .failure(let error) = outcome { failure = error }
                self.kept(batch, failure, failing: result)
            }
        } catch {
            self.kept(batch, error, failing: result)
        }
    }

    private func kept(
        _ batch: SealedBatch, _ journalError: JournalError?, failing result: Result<Verdict, ClientError>?
    ) {
        let error = journalError.map { ClientError($0) }
        let willRetry = error?.code == .queueFull && self.configuration.overflowPolicy == .wait
        let settlements = self.state.withLock { $0.journalled(batch, error, willRetry: willRetry) }
        if let error, !willRetry {
            if batch.isDurable { self.metrics.dropped(.journal, batch.eventCount) }
            self.configuration.logger.error(
                "the journal can't keep events", metadata: ["events": "\(batch.eventCount)", "error": "\(error)"])
        }
        settlements.settle()
        if error != nil, !batch.isDurable {
            if let result { self.finish(batch, result, isInJournal: false) } else { self.submit(batch) }
        }
        self.send(.urgent)
    }

    /// Begins to send what is in the journal.
    func startPump() {
        self.pump?.start { [weak self] batch, isOwn in
            if !isOwn { self?.state.withLock { $0.recovered(batch.eventCount) } }
        } answered: { [weak self] batch, result in
            self?.finish(batch, result, isInJournal: true)
        }
    }

    func closeJournal() async {
        guard let journal = self.journal else { return }
        do throws(JournalError) {
            try await journal.close()
        } catch {
            self.configuration.logger.error("the journal can't be closed", metadata: ["error": "\(error)"])
        }
    }

    // MARK: Numbered batches

    /// Publishes a batch under a number of the caller's own and returns its verdict: for processes that cut batches
    /// themselves, such as importers. Not to be mixed with ``emit(_:)`` on one client, which numbers batches itself.
    ///
    /// Cancelling the task ends the waiting at once; the batch may still be stored.
    ///
    /// - Parameter tenant: The tenant to write to; the configuration's otherwise.
    /// - Throws: ``ClientError`` when the batch was given up, or the task was cancelled.
    package func publish(
        _ events: [Event], sequence: Int64, tenant: String? = nil
    ) async throws(ClientError) -> Verdict {
        let batch = SealedBatch(
            events: events, tenant: tenant ?? self.configuration.tenant ?? "", producerID: self.producerID,
            sequence: sequence
        ).prepared(self.configuration.compression)
        let answer = OneAnswer<Result<Verdict, ClientError>>()
        let result = await withTaskCancellationHandler {
            if !Task.isCancelled { self.publisher.submit(batch) { _, result in answer.settle(result) } }
            return await answer.value()
        } onCancel: {
            answer.settle(.failure(.cancelled))
        }
        return try result.get()
    }
}
