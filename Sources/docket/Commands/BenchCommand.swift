import ArgumentParser

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures Docket on this machine, beside what it is to be compared with.",
        subcommands: [
            CollectorBenchCommand.self, StoreBenchCommand.self, RegistryBenchCommand.self, EmitBenchCommand.self,
            LoadBenchCommand.self,
            BenchRowsCommand.self, BenchTablesCommand.self,
        ],
        defaultSubcommand: CollectorBenchCommand.self)
}
