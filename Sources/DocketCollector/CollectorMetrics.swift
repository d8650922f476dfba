internal import DocketCodec
internal import DocketModel
internal import DocketRegistry
internal import Metrics

/// What the collector counts about publishing. `docs/metrics.md` lists every series.
struct CollectorMetrics: Sendable {
    private let batchesCommitted = Counter(label: "docket_batches_total", dimensions: [("result", "committed")])
    private let batchesReplayed = Counter(label: "docket_batches_total", dimensions: [("result", "replayed")])
    private let batchesRefused = Counter(label: "docket_batches_total", dimensions: [("result", "refused")])
    private let eventsAccepted = Counter(label: "docket_events_total", dimensions: [("result", "accepted")])
    private let eventsRejected = Counter(label: "docket_events_total", dimensions: [("result", "rejected")])
    private let definitionsBroken = Counter(label: "docket_definition_violations_total")
    private let clockFaults = Counter(label: "docket_clock_violations_total")
    private let secondsAhead = Timer(label: "docket_clock_skew_seconds", dimensions: [("direction", "ahead")])
    private let secondsBehind = Timer(label: "docket_clock_skew_seconds", dimensions: [("direction", "behind")])
    private let quotaRefusals: [TenantQuota.Limit: Counter]
    private let bytesReceived = Counter(label: "docket_received_bytes_total")
    private let rejections: [RejectionCode: Counter]

    init() {
        self.quotaRefusals = Dictionary(
            uniqueKeysWithValues: TenantQuota.Limit.allCases.map { limit in
                (limit, Counter(label: "docket_quota_refusals_total", dimensions: [("limit", limit.rawValue)]))
            })
        self.rejections = Dictionary(
            uniqueKeysWithValues: RejectionCode.allCases.map { code in
                (code, Counter(label: "docket_rejections_total", dimensions: [("code", code.name)]))
            })
    }

    func received(bytes: Int) { self.bytesReceived.increment(by: bytes) }

    func committed(_ verdict: Verdict) {
        self.batchesCommitted.increment()
        self.eventsAccepted.increment(by: verdict.acceptedCount)
        guard !verdict.rejections.isEmpty else { return }
        self.eventsRejected.increment(by: verdict.rejections.count)
        for rejection in verdict.rejections { self.rejections[rejection.code]?.increment() }
    }

    /// Events are stored in spite of a rule, in tenants that only observe.
    func judged(violations: Int, clockFaults: Int) {
        if violations > 0 { self.definitionsBroken.increment(by: violations) }
        if clockFaults > 0 { self.clockFaults.increment(by: clockFaults) }
    }

    /// A batch has come; how far the event is from the clock that happened last.
    func received(_ batch: EncodedBatch) {
        guard let times = batch.occurredAt else { return }
        let (skew, overflow) = times.upperBound.microsecondsSinceEpoch.subtractingReportingOverflow(
            batch.receivedAt.microsecondsSinceEpoch)
        let (nanoseconds, isHuge) = skew.magnitude.multipliedReportingOverflow(by: 1_000)
        let recorded = overflow || isHuge ? Int64.max : Int64(clamping: nanoseconds)
        (skew > 0 ? self.secondsAhead : self.secondsBehind).recordNanoseconds(recorded)
    }

    func overQuota(_ limit: TenantQuota.Limit) { self.quotaRefusals[limit]?.increment() }

    func replayed() { self.batchesReplayed.increment() }

    func refused() { self.batchesRefused.increment() }
}
