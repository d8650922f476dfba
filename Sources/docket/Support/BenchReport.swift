import DocketTerminal
import Foundation

/// What a benchmark measured: every run, and the medians.
struct BenchReport: PrintedReport {
    struct CollectorRun: Encodable {
        var eventsPerSecond: Double
        var collectorMicroseconds: Double
        var postgresMicroseconds: Double
        var emitterMicroseconds: Double
        var p50Milliseconds: Double
        var p99Milliseconds: Double
        var p999Milliseconds: Double
        var collectorPeakMebibytes: Double
    }

    struct LoaderRun: Encodable {
        var eventsPerSecond: Double
        var loaderMicroseconds: Double
        var postgresMicroseconds: Double
    }

    var connections: Int
    var eventsPerBatch: Int
    var inFlight: Int
    var writers: Int
    var rate: Int
    var collector: [CollectorRun] = []
    var loader: [LoaderRun] = []

    init(connections: Int, eventsPerBatch: Int, inFlight: Int, writers: Int, rate: Int) {
        self.connections = connections
        self.eventsPerBatch = eventsPerBatch
        self.inFlight = inFlight
        self.writers = writers
        self.rate = rate
    }

    /// The medians as tables.
    func table(style: TerminalStyle) -> String {
        var text =
            "\(self.connections) connections, \(self.eventsPerBatch) events a batch, \(self.inFlight) in flight each, "
            + "\(self.writers) writers" + (self.rate == 0 ? "" : ", \(grouped(self.rate)) events/s offered")
            + "; median (min–max) of \(self.collector.count) runs\n\n"
        var table = TextTable(columns: [.fixed(""), .number("DOCKET"), .number("BARE LOADER")])
        table.addRow([
            "events/s", Self.spread(self.collector.map(\.eventsPerSecond), 0),
            Self.spread(self.loader.map(\.eventsPerSecond), 0),
        ])
        table.addRow([
            "collector (loader) CPU, µs/event", Self.spread(self.collector.map(\.collectorMicroseconds), 2),
            Self.spread(self.loader.map(\.loaderMicroseconds), 2),
        ])
        table.addRow([
            "PostgreSQL CPU, µs/event", Self.spread(self.collector.map(\.postgresMicroseconds), 2),
            Self.spread(self.loader.map(\.postgresMicroseconds), 2),
        ])
        table.addRow(["emitter CPU, µs/event", Self.spread(self.collector.map(\.emitterMicroseconds), 2), ""])
        table.addRow(["acknowledgement p50, ms", Self.spread(self.collector.map(\.p50Milliseconds), 2), ""])
        table.addRow(["acknowledgement p99, ms", Self.spread(self.collector.map(\.p99Milliseconds), 2), ""])
        table.addRow(["acknowledgement p99.9, ms", Self.spread(self.collector.map(\.p999Milliseconds), 2), ""])
        table.addRow(["collector peak memory, MiB", Self.spread(self.collector.map(\.collectorPeakMebibytes), 1), ""])
        text += table.rendered(width: nil, style: style)
        // At a fixed rate Docket does what it is offered; only at saturation is there something to compare.
        if !self.loader.isEmpty, self.rate == 0 {
            let ratio =
                Self.median(self.collector.map(\.eventsPerSecond)) / Self.median(self.loader.map(\.eventsPerSecond))
            text += "\nDocket reaches \(Self.number(ratio * 100, 0)) % of the bare loader's events/s\n"
        }
        return text
    }

    static func spread(_ values: [Double], _ digits: Int) -> String {
        guard let low = values.min(), let high = values.max() else { return "" }
        return "\(self.number(self.median(values), digits)) (\(self.number(low, digits))–\(self.number(high, digits)))"
    }

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }

    static func number(_ value: Double, _ digits: Int) -> String {
        digits == 0 ? grouped(Int(value.rounded())) : String(format: "%.\(digits)f", value)
    }
}
