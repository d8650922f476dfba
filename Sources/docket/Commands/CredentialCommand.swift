import ArgumentParser
import DocketPostgres
import DocketRegistry

struct CredentialCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credential",
        abstract: "Lets client certificates and JWTs in; lists and revokes credentials of every kind.",
        discussion: """
            Tokens are made by docket token add. Each change is an event of type docket.credential.changed in the logs of the
            tenants that the credential covers.
            """,
        subcommands: [
            Add.self, TokenCommand.List.self, TokenCommand.Show.self, TokenCommand.Revoke.self,
        ])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Lets in whoever proves a name by a client certificate or a JWT, and prints the credential's number.",
            discussion: """
                Examples:
                  docket credential add --spiffe spiffe://acme.example/checkout --tenant acme --scope publish
                  docket credential add --subject 'CN=checkout,O=Acme Ltd,C=GB' --tenant acme --scope publish
                  docket credential add --jwt-issuer https://login.acme.example --jwt-subject auditor --all-tenants --scope query
                """)

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var actor: ActorOption
        @OptionGroup var verbose: VerboseOption

        @Option(help: ArgumentHelp("The SPIFFE ID of a client certificate.", valueName: "uri"))
        var spiffe: String?

        @Option(help: ArgumentHelp("The subject of a client certificate, by RFC 4514.", valueName: "name"))
        var subject: String?

        @Option(help: ArgumentHelp("The claim iss of a JWT; goes together with --jwt-subject.", valueName: "iss"))
        var jwtIssuer: String?

        @Option(help: ArgumentHelp("The claim sub of a JWT.", valueName: "sub"))
        var jwtSubject: String?

        @OptionGroup var grant: GrantOptions

        func validate() throws { _ = try self.identity() }

        /// What the credential is known by.
        func identity() throws -> CredentialIdentity {
            do throws(RegistryError) {
                switch (self.spiffe, self.subject, self.jwtIssuer, self.jwtSubject) {
                case (let id?, nil, nil, nil): return .spiffe(try SpiffeID(id).text)
                case (nil, let name?, nil, nil): return .subject(try SubjectName(name).text)
                case (nil, nil, let issuer?, let subject?):
                    return try .jwt(checkedIssuer: issuer, subject: subject)
                default: break
                }
            } catch {
                throw ValidationError(error.message)
            }
            throw ValidationError("give one of --spiffe, --subject, and --jwt-issuer with --jwt-subject")
        }

        func run() async throws {
            let credential = self.grant.credential(try self.identity())
            let made = try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.addCredential(credential, actor: self.actor.value)
            }
            try Console.line("\(made.id)")
        }
    }
}
