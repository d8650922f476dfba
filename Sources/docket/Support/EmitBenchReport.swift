import DocketTerminal

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
        var droppedCount: Int
        var committedCount: Int
        var residentMebibytes: Double
    }

    var rate: Int
    var seconds: Int
    var queueMebibytes: Int
    var answering: [Run] = []
    var silent: [Run] = []

    /// The medians.
    func table(style: TerminalStyle) -> String {
        let offered = self.rate == 0 ? "as many events as one thread emits" : "\(grouped(self.rate)) events/s"
        var text =
            "\(offered) for \(self.seconds) s, a queue of \(self.queueMebibytes) MiB; median (min–max) of "
            + "\(self.silent.count) runs\n\n"
        var table = TextTable(columns: [.fixed(""), .number("COLLECTOR ANSWERS"), .number("IT IS SILENT")])
        func add(_ name: String, _ digits: Int, _ value: (Run) -> Double) {
            let answering = self.answering.isEmpty ? "" : BenchReport.spread(self.answering.map(value), digits)
            table.addRow([name, answering, BenchReport.spread(self.silent.map(value), digits)])
        }
        add("emit p50, ns", 0) { $0.p50Nanoseconds }
        add("emit p99, ns", 0) { $0.p99Nanoseconds }
        add("emit p99.9, ns", 0) { $0.p999Nanoseconds }
        add("CPU of the process, % of a core", 1) { $0.coreShare * 100 }
        add("events/s", 0) { $0.eventsPerSecond }
        add("dropped, % of the events", 1) {
            Double($0.droppedCount) / max(1, $0.eventsPerSecond * Double(self.seconds)) * 100
        }
        add("memory of the process, MiB", 1) { $0.residentMebibytes }
        text += table.rendered(width: nil, style: style)
        return text
    }
}
