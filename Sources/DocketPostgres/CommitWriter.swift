import DocketCodec
import DocketModel
import DocketStore
import Logging

/// One writer: a connection, and the loop of a thread that commits one group after the other. While
/// a commit is under way the next group grows, so groups are as large as the load asks for, and no timer is needed.
///
/// Exactly once: the unique key of `docket.batches` commits with the events. Whatever goes wrong,
/// the group is sent again; if it was stored after all, the key says so, and the stored batch id tells whether by this
/// submission or by an earlier one.
final class CommitWriter {
    typealias Entry = BatchQueue.Entry

    /// How often a group is sent again for each sort of reason before its batches are told to come back later.
    private static let maxAttempts = 6

    private let shared: WriterShared
    private let takesHeavy: Bool
    private var link: WriterLink
    private var pace = WriterPace()

    /// - Parameter takesHeavy: whether it takes heavy batches as well as light ones.
    init(shared: WriterShared, takesHeavy: Bool) {
        self.shared = shared
        self.takesHeavy = takesHeavy
        self.link = WriterLink(shared: shared)
    }

    /// Commits until the queue is closed and empty.
    func run() {
        while let group = self.shared.nextGroup(takesHeavy: self.takesHeavy) {
            self.pace.wait(self.shared, &self.link)
            let began = ContinuousClock.now
            self.commit(group)
            self.pace.committed(in: ContinuousClock.now - began)
        }
    }

    /// Commits a group; when this returns, each of its batches has been answered.
    private func commit(_ group: [Entry]) {
        let began = ContinuousClock.now
        var remaining = group
        var attempts = 0
        while !remaining.isEmpty {
            do throws(PostgresError) {
                let (connection, fitness) = try self.link.connected()
                // Nothing is between this and the beginning of the commit.
                remaining = self.answerWithdrawn(remaining)
                guard !remaining.isEmpty else { return }
                let script = CommitStatement.commit(remaining.map(\.batch), segment: fitness.segment)
                try connection.copyIn(script.sql, streams: script.streams)
                self.shared.metrics.committed(remaining.map(\.batch), in: ContinuousClock.now - began)
                self.answer(remaining) { .success(.committed($0.verdict(durability: .committed))) }
                return
            } catch {
                attempts += 1
                remaining = self.resolve(error, remaining, attempts: attempts)
            }
        }
    }

    /// Does what an error asks for, and gives back the batches that are to be sent again.
    private func resolve(_ error: PostgresError, _ entries: [Entry], attempts: Int) -> [Entry] {
        self.shared.metrics.failed(error)
        let isLastAttempt = attempts >= Self.maxAttempts
        let treatment = FailureTreatment.of(error)
        self.shared.logger.debug(
            "a commit group failed",
            metadata: [
                "code": "\(error.sqlstate?.text ?? error.code.rawValue)", "treatment": "\(treatment)",
                "batches": "\(entries.count)", "attempt": "\(attempts)",
            ])
        switch treatment {
        case .lookUpKeys:
            return isLastAttempt ? self.giveUp(entries, error) : self.answerKnown(entries)
        case .belowFloor:
            return isLastAttempt ? self.giveUp(entries, error) : self.answerBelowFloor(self.answerKnown(entries))
        case .isolate where entries.count > 1:
            return self.commitInHalves(entries)
        case .isolate:
            return entries.flatMap { self.commitWithoutRefused($0, attempts: attempts) }
        case .retry:
            return isLastAttempt ? self.giveUp(entries, error) : entries
        case .installation:
            // Most often the hot segment has changed; then there is one more attempt for each change.
            guard !isLastAttempt, self.link.recheck() || attempts == 1 else { return self.giveUp(entries, error) }
            return entries
        case .reconnect:
            self.link.disconnect()
            guard isLastAttempt else { return entries }
            // A batch that makes the server crash must not take its neighbours along.
            let isLost = error.code == .connectionLost
            return isLost && entries.count > 1 ? self.commitInHalves(entries) : self.giveUp(entries, error)
        case .unavailable:
            return self.giveUp(entries, error)
        }
    }

    private func commitInHalves(_ entries: [Entry]) -> [Entry] {
        let middle = entries.count / 2
        self.commit(Array(entries[..<middle]))
        self.commit(Array(entries[middle...]))
        return []
    }

    /// Commits a batch of which PostgreSQL refuses at least one row: the refused rows go into quarantine.
    private func commitWithoutRefused(_ entry: Entry, attempts: Int) -> [Entry] {
        do throws(PostgresError) {
            let (connection, fitness) = try self.link.connected()
            let stored = try PoisonTrial(connection: connection, segment: fitness.segment).commit(entry.batch)
            let refused = stored.rejections.count - entry.batch.rejections.count
            self.shared.logger.warning(
                "PostgreSQL refused events, which are in quarantine now",
                metadata: ["events": "\(refused)", "batch_id": "\(stored.batchID)"])
            self.shared.metrics.refused(events: refused)
            self.answer([entry]) { _ in .success(.committed(stored.verdict(durability: .committed))) }
            return []
        } catch {
            // No event by itself was at fault, so there is nothing that could be left out.
            guard FailureTreatment.of(error) == .isolate else {
                return self.resolve(error, [entry], attempts: attempts)
            }
            self.shared.logger.warning(
                "PostgreSQL refused a batch", metadata: ["code": "\(error.sqlstate?.text ?? "")"])
            self.answer([entry]) { batch in .failure(Self.refusal(of: batch, error)) }
            return []
        }
    }

    // MARK: Answers

    /// Answers the batches that nobody waits for any more, and gives back the others.
    private func answerWithdrawn(_ entries: [Entry]) -> [Entry] {
        let now = ContinuousClock.now
        var (waiting, withdrawn): ([Entry], [Entry]) = ([], [])
        // Each is asked once: it may be withdrawn at any time.
        for entry in entries {
            if entry.submitter?.isWaiting(at: now) ?? true { waiting.append(entry) } else { withdrawn.append(entry) }
        }
        if !withdrawn.isEmpty { self.answer(withdrawn) { _ in .failure(.withdrawn) } }
        return waiting
    }

    /// Answers the batches whose key is stored, and gives back the others. When the look-up fails too, nothing is lost:
    /// the group is sent again, and runs into the same key.
    private func answerKnown(_ entries: [Entry]) -> [Entry] {
        let stored: [BatchKey: StoredBatch]
        do throws(PostgresError) {
            stored = try StoredBatch.read(entries.map(\.batch), from: self.link.connected().connection)
        } catch {
            self.shared.logger.debug("stored batches can't be looked up", metadata: ["error": "\(error)"])
            return entries
        }
        let known = entries.filter { stored[$0.batch.key] != nil }
        self.answer(known) { batch in
            guard let found = stored[batch.key] else { preconditionFailure("only known batches are answered here") }
            return found.outcome(for: batch)
        }
        return entries.filter { stored[$0.batch.key] == nil }
    }

    /// Refuses the batches that are not above their producer's floor, and gives back the others.
    private func answerBelowFloor(_ entries: [Entry]) -> [Entry] {
        guard !entries.isEmpty else { return [] }
        let floors: [ProducerFloor.Producer: Int64]
        do throws(PostgresError) {
            floors = try ProducerFloor.read(entries.map(\.batch), from: self.link.connected().connection)
        } catch {
            self.shared.logger.debug("floors can't be looked up", metadata: ["error": "\(error)"])
            return entries
        }
        func floor(of batch: EncodedBatch) -> Int64? {
            floors[ProducerFloor.Producer(batch.key)].flatMap { batch.key.sequence <= $0 ? $0 : nil }
        }
        self.answer(entries.filter { floor(of: $0.batch) != nil }) { batch in
            .failure(ProducerFloor.refusal(of: batch, floor: floor(of: batch) ?? 0))
        }
        return entries.filter { floor(of: $0.batch) == nil }
    }

    private func giveUp(_ entries: [Entry], _ error: PostgresError) -> [Entry] {
        self.shared.logger.error(
            "a commit group could not be stored",
            metadata: ["batches": "\(entries.count)", "error": "\(error)", "code": "\(error.code)"])
        self.answer(entries) { _ in
            .failure(
                StoreError(
                    code: .unavailable, message: "PostgreSQL can't store the batch now: \(error)",
                    retryAfterMilliseconds: 1000, cause: error))
        }
        return []
    }

    private static func refusal(of batch: EncodedBatch, _ error: PostgresError) -> StoreError {
        StoreError(
            code: .refused,
            message: "PostgreSQL refused the batch with sequence \(batch.key.sequence) because of a row: \(error); "
                + "nothing of it was stored",
            cause: error)
    }

    private func answer(_ entries: [Entry], _ result: (EncodedBatch) -> Result<StoreOutcome, StoreError>) {
        let results = entries.map { result($0.batch) }
        self.shared.finish(entries)
        for (entry, result) in zip(entries, results) {
            self.shared.metrics.answered(result)
            entry.completion(result)
        }
    }
}
