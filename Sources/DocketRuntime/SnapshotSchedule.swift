package import DocketModel

/// When a registry is written to disk: a pure value that is fed with changes, looks and outcomes.
///
/// A change is written at once, but a second after the last attempt at the earliest, so that a storm of changes costs one file a
/// second. A registry that stays as it is gets written anew from time to time as well, since its age counts from when the database has
/// last confirmed it.
package struct SnapshotSchedule: Sendable, Equatable {
    /// What is worth a line in the log: the first failure of an episode, and its end.
    package enum Report: Sendable, Equatable {
        case failing
        case recovered
    }

    /// The least time from one attempt to the next.
    package static let minInterval = Duration.seconds(1)
    /// The same, while attempts fail.
    package static let retryInterval = Duration.seconds(10)

    private let confirmMicroseconds: Int64
    private var isPending = false
    private var attemptedAt: ContinuousClock.Instant?
    /// Of the registry on disk.
    private var confirmedAt: Timestamp?
    private var isFailing = false

    /// - Parameter maxAgeSeconds: how old a registry may be to be used: it is confirmed ten times before that, and every ten minutes.
    package init(maxAgeSeconds: Int) {
        self.confirmMicroseconds = min(600_000_000, Int64(maxAgeSeconds) * 100_000)
    }

    /// Takes note of another registry.
    package mutating func changed() { self.isPending = true }

    /// Whether the registry is to be written now. Then ``ended(isWritten:confirmedAt:)`` says what became of it.
    ///
    /// - Parameters:
    ///   - confirmedAt: when the database has last confirmed it.
    ///   - isLast: whether there will be no other look: the newest registry and the newest time are worth an attempt.
    package mutating func isDue(
        confirmedAt: Timestamp, at now: ContinuousClock.Instant, isLast: Bool = false
    ) -> Bool {
        let oldMicroseconds = isLast ? 1 : self.confirmMicroseconds
        let isOld =
            self.confirmedAt.map {
                confirmedAt.microsecondsSinceEpoch - $0.microsecondsSinceEpoch >= oldMicroseconds
            } ?? true
        let interval = self.isFailing ? Self.retryInterval : Self.minInterval
        let mayTry = isLast || self.attemptedAt.map { now - $0 >= interval } ?? true
        guard self.isPending || isOld, mayTry else { return false }
        self.isPending = false
        self.attemptedAt = now
        return true
    }

    /// Takes note of an attempt's outcome.
    package mutating func ended(isWritten: Bool, confirmedAt: Timestamp) -> Report? {
        if isWritten { self.confirmedAt = confirmedAt } else { self.isPending = true }
        defer { self.isFailing = !isWritten }
        guard self.isFailing == isWritten else { return nil }
        return isWritten ? .recovered : .failing
    }
}
