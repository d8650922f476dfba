import CoreMetrics

/// What the leader counts; a collector that doesn't lead counts nothing.
struct MaintenanceMetrics: Sendable {
    private let appended = Counter(label: "docket_log_batches_appended_total")
    private let lag = Timer(label: "docket_log_append_lag_seconds")
    private let rotations = Counter(label: "docket_segment_rotations_total")
    private let unsummarized = Gauge(label: "docket_hot_segment_unsummarized_bytes")
    private let unsealed = Gauge(label: "docket_segments_unsealed")
    private let pressure = Gauge(label: "docket_store_pressure")
    private let pruned = Counter(label: "docket_batches_pruned_total")
    private let removed = Counter(label: "docket_retention_events_removed_total")

    /// Batches were given their log index; the oldest was received so long ago.
    func appended(_ count: Int64, lagMilliseconds: Int64) {
        self.appended.increment(by: count)
        self.lag.recordMilliseconds(max(0, lagMilliseconds))
    }

    /// Another segment is hot now.
    func rotated() { self.rotations.increment() }

    /// So many bytes of the hot segment are read by every query that needs it, since its index knows nothing of them yet.
    func unsummarized(bytes: Int64) { self.unsummarized.record(bytes) }

    /// So many segments wait for being sealed, and writers hold back so much.
    func backlog(unsealed: Int, pressure: Double) {
        self.unsealed.record(unsealed)
        self.pressure.record(pressure)
    }

    /// A step of a segment's life took so long.
    func stepped(_ step: SegmentStep, in duration: Duration) {
        let (seconds, attoseconds) = duration.components
        Timer(label: "docket_segment_step_seconds", dimensions: [("step", step.name)])
            .recordNanoseconds(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }

    /// So many batches are older than the replay window, and forgotten.
    func pruned(_ batches: Int64) { self.pruned.increment(by: batches) }

    /// Retention removed so many events.
    func removed(events: Int64) { self.removed.increment(by: events) }
}
