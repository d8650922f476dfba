package import DocketCodec
package import DocketModel
internal import Synchronization

/// Whom a store tells what became of a batch.
package typealias BatchCompletion = @Sendable (Result<StoreOutcome, StoreError>) -> Void

/// Where encoded batches go: PostgreSQL, or one of the stores that need no server.
///
/// A batch is stored whole or not at all, and exactly once for its key (tenant, producer, sequence), however often it
/// is submitted.
package protocol EventStore: Sendable {
    /// Hands a batch over. Never blocks; `completion` is called exactly once, on any thread, perhaps before this
    /// returns.
    ///
    /// - Parameter submitter: On whose behalf, for ``withdraw(_:)``; `nil` when the batch is never withdrawn.
    func submit(_ batch: EncodedBatch, by submitter: Submitter?, completion: @escaping BatchCompletion)

    /// Takes the batches of a submitter back whose commit has not begun: they are answered as `withdrawn` and not stored. Those
    /// whose commit has begun are stored or not, as if nobody had asked. So it is when its deadline passes.
    func withdraw(_ submitter: Submitter)

    /// What batches that wait or are being committed take, in bytes: how busy the store is.
    var heldBytes: Int { get }
}

extension EventStore {
    /// Hands a batch over that is never withdrawn.
    package func submit(_ batch: EncodedBatch, completion: @escaping BatchCompletion) {
        self.submit(batch, by: nil, completion: completion)
    }
}

/// On whose behalf batches are submitted, such as a call; told from others by its identity.
package final class Submitter: Sendable {
    private let deadline: ContinuousClock.Instant?
    private let hasLeft = Atomic(false)

    /// - Parameter deadline: Until when it waits.
    package init(deadline: ContinuousClock.Instant? = nil) { self.deadline = deadline }

    /// Whether it still waits for its batches, at a time that is now.
    package func isWaiting(at now: ContinuousClock.Instant) -> Bool {
        !self.hasLeft.load(ordering: .relaxed) && self.deadline.map { now < $0 } ?? true
    }

    /// Takes note that it waits no longer.
    package func leave() { self.hasLeft.store(true, ordering: .relaxed) }
}

/// What a store did with a batch.
package enum StoreOutcome: Sendable, Equatable {
    /// The batch is durable, by this submission.
    case committed(Verdict)
    /// The same batch was durable before; the verdict is the stored one, and `replayed` is set in it.
    case replayed(Verdict)
    /// The key is taken by a batch with other content. Nothing was stored.
    case conflict(storedContentHash: [UInt8])
}

/// Why a store did not do what it was asked.
package struct StoreError: Error, Sendable, CustomStringConvertible {
    /// The sort of failure, which decides what the caller tells its peer.
    package enum Code: String, Sendable, CaseIterable {
        /// The queue is full. Nothing was stored; the same batch may be sent again later.
        case overloaded
        /// The store can't be reached or can't write now, be it for a fault of its installation, such as a missing
        /// privilege, which the log names. Whether the batch is durable may be unknown: sending the same batch again
        /// gives the right answer.
        case unavailable
        /// What was asked can't be done, and asking again will not help: the database refuses this batch or this query.
        case refused
        /// The store is being shut down and takes no more.
        case shuttingDown
        /// Whoever submitted the batch took it back before its commit had begun. Nothing was stored.
        case withdrawn
        /// A fault of Docket's own: what was stored can't be read back.
        case `internal`
    }

    package let code: Code
    /// Names the value, its limit and the remedy. Never holds a password or an event's content.
    package let message: String
    /// When trying again makes sense, in milliseconds; `nil` when nothing is known.
    package let retryAfterMilliseconds: Int?
    /// The error underneath.
    package let cause: (any Error)?

    package init(code: Code, message: String, retryAfterMilliseconds: Int? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.cause = cause
    }

    package var description: String { "\(self.code.rawValue): \(self.message)" }
}
