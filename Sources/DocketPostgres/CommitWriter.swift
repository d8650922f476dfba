import DocketCodec
import DocketModel
import DocketStore
import Logging

/// Whom a writer tells what became of a batch.
typealias BatchCompletion = @Sendable (Result<StoreOutcome, StoreError>) -> Void

/// One writer: a connection, and the loop of a thread that commits one group after the other. While
/// a commit is under way the next group grows, so groups are as large as the load asks for, and no timer is needed.
///
/// Exactly once: the unique key of `docket.batches` commits with the events. Whatever goes wrong,
/// the group is sent again; if it was stored after all, the key says so, and the stored batch id tells whether by this
/// submission or by an earlier one.
final class CommitWriter {
    typealias Entry = BatchQueue<BatchCompletion>.Entry

    /// How often a group is sent again for each sort of reason before its batches are told to come back later.
    private static let maxAttempts = 6

    private let shared: WriterShared
    private var link: WriterLink

    init(shared: WriterShared) {
        self.shared = shared
        self.link = WriterLink(shared: shared)
    }

    /// Commits until the queue is closed and empty.
    func run() {
        while let group = self.shared.nextGroup() { self.commit(group) }
    }

    /// Commits a group; when this returns, each of its batches has been answered.
    private func commit(_ group: [Entry]) {
        let began = ContinuousClock.now
        var remaining = group
        var attempts = 0
        while !remaining.isEmpty {
            do throws(PostgresError) {
                try self.send(remaining.map(\.batch))
                self.shared.metrics.committed(remaining.map(\.batch), in: ContinuousClock.now - began)
                self.answer(remaining) { .success(.committed($0.verdict(durability: .committed))) }
                return
            } catch {
                attempts += 1
                remaining = self.resolve(error, remaining, attempts: attempts)
            }
        }
    }

    /// Sends a group as one transaction.
    private func send(_ batches: [EncodedBatch]) throws(PostgresError) {
        let (connection, fitness) = try self.link.connected()
        let sql = CommitStatement.commit(batches, segmentTable: fitness.segmentTable)
        if CommitStatement.hasTuples(batches) {
            try connection.copyIn(sql, chunks: CommitStatement.copyChunks(batches))
        } else {
            try connection.execute(sql)
        }
    }

    /// Does what an error asks for, and gives back the batches that are to be sent again.
    private func resolve(_ error: PostgresError, _ entries: [Entry], attempts: Int) -> [Entry] {
        self.shared.metrics.failed(error)
        let isLastAttempt = attempts >= Self.maxAttempts
        switch self.treatment(of: error) {
        case .lookUpKeys:
            return isLastAttempt ? self.giveUp(entries, error) : self.answerKnown(entries)
        case .isolate where entries.count > 1:
            return self.commitOneByOne(entries)
        case .isolate:
            self.shared.logger.warning("PostgreSQL refused a batch", metadata: ["error": "\(error)"])
            self.answer(entries) { batch in .failure(Self.refusal(of: batch, error)) }
            return []
        case .retry:
            return isLastAttempt ? self.giveUp(entries, error) : entries
        case .reconnect, .installation:
            self.link.disconnect()
            guard isLastAttempt || (attempts > 1 && self.treatment(of: error) == .installation) else { return entries }
            // A batch that makes the server crash must not take its neighbours along.
            let isLost = error.code == .connectionLost
            return isLost && entries.count > 1 ? self.commitOneByOne(entries) : self.giveUp(entries, error)
        case .unavailable:
            return self.giveUp(entries, error)
        }
    }

    private func treatment(of error: PostgresError) -> FailureTreatment {
        switch error.code {
        case .connectionLost: .reconnect
        case .statementFailed:
            error.sqlstate.map { FailureTreatment.of($0, constraint: error.constraint) } ?? .unavailable
        default: .unavailable
        }
    }

    private func commitOneByOne(_ entries: [Entry]) -> [Entry] {
        for entry in entries { self.commit([entry]) }
        return []
    }

    // MARK: Answers

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

    /// The answer to a batch with this key. A row with the batch's own id was stored by this very submission, whose
    /// answer was lost on the way.
    func outcome(for batch: EncodedBatch) -> Result<StoreOutcome, StoreError> {
        if self.batchID == batch.batchID { return .success(.committed(batch.verdict(durability: .committed))) }
        guard self.contentHash == batch.contentHash else {
            return .success(.conflict(storedContentHash: self.contentHash))
        }
        do throws(CodecError) {
            var verdict = try decodeVerdict(self.verdict)
            verdict.replayed = true
            return .success(.replayed(verdict))
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
