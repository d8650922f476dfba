import CoreMetrics
import DocketCodec
import DocketStore

/// What a store counts. Names and units are those of `/metrics`; times are recorded in nanoseconds, as swift-metrics
/// wants them, under names that end in `_seconds`.
struct StoreMetrics: Sendable {
    private let groups = Counter(label: "docket_commit_groups_total")
    private let groupEvents = Recorder(label: "docket_commit_group_events")
    private let groupBatches = Recorder(label: "docket_commit_group_batches")
    private let seconds = Timer(label: "docket_commit_seconds")
    private let events = Counter(label: "docket_committed_events_total")
    private let refusedEvents = Counter(label: "docket_store_refused_events_total")
    private let heldBatches = Gauge(label: "docket_commit_queue_batches")
    private let heldBytes = Gauge(label: "docket_commit_queue_bytes")
    private let committed = Counter(label: "docket_store_batches_total", dimensions: [("outcome", "committed")])
    private let replayed = Counter(label: "docket_store_batches_total", dimensions: [("outcome", "replayed")])
    private let conflict = Counter(label: "docket_store_batches_total", dimensions: [("outcome", "conflict")])
    private let failed: [StoreError.Code: Counter] = Dictionary(
        uniqueKeysWithValues: StoreError.Code.allCases.map { code in
            (code, Counter(label: "docket_store_batches_total", dimensions: [("outcome", code.rawValue)]))
        })

    /// A group was committed.
    func committed(_ batches: [EncodedBatch], in duration: Duration) {
        let events = batches.reduce(0) { $0 + $1.acceptedCount }
        self.groups.increment()
        self.groupEvents.record(events)
        self.groupBatches.record(batches.count)
        self.events.increment(by: events)
        let (seconds, attoseconds) = duration.components
        self.seconds.recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    /// A group was answered with an error, or not at all. Each code is a series of its own: there are few.
    func failed(_ error: PostgresError) {
        let code = error.sqlstate?.text ?? error.code.rawValue
        Counter(label: "docket_commit_failures_total", dimensions: [("code", code)]).increment()
    }

    /// PostgreSQL refused so many events of a batch that was stored.
    func refused(events: Int) { self.refusedEvents.increment(by: events) }

    /// A batch was answered.
    func answered(_ result: Result<StoreOutcome, StoreError>) {
        switch result {
        case .success(.committed): self.committed.increment()
        case .success(.replayed): self.replayed.increment()
        case .success(.conflict): self.conflict.increment()
        case .failure(let error): self.failed[error.code]?.increment()
        }
    }

    /// So much is held for the writers.
    func held(_ load: BatchQueue.Load) {
        self.heldBatches.record(load.batches)
        self.heldBytes.record(load.bytes)
    }
}
