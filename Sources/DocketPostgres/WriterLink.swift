import Logging

/// A writer's connection: made when it is needed, made anew with growing pauses when it was lost.
struct WriterLink {
    /// The longest pause between two attempts to connect.
    private static let longestPause: Duration = .seconds(2)
    private static let firstPause: Duration = .milliseconds(50)

    private let shared: WriterShared
    private var current: (connection: PostgresConnection, fitness: WriterFitness)?
    /// Since when no connection could be made.
    private var awaySince: ContinuousClock.Instant?
    private var pause = WriterLink.firstPause
    /// Before this, no further attempt is made.
    private var nextAttempt: ContinuousClock.Instant?

    init(shared: WriterShared) { self.shared = shared }

    /// A connection that has passed the checks. Waits for one as long as the configuration's `unavailableAfter` allows,
    /// counted from the beginning of the outage; during a longer outage, and while the store is being drained, one
    /// attempt is all that a group gets.
    mutating func connected() throws(PostgresError) -> (connection: PostgresConnection, fitness: WriterFitness) {
        if let current = self.current, current.connection.isAlive { return current }
        self.current = nil
        while true {
            self.waitForNextAttempt()
            do throws(PostgresError) {
                let connection = try PostgresConnection(self.shared.settings)
                let made = (connection, try WriterFitness(checking: connection))
                self.recovered()
                self.current = made
                return made
            } catch {
                guard self.shouldTryAgain(after: error) else { throw error }
            }
        }
    }

    /// The connection, when there is one that nothing runs on.
    var idleConnection: PostgresConnection? {
        guard let connection = self.current?.connection, connection.isAlive, connection.isIdle else { return nil }
        return connection
    }

    /// Lets the connection go: the next group gets a new one, with all checks.
    mutating func disconnect() { self.current = nil }

    /// Makes all checks anew on the same connection, or lets it go when it fails them. True when another segment is hot
    /// now.
    mutating func recheck() -> Bool {
        guard let connection = self.idleConnection, let before = self.current?.fitness.segment,
            let fitness = try? WriterFitness(checking: connection)
        else {
            self.disconnect()
            return false
        }
        self.current = (connection, fitness)
        return fitness.segment != before
    }

    private mutating func waitForNextAttempt() {
        guard let nextAttempt = self.nextAttempt else { return }
        let left = nextAttempt - ContinuousClock.now
        if left > .zero { self.shared.pause(for: left) }
    }

    private mutating func recovered() {
        if let since = self.awaySince {
            self.shared.logger.notice(
                "PostgreSQL is back", metadata: ["away": "\(ContinuousClock.now - since)"])
        }
        self.awaySince = nil
        self.nextAttempt = nil
        self.pause = Self.firstPause
    }

    /// Takes note of a failed attempt, and says whether the group may wait for another one.
    private mutating func shouldTryAgain(after error: PostgresError) -> Bool {
        let now = ContinuousClock.now
        if self.awaySince == nil {
            self.awaySince = now
            self.shared.logger.warning("PostgreSQL can't be written to", metadata: ["error": "\(error)"])
        }
        // Half to all of the pause, so that many collectors don't come back in step.
        self.nextAttempt = now + self.pause * Double.random(in: 0.5...1)
        self.pause = min(self.pause * 2, Self.longestPause)
        let limit = self.shared.configuration.unavailableAfter
        return !self.shared.isDraining && now - (self.awaySince ?? now) < limit
    }
}
