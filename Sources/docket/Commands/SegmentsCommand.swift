import ArgumentParser
import DocketPostgres
import DocketTerminal

struct SegmentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "segments",
        abstract: "Lists the segments, the parts that the log is stored in.",
        discussion: """
            Examples:
              docket segments
              docket segments --json | jq 'select(.state == "sealed") | .index_bytes'

            One segment is hot: it is being written. A full one is sealing (it gets its indexes), then sealed. A number of \
            rows with ~ is an estimate.
            """)

    @OptionGroup var maintainer: MaintainerOptions
    @OptionGroup var verbose: VerboseOption

    @Flag(help: "Also the segments that retention has removed.")
    var all = false

    @Flag(help: "One JSON object a line instead of a table.")
    var json = false

    func run() async throws {
        let segments = try await self.maintainer.administer { administration throws(PostgresError) in
            try await administration.segments(includingDropped: self.all)
        }
        if self.json {
            for segment in segments { try Console.line(SegmentTable.json(segment)) }
        } else {
            try Console.write(
                SegmentTable.render(segments, width: Terminal.standardOutput.width, style: Console.style))
        }
    }
}
