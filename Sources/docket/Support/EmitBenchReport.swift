import DocketTerminal
import Histogram

/// What emitting has cost.
struct EmitBenchReport: PrintedReport {
    struct Run: Encodable {
        /// Of single calls of `emit`.
        var p50Nanoseconds: Double
        var p99Nanoseconds: Double
        var p999Nanoseconds: Double
        /// The processor time of the whole process, of one core's.
        var coreShare: Double
        var eventsPerSecond: Double
        /// Of the events that were emitted.
        var droppedShare: Double
        var residentMebibytes: Double

        init(
            _ calls: Histogram<UInt64>, coreShare: Double, eventsPerSecond: Double, droppedShare: Double,
            residentMebibytes: Double
        ) {
            self.p50Nanoseconds = Double(calls.valueAtPercentile(50))
            self.p99Nanoseconds = Double(calls.valueAtPercentile(99))
            self.p999Nanoseconds = Double(calls.valueAtPercentile(99.9))
            self.coreShare = coreShare
            self.eventsPerSecond = eventsPerSecond
            self.droppedShare = droppedShare
            self.residentMebibytes = residentMebibytes
        }
    }

    var rate: Int
    var seconds: Int
    var queueMebibytes: Int
    var answering: [Run] = []
    var silent: [Run] = []
    /// Without any client.
    var nothing: [Run] = []

    /// The medians.
    func table(style: TerminalStyle) -> String {
        let offered = self.rate == 0 ? "as many events as one thread emits" : "\(grouped(self.rate)) events/s"
        var text =
            "\(offered) for \(self.seconds) s, a queue of \(self.queueMebibytes) MiB; median (min–max) of "
            + "\(self.silent.count) runs\n\n"
        var table = TextTable(columns: [
            .fixed(""), .number("COLLECTOR ANSWERS"), .number("IT IS SILENT"), .number("NO CLIENT"),
        ])
        func add(_ name: String, _ digits: Int, _ value: (Run) -> Double) {
            let columns = [self.answering, self.silent, self.nothing].map { runs in
                runs.isEmpty ? "" : BenchReport.spread(runs.map(value), digits)
            }
            table.addRow([name] + columns)
        }
        add("emit p50, ns", 0) { $0.p50Nanoseconds }
        add("emit p99, ns", 0) { $0.p99Nanoseconds }
        add("emit p99.9, ns", 0) { $0.p999Nanoseconds }
        add("CPU of the process, % of a core", 1) { $0.coreShare * 100 }
        add("events/s", 0) { $0.eventsPerSecond }
        add("dropped, % of the events", 1) { $0.droppedShare * 100 }
        add("memory of the process, MiB", 1) { $0.residentMebibytes }
        text += table.rendered(width: nil, style: style)
        return text
    }
}
