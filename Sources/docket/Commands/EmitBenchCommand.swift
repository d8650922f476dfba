import ArgumentParser

struct EmitBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "emit",
        abstract: "Measures what the client library costs the service that emits.",
        discussion: """
            Example:
              docket bench emit --rate 50000 --seconds 10 --rounds 5

            Starts a private PostgreSQL and a collector, and emits at the given rate, in turn with a collector that takes \
            connections and never says anything. Prints the time of single calls of emit, the processor time of this process \
            as a share of one core, what was dropped, and the memory. With --rate 0 the events come as fast as one thread \
            calls, which is more than any queue takes. Only a release build gives figures worth having.
            """)

    @OptionGroup var verbose: VerboseOption

    @Option(help: ArgumentHelp("Events a second; 0 for as many as one thread can emit.", valueName: "number"))
    var rate = 50_000

    @Option(help: ArgumentHelp("How long each run takes.", valueName: "seconds"))
    var seconds = 10

    @Option(help: ArgumentHelp("Runs of each, in turn.", valueName: "number"))
    var rounds = 5

    @Option(help: ArgumentHelp("The bound of the queue, in MiB.", valueName: "number"))
    var queueMebibytes = 64

    @Flag(help: "Leave the answering collector out: the silent one alone.")
    var silentOnly = false

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        for (name, value, range) in [
            ("rate", self.rate, 0...2_000_000), ("seconds", self.seconds, 1...7200), ("rounds", self.rounds, 1...100),
            ("queue-mebibytes", self.queueMebibytes, 1...16_384),
        ] where !range.contains(value) {
            throw ValidationError("--\(name) is \(value); it must be from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func run() async throws {
        let bench = EmitBench(
            rate: self.rate, seconds: self.seconds, queueBytes: self.queueMebibytes << 20, silentOnly: self.silentOnly)
        let report = try await bench.run(rounds: self.rounds)
        try Console.write(self.json ? report.json() + "\n" : report.table(style: Console.style))
    }
}
