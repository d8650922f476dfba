extension PublishMachine {
    /// How an attempt is followed by the next.
    package struct RetryPolicy: Sendable, Equatable {
        /// The pause after the first failure.
        package var initialBackoffMilliseconds: Int64 = 50
        /// The longest pause.
        package var maxBackoffMilliseconds: Int64 = 10_000
        /// How often a batch that must not wait for ever is tried in all; `nil` for no bound.
        package var maxAttempts: Int?
        /// How often a batch is tried that the collector refuses by a fault of its own: the batch may be what trips it.
        package var maxDoubtfulAttempts = 5

        package init() {}

        /// The pause before attempt number `attempt` (the first retry is 1): exponential, with full jitter over its
        /// upper half.
        func backoffNanoseconds(attempt: Int, jitter: Double) -> Int64 {
            let exponent = min(max(attempt - 1, 0), 20)
            let full = min(self.initialBackoffMilliseconds << Int64(exponent), self.maxBackoffMilliseconds)
            return Int64(Double(full) * 1_000_000 * (0.5 + 0.5 * jitter))
        }
    }
}
