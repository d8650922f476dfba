import ArgumentParser
import DocketJournal
import DocketTerminal

struct JournalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal",
        abstract: "Looks into the journal of an emitter or a collector, and checks it.",
        subcommands: [Inspect.self, Check.self])

    struct Inspect: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows segments, records, producers, and what is acknowledged.",
            discussion: """
                Examples:
                  docket journal inspect /var/lib/billing/docket
                  docket journal inspect spool --json | jq '.producers[] | select(.unacknowledged > 0)'

                Nothing is changed, and the journal may be in use; the end of its last segment may then look torn, since it is \
                being written.
                """)

        @OptionGroup var verbose: VerboseOption

        @Argument(help: ArgumentHelp("The journal's directory.", valueName: "dir"), completion: .directory)
        var directory: String

        @Flag(help: "One JSON object on one line instead of tables.")
        var json = false

        func run() throws {
            let journal = try JournalInspection(path: self.directory)
            if self.json { return try Console.line(JournalText.json(journal)) }
            let width = Terminal.standardOutput.width
            try Console.write(JournalText.text(journal, width: width, style: Console.style))
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "fsck",
            abstract: "Checks every byte of a journal that isn't in use.",
            discussion: """
                Examples:
                  docket journal fsck /var/lib/billing/docket
                  docket journal fsck spool --repair
                  docket journal fsck spool --repair --set-aside

                The exit code is 0 when the journal is sound, 65 when it is damaged, and 75 while a process has it open. A tail that a \
                crash has torn is sound: --repair cuts it, as the next opening would. Damage is never mended: --set-aside \
                gives a damaged segment another name, and the journal goes on without it. Nothing is deleted.
                """)

        @OptionGroup var verbose: VerboseOption

        @Argument(help: ArgumentHelp("The journal's directory.", valueName: "dir"), completion: .directory)
        var directory: String

        @Flag(help: "Cut what a crash has torn off the end.")
        var repair = false

        @Flag(help: "With --repair: give damaged segments the suffix .damaged, and go on without them.")
        var setAside = false

        @Flag(help: "One JSON object on one line instead of text.")
        var json = false

        func validate() throws {
            guard self.repair || !self.setAside else {
                throw ValidationError("--set-aside changes files: it goes with --repair")
            }
        }

        func run() throws {
            let repair: JournalCheck.Repair =
                self.setAside ? .tornTailAndDamage : self.repair ? .tornTail : .nothing
            let check = try JournalCheck(path: self.directory, repair: repair)
            try Console.write(self.json ? JournalText.json(check) + "\n" : JournalText.text(check))
            if !check.isSound { throw ExitCode(CommandError.ExitStatus.dataError.rawValue) }
        }
    }
}
