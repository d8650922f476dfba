import ArgumentParser
import DocketEventTypes
import DocketPostgres

extension EventTypeCommand {
    struct Apply: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Applies definitions of event types: collectors judge events by them within a second.",
            discussion: """
                Examples:
                  docket event-type apply EventTypes --dry-run
                  docket event-type apply EventTypes/tool.call.json --tenant acme

                All or none is applied. A definition that is there already stays as it is; one with another content needs a \
                higher version. What a higher version breaks for those who send events is shown.
                """)

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var actor: ActorOption
        @OptionGroup var verbose: VerboseOption

        @Argument(help: "A definition, or a folder of them.", completion: .file(extensions: ["json"]))
        var path: String

        @Option(help: "The tenant that the types belong to. Default: every tenant may use them.")
        var tenant: String?

        @Flag(help: "Says what would be done, and does nothing.")
        var dryRun = false

        @Flag(help: "A JSON object for each definition.")
        var json = false

        func run() async throws {
            let files = try EventTypeFiles.readTexts(self.path)
            let outcomes = try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.applyEventTypes(
                    files, tenant: self.tenant, isTrial: self.dryRun, actor: self.actor.value)
            }
            for (file, outcome) in zip(files, outcomes) {
                try Console.write(EventTypeText.applied(file.definition, outcome, json: self.json))
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists event types.")

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var verbose: VerboseOption

        @Option(help: "Only those that this tenant may use.")
        var tenant: String?

        @Flag(help: "A JSON object a line instead of a table.")
        var json = false

        func run() async throws {
            let types = try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.eventTypes(tenant: self.tenant)
            }
            try EventTypeText.print(types, json: self.json)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows the definition of an event type, as it was applied.")

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var verbose: VerboseOption

        @Argument(help: "Its name.")
        var name: String

        @Option(help: "As this tenant has it. Default: as every tenant may use it.")
        var tenant: String?

        func run() async throws {
            let types = try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.eventTypes(tenant: self.tenant, name: self.name)
            }
            // A tenant's own hides the one that every tenant may use.
            let found = types.first { $0.tenant == self.tenant } ?? types.first { $0.tenant == nil }
            guard let found else {
                throw CommandError(
                    .dataError, "there is no event type '\(self.name)'; docket event-type list shows all")
            }
            guard let body = found.body else {
                throw CommandError(
                    .dataError,
                    "the event type '\(self.name)' has no definition; docket event-type apply gives it one")
            }
            try Console.write(body.hasSuffix("\n") ? body : body + "\n")
        }
    }
}
