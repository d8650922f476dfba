import ArgumentParser

struct StoreBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "store",
        abstract: "Measures what segments cost and save.",
        discussion: """
            Writes the same encoded batches with the same writers into a private PostgreSQL, fsync on, in four ways in turn: \
            into a table without any index; into a hot segment, the burst; through at least five rotations until the last \
            segment is sealed, the sustained load; and into one table with the indexes of a sealed segment kept up \
            meanwhile. Prints the median of each. PostgreSQL's processor time is that of all its processes.
            """)

    @OptionGroup var verbose: VerboseOption

    @Option(help: ArgumentHelp("Events of each run.", valueName: "number"))
    var events = 2_000_000

    @Option(help: ArgumentHelp("How many segments the rows of the sustained run would fill.", valueName: "number"))
    var rotations = 8

    @Option(help: ArgumentHelp("Events a batch.", valueName: "number"))
    var batch = 500

    @Option(help: ArgumentHelp("Runs of each way, in turn.", valueName: "number"))
    var rounds = 3

    @Option(help: ArgumentHelp("Connections that write.", valueName: "number"))
    var writers = 2

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        for (name, value, range) in [
            ("events", self.events, 10_000...20_000_000), ("rotations", self.rotations, 1...1000),
            ("batch", self.batch, 1...10_000), ("rounds", self.rounds, 1...100), ("writers", self.writers, 1...16),
        ] where !range.contains(value) {
            throw ValidationError("--\(name) is \(value); it must be from \(range.lowerBound) to \(range.upperBound)")
        }
        guard self.events / self.rotations >= 1000 else {
            throw ValidationError(
                "\(self.events) events make \(self.rotations) segments of fewer than 1,000; raise --events")
        }
    }

    func run() async throws {
        let bench = StoreBench(
            events: self.events, eventsPerBatch: self.batch, rotations: self.rotations, writers: self.writers)
        let report = try await bench.run(rounds: self.rounds)
        try Console.write(self.json ? report.json() + "\n" : report.table(style: Console.style))
    }
}
