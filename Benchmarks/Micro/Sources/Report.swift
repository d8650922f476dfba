import DocketTerminal
import Foundation
import Histogram

/// What was measured, for people and for programs.
struct Report {
    let measurements: [Measurement]

    /// Aligned columns.
    func table(width: Int?, style: TerminalStyle) -> String {
        var table = TextTable(columns: [
            .fixed("BENCHMARK"), .fixed("PER"), .number("NS, MEDIAN (MIN–MAX)"), .number("ALLOCATIONS"),
            .number("BYTES"), .number("A RUN HAS"), .number("ALLOCATIONS A RUN"),
        ])
        for measurement in self.measurements {
            let times = measurement.runNanoseconds
            func each(_ value: some BinaryInteger, _ digits: Int) -> String {
                String(format: "%.\(digits)f", measurement.perOperation(value))
            }
            table.addRow([
                measurement.benchmark.name, measurement.benchmark.unit.rawValue,
                "\(each(times.median, 1)) (\(each(times.min, 1))–\(each(times.max, 1)))",
                each(measurement.allocations.allocations, 2), each(measurement.allocations.bytes, 0),
                grouped(measurement.benchmark.operations), grouped(measurement.allocations.allocations),
            ])
        }
        return table.rendered(width: width, style: style)
    }

    /// One JSON object with snake_case names.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let rows = self.measurements.map(Row.init)
        return String(decoding: try encoder.encode(["benchmarks": rows]), as: UTF8.self)
    }

    private struct Row: Encodable {
        let name: String
        let per: Benchmark.Unit
        let operationsPerRun: Int
        let runs: Int
        let medianNanoseconds: Double
        let minNanoseconds: Double
        let maxNanoseconds: Double
        let allocations: Double
        let allocatedBytes: Double
        let allocationsPerRun: Int
        let freesPerRun: Int

        init(_ measurement: Measurement) {
            let times = measurement.runNanoseconds
            self.name = measurement.benchmark.name
            self.per = measurement.benchmark.unit
            self.operationsPerRun = measurement.benchmark.operations
            self.runs = measurement.runs
            self.medianNanoseconds = measurement.perOperation(times.median)
            self.minNanoseconds = measurement.perOperation(times.min)
            self.maxNanoseconds = measurement.perOperation(times.max)
            self.allocations = measurement.perOperation(measurement.allocations.allocations)
            self.allocatedBytes = measurement.perOperation(measurement.allocations.bytes)
            self.allocationsPerRun = measurement.allocations.allocations
            self.freesPerRun = measurement.allocations.frees
        }
    }
}
