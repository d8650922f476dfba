internal import CoreMetrics
internal import Synchronization

/// A number that only grows.
final class PrometheusCounter: CounterHandler, Sendable {
    private let total = Atomic<Int64>(0)

    var value: Int64 { self.total.load(ordering: .relaxed) }

    func increment(by amount: Int64) { self.total.wrappingAdd(amount, ordering: .relaxed) }

    func reset() { self.total.store(0, ordering: .relaxed) }
}

/// A number that goes up and down.
final class PrometheusGauge: MeterHandler, RecorderHandler, Sendable {
    private let current = Mutex(0.0)

    var value: Double { self.current.withLock { $0 } }

    func set(_ value: Int64) { self.current.withLock { $0 = Double(value) } }

    func set(_ value: Double) { self.current.withLock { $0 = value } }

    func increment(by amount: Double) { self.current.withLock { $0 += amount } }

    func decrement(by amount: Double) { self.current.withLock { $0 -= amount } }

    func record(_ value: Int64) { self.set(value) }

    func record(_ value: Double) { self.set(value) }
}

/// Counts of observations in buckets. Timers record nanoseconds and show seconds.
final class PrometheusHistogram: TimerHandler, RecorderHandler, Sendable {
    struct Snapshot {
        /// Observations in each bucket, not cumulative; those above the last bound are only in `count`.
        var counts: [UInt64]
        var count: UInt64 = 0
        var sum = 0.0
    }

    let bounds: [Double]
    private let state: Mutex<Snapshot>

    init(bounds: [Double]) {
        self.bounds = bounds
        self.state = Mutex(Snapshot(counts: Array(repeating: 0, count: bounds.count)))
    }

    var snapshot: Snapshot { self.state.withLock { $0 } }

    func recordNanoseconds(_ duration: Int64) { self.record(Double(duration) / 1_000_000_000) }

    func record(_ value: Int64) { self.record(Double(value)) }

    func record(_ value: Double) {
        let bucket = self.bounds.firstIndex { value <= $0 }
        self.state.withLock { state in
            if let bucket { state.counts[bucket] += 1 }
            state.count += 1
            state.sum += value
        }
    }
}
