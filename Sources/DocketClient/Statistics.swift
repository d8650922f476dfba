extension AuditClient {
    /// What became of the events that a client was given: at each moment
    /// `enqueuedCount + recoveredCount == committedCount + rejectedCount + droppedCount + queuedCount`.
    public struct Statistics: Sendable, Equatable {
        /// Events that were handed over, whatever became of them. An `emitDurably` that waits for room counts once it has got it.
        public internal(set) var enqueuedCount = 0
        /// Events of earlier processes that were read from the journal so far.
        public internal(set) var recoveredCount = 0
        /// Events that the collector has stored.
        public internal(set) var committedCount = 0
        /// Events that the collector has put into quarantine.
        public internal(set) var rejectedCount = 0
        /// Events that were lost, by reason.
        public internal(set) var droppedCounts: [DropReason: Int] = [:]
        /// Events that wait for an answer: in memory or, once they were read or written by this process, in the journal.
        public internal(set) var queuedCount = 0
        /// How many of those are in the journal.
        public internal(set) var journalledCount = 0
        /// What is held in memory, in bytes.
        public internal(set) var queuedBytes = 0
        /// What the journal's files take, in bytes; 0 without a journal.
        public internal(set) var journalBytes = 0
        /// Batches that the collector has stored.
        public internal(set) var acknowledgedBatchCount = 0

        /// Events that were lost, for whatever reason.
        public var droppedCount: Int { self.droppedCounts.values.reduce(0, +) }
    }
}
