internal import DocketModel
internal import Metrics

/// What the collector counts about publishing. `docs/metrics.md` lists every series.
struct CollectorMetrics: Sendable {
    private let batchesCommitted = Counter(label: "docket_batches_total", dimensions: [("result", "committed")])
    private let batchesReplayed = Counter(label: "docket_batches_total", dimensions: [("result", "replayed")])
    private let batchesRefused = Counter(label: "docket_batches_total", dimensions: [("result", "refused")])
    private let eventsAccepted = Counter(label: "docket_events_total", dimensions: [("result", "accepted")])
    private let eventsRejected = Counter(label: "docket_events_total", dimensions: [("result", "rejected")])
    private let definitionsBroken = Counter(label: "docket_definition_violations_total")
    private let bytesReceived = Counter(label: "docket_received_bytes_total")
    private let rejections: [RejectionCode: Counter]

    init() {
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

    /// Events have been stored that break the definition of their type, in tenants that only observe.
    func brokeDefinition(_ count: Int) {
        if count > 0 { self.definitionsBroken.increment(by: count) }
    }

    func replayed() { self.batchesReplayed.increment() }

    func refused() { self.batchesRefused.increment() }
}
