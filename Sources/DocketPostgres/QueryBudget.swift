/// The time that a query may take altogether, however many statements it consists of.
struct QueryBudget {
    /// The whole of it.
    let milliseconds: Int
    private let start: ContinuousClock.Instant
    private let cancellation: WorkCancellation?

    /// - Parameter cancellation: ends the time at once when the query is cancelled.
    init(milliseconds: Int, start: ContinuousClock.Instant = .now, cancellation: WorkCancellation? = nil) {
        self.milliseconds = milliseconds
        self.start = start
        self.cancellation = cancellation
    }

    /// What the next statement may take: at least one millisecond, since 0 means no limit to PostgreSQL.
    ///
    /// - Throws: What the server answers to a statement that takes too long or is cancelled, when nothing is left.
    func leftMilliseconds(at now: ContinuousClock.Instant = .now) throws(PostgresError) -> Int {
        guard self.cancellation?.isCancelled != true else { throw ConnectionPool.unwanted }
        let elapsed = (now - self.start) / .milliseconds(1)
        guard elapsed < Double(self.milliseconds) else {
            throw PostgresError(
                code: .statementFailed, message: "the query's \(self.milliseconds) ms are over",
                sqlstate: .queryCanceled)
        }
        return max(1, self.milliseconds - Int(elapsed))
    }
}
