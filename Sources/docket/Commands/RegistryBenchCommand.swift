import ArgumentParser

struct RegistryBenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "registry",
        abstract: "Measures what many tenants and event types cost a collector.",
        discussion: """
            Example:
              docket bench registry --tenants 10000 --types 20

            Starts a private PostgreSQL and a collector with one tenant and one event type, and another pair with many of \
            both, and loads the two in turn: the one with all events to its tenant and of its type, the other with each batch \
            to the next tenant and each event of the next type. Prints how long each collector takes until it serves, how \
            much memory it has then, and the processor time of its process for an event. Only a release build gives figures \
            worth having.
            """)

    @OptionGroup var verbose: VerboseOption

    @Option(help: ArgumentHelp("Tenants of the large registry.", valueName: "number"))
    var tenants = 10_000

    @Option(help: ArgumentHelp("Event types of each of its tenants.", valueName: "number"))
    var types = 20

    @Option(
        help: """
            What events are judged by: 'none', 'shared' for a definition of each type that all tenants have alike, or 'own' \
            for one of each tenant's own.
            """)
    var definitions = RegistryBench.Definitions.none

    @Option(help: ArgumentHelp("Events of each run.", valueName: "number"))
    var events = 500_000

    @Option(help: ArgumentHelp("Events a batch.", valueName: "number"))
    var batch = 500

    @Option(help: ArgumentHelp("Runs of each, in turn.", valueName: "number"))
    var rounds = 5

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        for (name, value, range) in [
            ("tenants", self.tenants, 1...100_000), ("types", self.types, 1...1000),
            ("events", self.events, 1000...20_000_000), ("batch", self.batch, 1...10_000),
            ("rounds", self.rounds, 1...100),
        ] where !range.contains(value) {
            throw ValidationError("--\(name) is \(value); it must be from \(range.lowerBound) to \(range.upperBound)")
        }
    }

    func run() async throws {
        let bench = RegistryBench(
            tenants: self.tenants, types: self.types, definitions: self.definitions, events: self.events,
            eventsPerBatch: self.batch)
        let report = try await bench.run(rounds: self.rounds)
        try Console.write(self.json ? report.json() + "\n" : report.table(style: Console.style))
    }
}

extension RegistryBench.Definitions: ExpressibleByArgument {}
