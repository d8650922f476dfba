import ArgumentParser
import DocketEventTypes
import DocketTerminal
import Foundation

extension EventTypeCommand {
    struct Test: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Tries out definitions of event types, without a server: on events, as a collector would judge them.",
            discussion: """
                Examples:
                  docket event-type test EventTypes
                  docket event-type test EventTypes/tool.call.json events.jsonl
                  docket query --json --type tool.call | docket event-type test EventTypes -

                Events are JSON lines (docs/json.md), definitions as docs/event-types.md describes them. One line is printed \
                for each event that a collector would refuse; the command then ends with 65.
                """)

        @OptionGroup var verbose: VerboseOption

        @Argument(help: "A definition, or a folder of them.", completion: .file(extensions: ["json"]))
        var definition: String

        @Argument(
            help: "A file of events, '-' for standard input; without it only the definitions are read.",
            completion: .file())
        var events: String?

        @Flag(help: "Print JSON: an object for each refused event, then one with the totals.")
        var json = false

        func run() throws {
            var trial = EventTypeTrial(try EventTypeFiles.read(self.definition))
            guard let events = self.events else {
                return try Console.line(
                    self.json ? trial.totals : "\(counted(trial.definitionCount, "definition")) in order")
            }
            let isInput = events == "-"
            let name = isInput ? "standard input" : events
            var lines = EventLines(
                isInput ? ByteSource(descriptor: STDIN_FILENO, name: name) : try ByteSource(path: events))
            while let line = try lines.next() {
                guard let refusal = trial.check(line) else { continue }
                try Console.line(
                    self.json
                        ? EventTypeTrial.json(refusal, line: lines.line)
                        : TerminalText.escaped("\(name):\(lines.line): \(refusal.code): \(refusal.reason)"))
            }
            try Console.line(
                self.json
                    ? trial.totals
                    : "\(counted(trial.eventCount, "event")) tried, \(trial.refusedCount) refused")
            guard trial.refusedCount == 0 else {
                throw CommandError(
                    .dataError,
                    "\(name): \(trial.refusedCount) of \(counted(trial.eventCount, "event")) would be refused; "
                        + "the lines above say why")
            }
        }

        private func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
    }
}
