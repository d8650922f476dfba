import DocketTerminal

/// What the benchmark of the store measured: every run, and the medians.
struct StoreBenchReport: PrintedReport {
    struct Run: Encodable {
        /// Until the last acknowledgement, or the last sealed segment.
        var eventsPerSecond: Double
        /// Until the last acknowledgement.
        var acknowledgedPerSecond: Double
        /// Of all of PostgreSQL's processes, for each event.
        var postgresMicroseconds: Double
        var sealedSegments: Int
    }

    let events: Int
    let eventsPerBatch: Int
    let writers: Int
    var runs: [StoreBench.Way: [Run]] = [:]

    init(events: Int, eventsPerBatch: Int, writers: Int) {
        self.events = events
        self.eventsPerBatch = eventsPerBatch
        self.writers = writers
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(self.events, forKey: .events)
        try container.encode(self.eventsPerBatch, forKey: .eventsPerBatch)
        try container.encode(self.writers, forKey: .writers)
        let named = Dictionary(uniqueKeysWithValues: self.runs.map { ($0.rawValue, $1) })
        try container.encode(named, forKey: .runs)
    }

    private enum Key: CodingKey { case events, eventsPerBatch, writers, runs }

    /// The medians as a table, and what follows from them.
    func table(style: TerminalStyle) -> String {
        let count = self.runs.values.first?.count ?? 0
        var text =
            "\(grouped(self.events)) events, \(self.eventsPerBatch) a batch, \(self.writers) writers, fsync on; "
            + "median (min–max) of \(count) runs\n\n"
        var table = TextTable(columns: [
            .fixed(""), .number("EVENTS/S"), .number("ACKNOWLEDGED/S"), .number("POSTGRESQL µs/EVENT"),
            .number("SEALED"),
        ])
        for (way, title) in Self.titles {
            guard let runs = self.runs[way] else { continue }
            table.addRow([
                title, BenchReport.spread(runs.map(\.eventsPerSecond), 0),
                BenchReport.spread(runs.map(\.acknowledgedPerSecond), 0),
                BenchReport.spread(runs.map(\.postgresMicroseconds), 2), "\(runs.map(\.sealedSegments).max() ?? 0)",
            ])
        }
        text += table.rendered(width: nil, style: style)
        if let burst = self.speed(.burst), let bare = self.speed(.unindexed), let kept = self.speed(.indexed),
            let sustained = self.speed(.sustained)
        {
            text += "\nThe table without an index is \(BenchReport.number(bare / burst, 2)) times as fast as a burst; "
            text +=
                "sustained, segments are \(BenchReport.number(sustained / kept, 2)) times as fast as indexes kept up\n"
        }
        return text
    }

    private static let titles: [(StoreBench.Way, String)] = [
        (.unindexed, "no index"), (.burst, "segments, burst"), (.sustained, "segments, until all are sealed"),
        (.indexed, "the same indexes kept up"),
    ]

    private func speed(_ way: StoreBench.Way) -> Double? {
        self.runs[way].map { BenchReport.median($0.map(\.eventsPerSecond)) }
    }
}
