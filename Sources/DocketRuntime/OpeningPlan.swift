/// What a collector does about a database that it can't open: a pure value that is fed with failed attempts.
package struct OpeningPlan: Sendable, Equatable {
    /// What to do after a failed attempt.
    package enum Action: Sendable, Equatable {
        /// End with the error of the attempt.
        case end
        /// Serve by the registry on disk, and try again after that time.
        case wait(Duration)
    }

    /// The pause after the first attempt; it doubles with each.
    package static let firstPause = Duration.milliseconds(250)
    /// The longest pause.
    package static let longestPause = Duration.seconds(2)

    private var pause = Self.firstPause

    package init() {}

    /// Takes note of a failed attempt.
    ///
    /// - Parameters:
    ///   - isAbsence: whether the database is merely away: anything else, waiting doesn't mend.
    ///   - hasSnapshot: whether there is a registry on disk that may be served by now.
    package mutating func failed(isAbsence: Bool, hasSnapshot: Bool) -> Action {
        guard isAbsence, hasSnapshot else { return .end }
        defer { self.pause = min(self.pause * 2, Self.longestPause) }
        return .wait(self.pause)
    }
}
