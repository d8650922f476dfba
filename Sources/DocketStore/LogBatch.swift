/// A batch that has its place in its tenant's log.
package struct LogBatch: Sendable, Equatable {
    package var tenantID: Int32
    package var logIndex: Int64
    package var batchID: Int64
    /// How many events of it were stored.
    package var acceptedCount: Int32

    package init(tenantID: Int32, logIndex: Int64, batchID: Int64, acceptedCount: Int32) {
        self.tenantID = tenantID
        self.logIndex = logIndex
        self.batchID = batchID
        self.acceptedCount = acceptedCount
    }
}

/// Says when logs have grown, by whichever collector's commits.
package protocol LogWatch: Sendable {
    /// Returns when a log has grown, as far as that is heard of, and at the latest after a fraction of a second.
    func growth() async throws(StoreError)

    /// Doesn't listen any more until ``growth()`` is called again: what is said meanwhile must not pile up.
    func rest() async
}
