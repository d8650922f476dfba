import ArgumentParser
import DocketMessages
import DocketModel
import DocketTerminal

struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Shows events of the log as they are committed.",
        discussion: """
            Where a connection ends, it goes on by another one, from the event behind the last. Ends with --limit, or when
            it is interrupted.

            Examples:
              docket tail
              docket tail --decision deny --type 'authz.*'
              docket tail --from-log-index 0 --json | jq .attributes
            """)

    @OptionGroup var connection: ConnectionOptions
    @OptionGroup var verbose: VerboseOption
    @OptionGroup(title: "Filter") var selection: FilterOptions

    @Option(
        help: ArgumentHelp("Begin with this log index, not with what is committed from now on.", valueName: "index"))
    var fromLogIndex: Int64?

    @Option(help: ArgumentHelp("End after so many events. Default: never.", valueName: "count"))
    var limit: Int?

    @Flag(help: "One JSON object a line (docs/json.md) instead of lines for people.")
    var json = false

    func validate() throws {
        if let index = self.fromLogIndex, index < 0 {
            throw ValidationError("--from-log-index is \(index); it must be 0 or more")
        }
        if let limit = self.limit, limit < 1 { throw ValidationError("--limit is \(limit); it must be 1 or more") }
    }

    func run() async throws {
        let line = EventLine(
            width: Terminal.standardOutput.width, style: Console.style, zone: self.selection.zones.zone)
        var request = TailRequestMessage(
            filter: self.selection.filter, from: self.fromLogIndex.map { LogPosition(logIndex: $0, position: 0) })
        var left = self.limit ?? .max
        var hasTitles = self.json
        var reading = ResumedReading(profile: try self.connection.resolve(), isPersistent: true) { message in
            if Console.isVerbose { Console.error("docket tail goes on after: \(TerminalText.escaped(message))") }
        }
        do {
            try await reading.run { reader, hasRead in
                try await reader.tail(request) { events, missedCount, next in
                    hasRead()
                    if missedCount > 0 { self.tell(missedCount, from: request.from, to: events.first, next) }
                    if !hasTitles { try Console.line(line.titles) }
                    hasTitles = true
                    for event in events.prefix(left) {
                        try Console.line(self.json ? event.json : line.render(event.event))
                    }
                    left -= events.count
                    request.from = next
                    if left <= 0 { throw LimitReached() }
                }
            }
        } catch is LimitReached {}
    }

    /// Where the events are that were missed.
    private func tell(_ count: Int64, from: LogPosition?, to first: StoredEvent?, _ next: LogPosition) {
        let end = first?.logIndex.map { $0 + 1 } ?? next.logIndex
        Console.error(
            "\(count) events were missed, since they came faster than they are read here; docket export "
                + "--from-log-index \(from?.logIndex ?? 0) --end-log-index \(end) has them")
    }

    private struct LimitReached: Error {}
}
