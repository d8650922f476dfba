extension CredentialScopes {
    /// The names of all scopes, in the order in which they are listed.
    private static let named: [(CredentialScopes, String)] = [
        (.publish, "publish"), (.query, "query"), (.export, "export"), (.admin, "admin"), (.import, "import"),
    ]

    /// The names of all scopes.
    package static var allNames: [String] { self.named.map(\.1) }

    /// The scope of that name; `nil` when there is none.
    package init?(named name: String) {
        guard let found = Self.named.first(where: { $0.1 == name }) else { return nil }
        self = found.0
    }

    /// The scopes' names, separated by commas.
    package var names: String {
        Self.named.filter { self.contains($0.0) }.map(\.1).joined(separator: ",")
    }
}
