import DocketModel
import Testing

@Suite("The manifest of an export")
struct ExportManifestTests {
    private static let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    private static var full: ExportManifest {
        ExportManifest(
            docketVersion: "1.2.3", createdAt: Timestamp(microsecondsSinceEpoch: 1_674_844_088_129_781), format: .csv,
            formulaSafe: true, filter: #"{"type_prefix":"authz."}"#,
            tenants: [
                .init(tenant: "acme", fromLogIndex: 0, nextLogIndex: 17),
                .init(tenant: "globex", fromLogIndex: 5, nextLogIndex: 5),
            ],
            eventCount: 2, byteCount: 1234, sha256: Self.digest,
            occurred: Timestamp(microsecondsSinceEpoch: -1)...Timestamp(microsecondsSinceEpoch: 1_000_000),
            received: Timestamp(microsecondsSinceEpoch: 0)...Timestamp(microsecondsSinceEpoch: 0))
    }

    private static let fullJSON =
        #"{"version":1,"docket_version":"1.2.3","created_at":"2023-01-27T18:28:08.129781Z","format":"csv","#
        + #""formula_safe":true,"filter":{"type_prefix":"authz."},"#
        + #""tenants":[{"tenant":"acme","from_log_index":0,"next_log_index":17},"#
        + #"{"tenant":"globex","from_log_index":5,"next_log_index":5}],"events":2,"bytes":1234,"#
        + #""sha256":"\#(Self.digest)","first_occurred_at":"1969-12-31T23:59:59.999999Z","#
        + #""last_occurred_at":"1970-01-01T00:00:01Z","first_received_at":"1970-01-01T00:00:00Z","#
        + #""last_received_at":"1970-01-01T00:00:00Z"}"#

    @Test("is written under the promised names, in their order, and read back")
    func full() throws {
        #expect(Self.full.json == Self.fullJSON)
        #expect(try ExportManifest(json: Array(Self.fullJSON.utf8)) == Self.full)
    }

    @Test("of an export without events has no times of events")
    func empty() throws {
        var manifest = Self.full
        manifest.eventCount = 0
        manifest.occurred = nil
        manifest.received = nil
        let end = try #require(Self.fullJSON.firstRange(of: #","first_occurred_at"#)).lowerBound
        let expected = String(Self.fullJSON[..<end]).replacing(#""events":2"#, with: #""events":0"#) + "}"
        #expect(manifest.json == expected)
        #expect(try ExportManifest(json: Array(manifest.json.utf8)) == manifest)
    }

    @Test("every format can be said", arguments: ExportFormat.allCases)
    func formats(format: ExportFormat) throws {
        var manifest = Self.full
        manifest.format = format
        #expect(try ExportManifest(json: Array(manifest.json.utf8)).format == format)
    }

    @Test("members may come in any order, with white space; the filter keeps its spelling")
    func order() throws {
        let members = Self.fullJSON.dropFirst().dropLast()
        let moved = members.replacing(#""version":1,"#, with: "").replacing("authz.", with: "authz.\\u0061 ")
        let manifest = try ExportManifest(json: Array("\n{ \(moved) ,\t\"version\" : 1 }\n".utf8))
        #expect(manifest.filter == #"{"type_prefix":"authz.\u0061 "}"#)
        #expect(manifest.tenants == Self.full.tenants)
    }

    @Test(
        "an error names the member and what to do about it",
        arguments: [
            (#""version":1,"#, "", "version is missing; a manifest of this form has version 1"),
            (
                #""version":1,"#, #""version":2,"new":true,"#,
                "version is 2; this Docket reads version 1: use the Docket that wrote the manifest, or a later one"
            ),
            (#""events":2"#, #""events":2,"note":1"#, "note is no member of a manifest; correct its name or remove it"),
            (
                #""from_log_index":0"#, #""from_log_index":0,"x":1"#,
                "tenants[0].x is no member of a manifest; correct its name or remove it"
            ),
            (#""docket_version":"1.2.3","#, "", "docket_version is missing; give Docket's version"),
            (
                #""format":"csv""#, #""format":"xml""#,
                #"format is "xml"; it must be one of jsonl, csv, cloudevents, ocsf"#
            ),
            (#""formula_safe":true"#, #""formula_safe":"yes""#, #"formula_safe must be true or false, found "yes""#),
            (#"{"type_prefix":"authz."}"#, "[]", "filter must be an object, found an array"),
            (#""filter":{"type_prefix":"authz."},"#, "", "filter is missing; give an object, {} for all"),
            (
                #""next_log_index":17"#, #""next_log_index":-1"#,
                "tenants[0].next_log_index must be a whole number from 0 to 2^63-1, found -1"
            ),
            (
                #""from_log_index":5"#, #""from_log_index":6"#,
                "tenants[1].next_log_index is 5, before from_log_index, 6"
            ),
            ("globex", "acme", #"tenants[1].tenant is "acme" a second time; each tenant has one entry"#),
            (#""events":2"#, #""events":1.5"#, "events must be a whole number from 0 to 2^63-1, found 1.5"),
            (
                #""events":2"#, #""events":0"#,
                "first_occurred_at is there, but events is 0; remove it or correct the number"
            ),
            (
                #""events":2"#, #""events":2,"events":2"#,
                #"two members are named "events"; only one can count, remove the other"#
            ),
            (
                #""bytes":1234"#, #""bytes":"1234""#,
                #"bytes must be a whole number from 0 to 2^63-1, found "1234""#
            ),
            ("e3b0", "E3B0", #"; it must be 64 lower case hexadecimal digits"#),
            ("e3b0", "e3b", #"; it must be 64 lower case hexadecimal digits"#),
            (
                #""first_occurred_at":"1969-12-31T23:59:59.999999Z","#, "",
                "first_occurred_at is missing, but last_occurred_at is there; give both"
            ),
            (
                #""first_occurred_at":"1969-12-31T23:59:59.999999Z","last_occurred_at":"1970-01-01T00:00:01Z","#, "",
                "first_occurred_at is missing; an export with events has its first and last times"
            ),
            (
                "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:02Z",
                "last_occurred_at is 1970-01-01T00:00:01Z, before first_occurred_at, 1970-01-01T00:00:02Z"
            ),
        ])
    func errors(part: String, replacement: String, message: String) throws {
        try #require(Self.fullJSON.contains(part))
        let json = Self.fullJSON.replacing(part, with: replacement, maxReplacements: 1)
        let error = #expect(throws: ModelError.self) { try ExportManifest(json: Array(json.utf8)) }
        #expect(error?.message.hasSuffix(message) == true, "\(error?.message ?? "none")")
    }

    @Test(
        "what is no manifest at all is refused",
        arguments: ["", "[]", "1", "{", "{}", ExportManifestTests.fullJSON + "{}"])
    func noManifest(text: String) {
        #expect(throws: ModelError.self) { try ExportManifest(json: Array(text.utf8)) }
    }

    @Test("without tenants it is refused")
    func noTenants() {
        var manifest = Self.full
        manifest.tenants = []
        let error = #expect(throws: ModelError.self) { try ExportManifest(json: Array(manifest.json.utf8)) }
        #expect(error?.message == "tenants names nobody; give at least one tenant")
    }
}
