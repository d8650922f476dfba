internal import CDocketClient
internal import DocketClient

extension docket_receipt {
    init(_ receipt: Receipt) {
        self.init()
        self.durability = receipt.durability.rawValue
        self.batch_id = receipt.batchID
        self.received_at_us = receipt.receivedAt.microsecondsSinceEpoch
        unsafe withUnsafeMutableBytes(of: &self.root) { unsafe $0.copyBytes(from: receipt.root.prefix($0.count)) }
        unsafe withUnsafeMutableBytes(of: &self.content_hash) {
            unsafe $0.copyBytes(from: receipt.contentHash.prefix($0.count))
        }
    }
}

extension docket_stats {
    init(_ statistics: AuditClient.Statistics) {
        func dropped(_ reason: AuditClient.DropReason) -> Int64 { Int64(statistics.droppedCounts[reason, default: 0]) }
        self.init()
        self.enqueued = Int64(statistics.enqueuedCount)
        self.recovered = Int64(statistics.recoveredCount)
        self.committed = Int64(statistics.committedCount)
        self.rejected = Int64(statistics.rejectedCount)
        self.dropped = Int64(statistics.droppedCount)
        self.queued = Int64(statistics.queuedCount)
        self.journalled = Int64(statistics.journalledCount)
        self.queued_bytes = Int64(statistics.queuedBytes)
        self.journal_bytes = Int64(statistics.journalBytes)
        self.acknowledged_batches = Int64(statistics.acknowledgedBatchCount)
        self.dropped_queue_full = dropped(.queueFull)
        self.dropped_evicted = dropped(.evicted)
        self.dropped_too_large = dropped(.tooLarge)
        self.dropped_refused = dropped(.refused)
        self.dropped_journal = dropped(.journal)
        self.dropped_shut_down = dropped(.shutDown)
        self.dropped_unanswered = dropped(.unanswered)
    }
}
