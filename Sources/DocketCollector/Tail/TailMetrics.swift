internal import DocketMessages
internal import Metrics

/// What the collector counts about tails. `docs/metrics.md` lists every series.
struct TailMetrics: Sendable {
    private let open = Meter(label: "docket_tails_open")
    private let events = Counter(label: "docket_tail_events_total", dimensions: [("result", "sent")])
    private let missed = Counter(label: "docket_tail_events_total", dimensions: [("result", "missed")])

    func began() { self.open.increment() }

    func ended() { self.open.decrement() }

    func sent(_ part: TailResponseMessage) {
        self.events.increment(by: part.events.count)
        self.missed.increment(by: part.missedCount)
    }
}
