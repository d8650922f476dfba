import ArgumentParser
import DocketModel
import DocketTerminal
import SyntheticLoad

/// The flags that describe a load: how much, cut how, sent how.
struct LoadOptions: ParsableArguments {
    /// All of them are made before the first run: they take about 1 KiB of memory each.
    static let maxEvents = 100_000_000

    @Option(help: ArgumentHelp("Connections of the load generator.", valueName: "number"))
    var connections = 4

    @Option(help: ArgumentHelp("Events a batch.", valueName: "number"))
    var batch = 500

    @Option(help: ArgumentHelp("Events in all.", valueName: "number"))
    var events = 1_000_000

    @Option(help: ArgumentHelp("Batches that a connection keeps under way.", valueName: "number"))
    var inFlight = 4

    @Option(help: ArgumentHelp("Events a second; 0 to send as fast as answers come.", valueName: "number"))
    var rate = 0

    @Option(help: ArgumentHelp("How long to run at a fixed --rate; replaces --events.", valueName: "number"))
    var seconds: Int?

    @Option(help: ArgumentHelp("The seed of the synthetic events.", valueName: "number"))
    var seed: UInt64 = 1

    @Option(
        help: ArgumentHelp(
            "About how large each event is on the wire, in bytes; by default some 350.", valueName: "bytes"))
    var eventBytes: Int?

    func validate() throws {
        for (name, value, range) in [
            ("connections", self.connections, 1...1000), ("batch", self.batch, 1...10_000),
            ("events", self.events, 1...Self.maxEvents), ("in-flight", self.inFlight, 1...1000),
            ("rate", self.rate, 0...10_000_000),
            ("event-bytes", self.eventBytes ?? SyntheticEvents.sizeBounds.lowerBound, SyntheticEvents.sizeBounds),
        ] where !range.contains(value) {
            throw ValidationError("--\(name) is \(value); it must be from \(range.lowerBound) to \(range.upperBound)")
        }
        guard let seconds = self.seconds else { return }
        guard self.rate > 0 else {
            throw ValidationError("--seconds needs a --rate above 0; without one pass --events")
        }
        let most = Self.maxEvents / self.rate
        guard (1...most).contains(seconds) else {
            throw ValidationError(
                "--seconds is \(seconds); at --rate \(self.rate) it must be from 1 to \(most), which is "
                    + "\(grouped(Self.maxEvents)) events")
        }
    }

    /// The synthetic events, cut into batches.
    func makeBatches() -> [[Event]] {
        var generator = SyntheticEvents(seed: self.seed, sizeBytes: self.eventBytes)
        let count = self.seconds.map { $0 * self.rate } ?? self.events
        return stride(from: 0, to: count, by: self.batch).map { start in
            (0..<min(self.batch, count - start)).map { _ in generator.next() }
        }
    }

    /// Batches a second over all connections at a fixed rate; `nil` at saturation.
    var batchesPerSecond: Double? { self.rate == 0 ? nil : Double(self.rate) / Double(self.batch) }
}
