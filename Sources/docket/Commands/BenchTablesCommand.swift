import ArgumentParser
import DocketCodec
import DocketModel
import DocketPostgres
import Foundation

struct BenchTablesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tables",
        abstract: "Makes the tables that other collectors are measured with.",
        discussion: """
            Makes, in a database that 'docket migrate' has set up, the schema "bench" with two empty tables of the columns \
            of a segment: bench.plain has no index, bench.indexed has those of a sealed segment, kept up with each insert. \
            docket_writer may write to both. Tables of these names are dropped first. With --print-columns it prints the \
            columns that a COPY of 'docket bench rows' names, and does nothing else.
            """)

    @Option(help: "A libpq connection string of the database's owner; DOCKET_POSTGRES_ADMIN otherwise.")
    var postgres: String?

    @OptionGroup var verbose: VerboseOption

    @Flag(help: "Print the columns of a row, and do nothing else.")
    var printColumns = false

    func run() async throws {
        if self.printColumns { return try Console.line(EventColumn.sqlList) }
        guard let conninfo = self.postgres ?? Console.environment("DOCKET_POSTGRES_ADMIN") else {
            throw CommandError(.usage, "no database is named: pass --postgres CONNINFO")
        }
        do throws(PostgresError) {
            let connection = try PostgresConnection(
                ConnectionSettings(conninfo: conninfo, applicationName: "docket-bench"))
            try connection.execute("DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
            let hot = try connection.query("SELECT table_name FROM docket.segments WHERE state = 'hot'")
                .text(0, 0)
            for table in ["plain", "indexed"] {
                try connection.execute(
                    "CREATE TABLE bench.\(table) (LIKE docket.\(hot) INCLUDING DEFAULTS INCLUDING STORAGE)")
            }
            for index in SealedIndex.all { try connection.execute(index.create(on: "indexed", in: "bench")) }
            try connection.execute(
                """
                GRANT USAGE ON SCHEMA bench TO \(Roles.writer);
                GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA bench TO \(Roles.writer)
                """)
        } catch {
            throw CommandError(error)
        }
    }
}

struct BenchRowsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rows",
        abstract: "Writes the rows of synthetic events, encoded for COPY, to a file for copy-loader.",
        discussion: """
            The file holds the COPY BINARY tuples that a collector would write, without header and trailer; \
            Benchmarks/CopyLoader streams them into a table.
            """)

    @OptionGroup var load: LoadOptions
    @OptionGroup var verbose: VerboseOption

    @Option(help: ArgumentHelp("Where to write.", valueName: "file"), completion: .file())
    var output: String

    func run() throws {
        try BenchLoader.encode(self.load.makeBatches(), to: self.output)
    }
}
