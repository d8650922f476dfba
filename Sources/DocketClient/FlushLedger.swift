/// Knows which batches are unanswered and who waits for them: a pure value, kept behind the client's lock. Answers are
/// given by the caller, after unlocking.
struct FlushLedger: Sendable {
    typealias Answer = OneAnswer<Result<Void, ClientError>>

    /// An answer that is to be given.
    struct Settlement: Sendable {
        let answer: Answer
        let result: Result<Void, ClientError>

        func settle() { self.answer.settle(self.result) }
    }

    private struct Waiter: Sendable {
        /// The waiter is content once every batch below this number is answered.
        let endSequence: Int64
        let answer: Answer
        /// The first failure among its batches, and those before them that no flush has told of.
        var failure: ClientError?
    }

    private var unanswered: Set<Int64> = []
    private var waiters: [UInt64: Waiter] = [:]
    private var nextNumber: UInt64 = 0
    /// A failure that came while nobody waited.
    private var failure: ClientError?

    /// Takes note of batches that are on their way.
    mutating func sent(_ sequences: some Sequence<Int64>) { self.unanswered.formUnion(sequences) }

    /// Begins a flush of every batch below `endSequence`. The answer is there at once when none is unanswered.
    mutating func begin(endSequence: Int64) -> (number: UInt64, answer: Answer) {
        // Flushes that overlap all tell of a failure that came before them.
        let failure = self.failure ?? self.waiters.values.lazy.compactMap(\.failure).first
        self.failure = nil
        self.nextNumber += 1
        let answer = Answer()
        let waiter = Waiter(endSequence: endSequence, answer: answer, failure: failure)
        if self.isContent(waiter) {
            answer.settle(Self.result(of: waiter))
        } else {
            self.waiters[self.nextNumber] = waiter
        }
        return (self.nextNumber, answer)
    }

    /// Ends a flush before its time: it has waited long enough, or was cancelled. `nil` when it had its answer.
    mutating func end(_ number: UInt64, _ error: ClientError) -> Settlement? {
        guard let waiter = self.waiters.removeValue(forKey: number) else { return nil }
        // The next flush tells of what this one no longer will.
        self.failure = self.failure ?? waiter.failure
        return Settlement(answer: waiter.answer, result: .failure(error))
    }

    /// Ends all flushes before their time.
    mutating func endAll(_ error: ClientError) -> [Settlement] {
        defer { self.waiters = [:] }
        return self.waiters.values.map { Settlement(answer: $0.answer, result: .failure($0.failure ?? error)) }
    }

    /// A batch is done. Returns what is to be told to whom.
    mutating func answered(_ sequence: Int64, failure: ClientError?) -> [Settlement] {
        self.unanswered.remove(sequence)
        if let failure {
            let concerned = self.waiters.filter { $0.value.endSequence > sequence }.keys
            for key in concerned where self.waiters[key]?.failure == nil { self.waiters[key]?.failure = failure }
            if concerned.isEmpty { self.failure = self.failure ?? failure }
        }
        let content = self.waiters.filter { self.isContent($0.value) }
        for key in content.keys { self.waiters[key] = nil }
        return content.values.map { Settlement(answer: $0.answer, result: Self.result(of: $0)) }
    }

    private func isContent(_ waiter: Waiter) -> Bool {
        !self.unanswered.contains { $0 < waiter.endSequence }
    }

    private static func result(of waiter: Waiter) -> Result<Void, ClientError> {
        waiter.failure.map { .failure($0) } ?? .success(())
    }
}
