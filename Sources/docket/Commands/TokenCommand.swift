import ArgumentParser
import DocketModel
import DocketPostgres
import DocketRegistry

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Makes and rotates tokens; lists and revokes credentials.",
        discussion: """
            A token is shown once, when it is made; only its hash is stored. Each change is an event of type
            docket.credential.changed in the logs of the tenants that the credential covers.
            """,
        subcommands: [Add.self, List.self, Show.self, Rotate.self, Revoke.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a token and prints it, once.",
            discussion: """
                Examples:
                  docket token add --tenant acme --scope publish --label 'checkout service' > token
                  docket token add --all-tenants --scope query --label auditors --expires-in 30d
                """)

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var actor: ActorOption
        @OptionGroup var verbose: VerboseOption

        @OptionGroup var grant: GrantOptions

        func run() async throws {
            var generator = SystemRandomNumberGenerator()
            let token = AccessToken(using: &generator)
            try await self.maintainer.administer { administration throws(PostgresError) in
                _ = try await administration.addCredential(
                    self.grant.credential(token.identity), actor: self.actor.value)
            }
            try Console.line(token.secret)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists credentials.")

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var verbose: VerboseOption

        @Option(help: "Only those that cover this tenant.")
        var tenant: String?

        @Flag(help: "Revoked and expired ones as well.")
        var all = false

        @Flag(help: "A JSON object a line instead of a table.")
        var json = false

        func run() async throws {
            let credentials = try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.credentials(tenant: self.tenant)
            }
            try CredentialText.print(credentials.filter { self.all || $0.state == .active }, json: self.json)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows a credential; never its token.")

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var verbose: VerboseOption

        @Argument(help: "Its number, as docket token list has it.")
        var id: Int32

        @Flag(help: "A JSON object instead of text.")
        var json = false

        func run() async throws {
            let credential = try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.credential(self.id)
            }
            try Console.write(self.json ? CredentialText.json(credential) + "\n" : CredentialText.text(credential))
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a token in the place of another, which goes on for a while, and prints it, once.",
            discussion: """
                Example:
                  docket token rotate 7 --overlap 24h > token

                The new token covers the same tenants with the same scopes. The old one ends when the overlap is over.
                """)

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var actor: ActorOption
        @OptionGroup var verbose: VerboseOption

        @Argument(help: "The number of the old one.")
        var id: Int32

        @Option(help: ArgumentHelp("How long the old one is still good: 90s, 15m, 24h, 7d.", valueName: "span"))
        var overlap = SpanArgument(seconds: 86_400)

        @OptionGroup var expiry: ExpiryOptions

        func run() async throws {
            var generator = SystemRandomNumberGenerator()
            let token = AccessToken(using: &generator)
            let old = try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.rotateCredential(
                    self.id, tokenHash: token.hash, end: self.overlap.fromNow, expiresAt: self.expiry.time,
                    actor: self.actor.value
                ).old
            }
            try Console.line(token.secret)
            if let end = old.expiresAt { Console.error("the credential \(old.id) is good until \(end.rfc3339)") }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revokes credentials: collectors refuse them within a second, also on calls that are open.")

        @OptionGroup var maintainer: MaintainerOptions
        @OptionGroup var actor: ActorOption
        @OptionGroup var verbose: VerboseOption

        @Argument(help: "Their numbers, as docket token list has them.")
        var ids: [Int32]

        func run() async throws {
            try await self.maintainer.administer { administration throws(PostgresError) in
                try await administration.revokeCredentials(self.ids, actor: self.actor.value)
            }
        }
    }
}

/// What a credential allows.
struct GrantOptions: ParsableArguments {
    @Option(help: "A tenant that it covers; may be given several times. Default: default.")
    var tenant: [String] = []

    @Flag(help: "It covers every tenant there is, and those to come.")
    var allTenants = false

    @Option(
        help: ArgumentHelp(
            "What it may do: \(CredentialScopes.allNames.joined(separator: ", ")); may be given several times.",
            valueName: "scope"))
    var scope: [String] = ["publish"]

    @Option(help: "Whom it is given to.")
    var label = ""

    @OptionGroup var expiry: ExpiryOptions

    func validate() throws {
        for name in self.scope where CredentialScopes(named: name) == nil {
            throw ValidationError(
                "--scope is '\(name)'; it must be one of \(CredentialScopes.allNames.joined(separator: ", "))")
        }
        guard self.tenant.isEmpty || !self.allTenants else {
            throw ValidationError("--tenant and --all-tenants exclude each other")
        }
    }

    /// A credential that is known by that.
    func credential(_ identity: CredentialIdentity) -> Administration.NewCredential {
        let scopes = self.scope.compactMap { CredentialScopes(named: $0) }.reduce(into: CredentialScopes()) {
            $0.formUnion($1)
        }
        let tenants = self.tenant.isEmpty ? [Administration.defaultTenant] : self.tenant
        return Administration.NewCredential(
            identity: identity, tenants: self.allTenants ? nil : tenants, scopes: scopes, label: self.label,
            expiresAt: self.expiry.time)
    }
}

/// Until when a credential is good.
struct ExpiryOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("How long it is good: 90s, 15m, 24h, 30d. Default: until it is revoked.", valueName: "span"))
    var expiresIn: SpanArgument?

    var time: Timestamp? { self.expiresIn?.fromNow }
}
