internal import Metrics

/// What a client counts in its process's metrics backend (swift-metrics); docs/metrics.md lists it.
struct ClientMetrics: Sendable {
    let emitted = Counter(label: "docket_client_events_emitted_total")
    let committed = Counter(label: "docket_client_events_committed_total")
    let rejected = Counter(label: "docket_client_events_rejected_total")
    let acknowledgedBatches = Counter(label: "docket_client_batches_acknowledged_total")
    let lostStreams = Counter(label: "docket_client_streams_lost_total")
    let refusedBatches = Counter(label: "docket_client_batches_refused_total")
    let batchSeconds = Timer(label: "docket_client_batch_seconds", preferredDisplayUnit: .seconds)
    let queueBytes = Gauge(label: "docket_client_queue_bytes")
    private let dropped: [AuditClient.DropReason: Counter]

    init() {
        self.dropped = Dictionary(
            uniqueKeysWithValues: AuditClient.DropReason.allCases.map { reason in
                (
                    reason,
                    Counter(label: "docket_client_events_dropped_total", dimensions: [("reason", reason.rawValue)])
                )
            })
    }

    func dropped(_ reason: AuditClient.DropReason, _ count: Int = 1) {
        self.dropped[reason]?.increment(by: count)
    }
}
