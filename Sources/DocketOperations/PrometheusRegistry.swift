package import CoreMetrics
internal import Synchronization

/// A swift-metrics backend that renders what it holds in Prometheus' text exposition format 0.0.4.
///
/// Counters become `counter`, meters and non-aggregating recorders `gauge`, timers (in seconds) and aggregating
/// recorders `histogram`. The number of series is bounded: past it, new series share one handler that is never rendered
/// and a counter tells how often that happened.
package final class PrometheusRegistry: MetricsFactory, Sendable {
    /// The upper bounds of timers' buckets, in seconds: 100 µs to 60 s.
    package static let defaultTimerBoundsSeconds: [Double] = [
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
    ]

    /// The upper bounds of other histograms' buckets: powers of four from 1.
    package static let defaultRecorderBounds: [Double] = (0...15).map { exponent in
        (0..<exponent).reduce(1.0) { value, _ in value * 4 }
    }

    /// The most series that the registry keeps.
    package static let maxSeries = 10_000

    struct SeriesKey: Hashable {
        let label: String
        let dimensions: [Dimension]

        struct Dimension: Hashable {
            let name: String
            let value: String
        }
    }

    enum Series {
        case counter(PrometheusCounter)
        case gauge(PrometheusGauge)
        case histogram(PrometheusHistogram)
    }

    private struct State {
        var series: [SeriesKey: Series] = [:]
        var overflowCount: Int64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    // MARK: MetricsFactory

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        self.find(label, dimensions, make: { .counter(PrometheusCounter()) }) { series in
            if case .counter(let counter) = series { counter } else { nil }
        } ?? PrometheusCounter()
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        self.gauge(label, dimensions)
    }

    package func makeRecorder(
        label: String, dimensions: [(String, String)], aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return self.gauge(label, dimensions) }
        return self.histogram(label, dimensions, bounds: Self.defaultRecorderBounds)
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        self.histogram(label, dimensions, bounds: Self.defaultTimerBoundsSeconds)
    }

    // Series outlive the handles that record into them: a counter must not start anew at zero between two scrapes.
    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> PrometheusGauge {
        self.find(label, dimensions, make: { .gauge(PrometheusGauge()) }) { series in
            if case .gauge(let gauge) = series { gauge } else { nil }
        } ?? PrometheusGauge()
    }

    private func histogram(
        _ label: String, _ dimensions: [(String, String)], bounds: [Double]
    ) -> PrometheusHistogram {
        self.find(label, dimensions, make: { .histogram(PrometheusHistogram(bounds: bounds)) }) { series in
            if case .histogram(let histogram) = series { histogram } else { nil }
        } ?? PrometheusHistogram(bounds: bounds)
    }

    /// The handler of a series, made when it is new; `nil` when the registry is full or the label is of another kind.
    private func find<Handler>(
        _ label: String, _ dimensions: [(String, String)], make: () -> Series, cast: (Series) -> Handler?
    ) -> Handler? {
        let key = SeriesKey(
            label: Self.metricName(label),
            dimensions: dimensions.map { SeriesKey.Dimension(name: Self.metricName($0.0), value: $0.1) })
        return self.state.withLock { state in
            if let existing = state.series[key] { return cast(existing) }
            guard state.series.count < Self.maxSeries else {
                state.overflowCount += 1
                return nil
            }
            let series = make()
            state.series[key] = series
            return cast(series)
        }
    }

    /// A label with every character that Prometheus doesn't allow replaced by `_`.
    private static func metricName(_ label: String) -> String {
        String(
            label.unicodeScalars.map { scalar in
                scalar.isASCII && (scalar.properties.isAlphabetic || scalar == "_" || ("0"..."9").contains(scalar))
                    ? Character(scalar) : "_"
            })
    }

    // MARK: Exposition

    /// Everything in Prometheus' text exposition format, ordered by name.
    package func exposition() -> String {
        let (series, overflow) = self.state.withLock { ($0.series, $0.overflowCount) }
        let ordered = series.sorted { left, right in
            (left.key.label, left.key.dimensions.map(\.value).joined(separator: "\u{1}"))
                < (right.key.label, right.key.dimensions.map(\.value).joined(separator: "\u{1}"))
        }
        var text = ""
        var lastLabel = ""
        for (key, value) in ordered {
            if key.label != lastLabel {
                text += "# TYPE \(key.label) \(value.typeName)\n"
                lastLabel = key.label
            }
            value.render(key, into: &text)
        }
        if overflow > 0 {
            text +=
                "# TYPE docket_metric_series_dropped_total counter\ndocket_metric_series_dropped_total \(overflow)\n"
        }
        return text
    }
}

extension PrometheusRegistry.Series {
    var typeName: String {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        }
    }

    func render(_ key: PrometheusRegistry.SeriesKey, into text: inout String) {
        switch self {
        case .counter(let counter):
            text += "\(key.label)\(key.labels()) \(counter.value)\n"
        case .gauge(let gauge):
            text += "\(key.label)\(key.labels()) \(prometheusNumber(gauge.value))\n"
        case .histogram(let histogram):
            let snapshot = histogram.snapshot
            var cumulative: UInt64 = 0
            for (index, bound) in histogram.bounds.enumerated() {
                cumulative += snapshot.counts[index]
                text += "\(key.label)_bucket\(key.labels(le: prometheusNumber(bound))) \(cumulative)\n"
            }
            text += "\(key.label)_bucket\(key.labels(le: "+Inf")) \(snapshot.count)\n"
            text += "\(key.label)_sum\(key.labels()) \(prometheusNumber(snapshot.sum))\n"
            text += "\(key.label)_count\(key.labels()) \(snapshot.count)\n"
        }
    }
}

extension PrometheusRegistry.SeriesKey {
    /// The dimensions in braces; empty when there are none.
    func labels(le bound: String? = nil) -> String {
        var pairs = self.dimensions.map { "\($0.name)=\"\(Self.escape($0.value))\"" }
        if let bound { pairs.append("le=\"\(bound)\"") }
        return pairs.isEmpty ? "" : "{" + pairs.joined(separator: ",") + "}"
    }

    private static func escape(_ value: String) -> String {
        value.reduce(into: "") { text, character in
            switch character {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.append(character)
            }
        }
    }
}

/// A whole number without a fraction, anything else as Swift prints it, which Prometheus reads.
private func prometheusNumber(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    return value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
}
