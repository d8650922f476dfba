import Foundation

/// How much each benchmark may allocate. Times are never checked: they are the machine's.
struct Thresholds: Codable, Equatable {
    /// The most allocations of one run, by the benchmark's name.
    var allocationsPerRun: [String: Int] = [:]

    /// What a measurement may grow to: a little more than now, for the growth of something that is kept, but never by one
    /// allocation an operation.
    static func limit(for measurement: Measurement) -> Int {
        let count = measurement.allocations.allocations
        return count + max(1, min(count / 50, measurement.benchmark.operations / 4))
    }

    /// Reads a file that ``write(to:)`` wrote.
    init(contentsOf path: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            self = try decoder.decode(Thresholds.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw WorkloadFault("\(path) can't be read (\(error)); write it anew with --write-thresholds \(path)")
        }
    }

    /// The limits for those measurements.
    init(_ measurements: [Measurement]) {
        for measurement in measurements {
            self.allocationsPerRun[measurement.benchmark.name] = Self.limit(for: measurement)
        }
    }

    /// Takes the limits of `other`, and keeps its own for benchmarks that `other` doesn't have.
    mutating func merge(_ other: Thresholds) { self.allocationsPerRun.merge(other.allocationsPerRun) { $1 } }

    /// Writes them as JSON, sorted by name.
    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try (encoder.encode(self) + Data("\n".utf8)).write(to: URL(fileURLWithPath: path))
    }

    /// What is wrong, one line each.
    ///
    /// - Parameters:
    ///   - path: where the limits come from, for the remedy.
    ///   - isComplete: whether all benchmarks were measured, so that a limit without a benchmark is a fault too.
    func faults(of measurements: [Measurement], path: String, isComplete: Bool) -> [String] {
        let remedy = "micro-benchmarks --write-thresholds \(path)"
        var faults: [String] = []
        for measurement in measurements {
            let benchmark = measurement.benchmark
            let count = measurement.allocations.allocations
            guard let limit = self.allocationsPerRun[benchmark.name] else {
                faults.append("\(benchmark.name): no limit in \(path); add one with '\(remedy)'")
                continue
            }
            guard count > limit else { continue }
            let each = String(format: "%.2f", measurement.perOperation(count))
            faults.append(
                "\(benchmark.name): \(count) allocations in a run of \(benchmark.operations) \(benchmark.unit.rawValue)s "
                    + "(\(each) each), the limit is \(limit); DOCKET_ALLOC_TRACE=1 micro-benchmarks --filter "
                    + "\(benchmark.name) shows where they come from; if they are needed, raise the limit with '\(remedy)'"
            )
        }
        guard isComplete else { return faults }
        let names = Set(measurements.map(\.benchmark.name))
        for name in self.allocationsPerRun.keys.sorted() where !names.contains(name) {
            faults.append("\(name): \(path) has a limit for it, but there is no such benchmark; remove the line")
        }
        return faults
    }
}
