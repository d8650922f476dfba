import DocketModel
import Testing

@testable import DocketRegistry

@Suite("A SPIFFE ID")
struct SpiffeIDTests {
    @Test(
        "is a trust domain and a path, compared byte by byte",
        arguments: ["spiffe://acme.example", "spiffe://acme.example/ns/prod/sa/checkout", "spiffe://a-b_c.1/X.y-Z_0"])
    func good(_ text: String) throws {
        #expect(try SpiffeID(text).text == text)
    }

    @Test(
        "is nothing else",
        arguments: [
            "", "https://acme.example/a", "SPIFFE://acme.example/a", "spiffe://", "spiffe:///a", "spiffe://Acme/a",
            "spiffe://acme/", "spiffe://acme//a", "spiffe://acme/.", "spiffe://acme/a/../b", "spiffe://acme/a?b",
            "spiffe://acme:8080/a", "spiffe://user@acme/a", "spiffe://acme/ä", "spiffe://acme/a%20b",
            "spiffe://" + String(repeating: "a", count: 256), "spiffe://acme/" + String(repeating: "a", count: 2048),
        ])
    func bad(_ text: String) throws {
        let error = try #require(throws: RegistryError.self) { try SpiffeID(text) }
        #expect(error.code == .malformedIdentity && error.message.contains("'\(text.prefix(128))'"))
    }
}

@Suite("The subject of a certificate")
struct SubjectNameTests {
    @Test(
        "is written in one form, however it is typed",
        arguments: [
            ("CN=checkout,O=Acme Ltd,C=GB", "CN=checkout,O=Acme Ltd,C=GB"),
            ("cn = checkout , o= Acme Ltd , c=GB", "CN=checkout,O=Acme Ltd,C=GB"),
            (#"O=Acme\, Ltd"#, #"O=Acme\, Ltd"#), (#"O=Acme\2C Ltd"#, #"O=Acme\, Ltd"#),
            (#"CN=Z\C3\BCrich"#, "CN=Zürich"), (#"CN=\ a b\ "#, #"CN=\ a b\ "#), (##"CN=\#1"##, ##"CN=\#1"##),
            ("CN=a#1", "CN=a#1"), ("OU=b+CN=a", "CN=a+OU=b"), ("CN=a+OU=b", "CN=a+OU=b"),
            ("emailAddress=a@b.c", "E=a@b.c"), ("1.2.840.113549.1.9.1=a@b.c", "E=a@b.c"), ("2.5.4.3=a", "CN=a"),
            ("UID=a", "0.9.2342.19200300.100.1.1=a"), ("OID.2.5.4.5=7", "2.5.4.5=7"), ("serialNumber=7", "2.5.4.5=7"),
            ("DC=acme,DC=example", "DC=acme,DC=example"), ("CN=a=b", "CN=a=b"),
        ])
    func canonical(_ given: String, _ expected: String) throws {
        let name = try SubjectName(given)
        #expect(name.text == expected)
        #expect(try SubjectName(name.text) == name)
    }

    @Test("may have 2,048 bytes in the form in which it is kept, which may be longer than what is typed")
    func bound() throws {
        let type = "0.9.2342.19200300.100.1.1"
        let most = 2048 - "\(type)=".utf8.count
        let name = try SubjectName("UID=" + String(repeating: "a", count: most))
        #expect(name.text.utf8.count == 2048)
        let long = String(repeating: "a", count: most + 1)
        #expect(throws: RegistryError.self) { try SubjectName("UID=\(long)") }
        #expect(throws: RegistryError.self) { try SubjectName(parts: [[.init(type: type, value: long)]]) }
        #expect(throws: RegistryError.self) { try SubjectName(parts: [[]]) }
        #expect(throws: RegistryError.self) { try SubjectName(parts: []) }
    }

    @Test(
        "is refused when it can't be one",
        arguments: [
            "", "checkout", "CN", "CN=", "CN= ", "=a", "XYZ=a", "1=a", "2.05=a", "CN=a,", "CN=a,,O=b", "CN=a+",
            #"CN=a\"#,
            #"CN="a""#, "CN=a;O=b", "CN=<a>", "CN=#0402ab", #"CN=\FF"#, #"CN=a\00b"#, "CN=a\nb", #"CN=a\0Ab"#,
            "CN=" + String(repeating: "a", count: 2048),
        ])
    func bad(_ text: String) throws {
        let error = try #require(throws: RegistryError.self) { try SubjectName(text) }
        #expect(error.code == .malformedIdentity)
    }
}

@Suite("A registry with credentials of several kinds")
struct CredentialKindTests {
    private static let identities: [CredentialIdentity] = [
        .token(hash: Array(repeating: 1, count: 32)), .spiffe("spiffe://acme/a"), .subject("CN=a"),
        .jwt(issuer: "https://login.acme", subject: "a"), .jwt(issuer: "https://login.other", subject: "a"),
    ]

    private func snapshot(_ identities: some Sequence<CredentialIdentity>) -> RegistrySnapshot {
        RegistrySnapshot(
            RegistryContents(
                version: 1, tenants: [.init(id: 1, slug: "default")],
                credentials: identities.enumerated().map { index, identity in
                    .init(id: Int32(index), identity: identity, tenantIDs: [1], scopes: .publish)
                }, eventTypes: []))
    }

    @Test("knows each by what it is for, and by nothing that looks like it")
    func lookUp() {
        let snapshot = self.snapshot(Self.identities)
        for (index, identity) in Self.identities.enumerated() {
            #expect(snapshot.authenticate(identity, at: .now)?.id == Int32(index))
        }
        for identity in [
            .spiffe("CN=a"), .subject("spiffe://acme/a"), .subject("CN=A"), .spiffe("spiffe://acme/A"),
            .jwt(issuer: "https://login.acme", subject: "b"), .jwt(issuer: "a", subject: "https://login.acme"),
        ] as [CredentialIdentity] {
            #expect(snapshot.authenticate(identity, at: .now) == nil)
        }
    }

    @Test(
        "tells names apart that are canonically equivalent, as the database does",
        arguments: [("Zürich", "Zu\u{308}rich"), ("K", "\u{212A}"), ("\u{C5}", "\u{212B}")])
    func composition(_ one: String, _ other: String) {
        #expect(one == other)
        for make in [
            { .subject("CN=" + $0) }, { .spiffe($0) }, { .jwt(issuer: "i", subject: $0) },
            { .jwt(issuer: $0, subject: "s") },
        ] as [(String) -> CredentialIdentity] {
            #expect(make(one) == make(one) && make(one) != make(other))
            #expect(Set([make(one), make(other), make(one)]).count == 2)
        }
    }

    @Test("notes the use of each, and forgets one that is revoked")
    func use() {
        for identity in Self.identities {
            let snapshot = self.snapshot([identity])
            _ = snapshot.authenticate(identity, at: Timestamp(microsecondsSinceEpoch: 7))
            #expect(snapshot.takeUses().map(\.at.microsecondsSinceEpoch) == [7])
            #expect(self.snapshot([]).authenticate(identity, at: .now) == nil)
        }
    }

    @Test("takes claims of a JWT that can be stored, and no others")
    func claims() throws {
        #expect(try .jwt(checkedIssuer: "i", subject: "s") == CredentialIdentity.jwt(issuer: "i", subject: "s"))
        for (issuer, subject) in [
            ("", "s"), ("i", ""), ("i\u{0}", "s"), ("i", "s\n"), (String(repeating: "i", count: 513), "s"),
            ("i", String(repeating: "s", count: 2049)),
        ] {
            #expect(throws: RegistryError.self) { try CredentialIdentity.jwt(checkedIssuer: issuer, subject: subject) }
        }
    }
}
