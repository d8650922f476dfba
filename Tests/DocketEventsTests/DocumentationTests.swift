import DocketClient
import DocketEvents
import Foundation
import Testing

// The examples of docs/client/events.md: whoever changes one changes the other.

struct Login: AuditEventType {
    enum Method: String, CaseIterable, AttributeValue { case password, passkey }

    static let definition = EventTypeDefinition<Login>(
        "user.login", version: 1, description: "Somebody has signed in.", requires: [.actorID, .outcome],
        attributes: [
            .init("method", \.method),
            .init("client", \.client, maxLength: 256),
            .init("attempt", \.attempt, minimum: 1),
        ])

    var method: Method
    var client: String
    var attempt: Int?
}

@Suite("The documentation's examples")
struct DocumentationTests {
    /// Nobody listens on port 1.
    private let client: AuditClient
    private let body = Array("abc".utf8)

    init() throws { self.client = try AuditClient(.init(target: "127.0.0.1:1", token: "dkt_example")) }

    @Test("of events in words")
    func words() async {
        let event = Event("authz.decision")
            .by(.user("alice")).doing("read").on("file", "/etc/passwd")
            .decided(.deny, policy: "p1", reason: "not in group wheel").ended(.failure)
            .inScope("billing").session("s-1").request("r-1").took(.milliseconds(3))
            .attributes(["method": "GET", "bytes": body.count])
        client.emit(event)
        #expect(event.attributes == #"{"method":"GET","bytes":3}"#)
        await self.client.shutdown(timeout: .zero)
    }

    @Test("of typed events")
    func typed() async throws {
        client.emit(Login(method: .passkey, client: "app/2.1").event().by(.user("alice")).ended(.success))
        #expect(try Login(method: .passkey, client: "app/2.1").refusal() == nil)
        let folder = FileManager.default.temporaryDirectory.appending(path: "docket-events-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try EventTypeDefinitions.write([Login.self], to: folder)
        #expect(try String(contentsOfFile: "\(folder)/user.login.json", encoding: .utf8) == Login.definition.json)
        await self.client.shutdown(timeout: .zero)
    }

    @Test("of fingerprints")
    func fingerprints() {
        let (answer, pieces) = ("okay".utf8, [body])
        let read = Event("file.read").payload(PayloadFingerprint(ofInput: body, output: answer))

        var hasher = PayloadHasher()
        for piece in pieces { hasher.addInput(piece) }
        let written = Event("file.write").payload(hasher.fingerprint)
        #expect(read.payload?.hash == written.payload?.hash && read.payload?.outSizeBytes == 4)
    }

    @Test("of scopes")
    func scopes() async {
        let work = Task {
            try await withAuditScope(AuditScope(actor: .user("alice"), sessionID: "s-1", requestID: "r-1")) {
                try await withAuditScope(AuditScope(scope: "billing")) {
                    // alice's, of request r-1, in the scope billing
                    client.emit(Event("invoice.read").on("invoice", "42"))
                    try await client.flush()
                }
            }
        }
        work.cancel()
        await #expect(throws: ClientError.self) { try await work.value }
        await self.client.shutdown(timeout: .zero)
    }

    @Test("are those of this file")
    func same() throws {
        let page = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/client/events.md")
        let source = Self.lines(try String(contentsOfFile: #filePath, encoding: .utf8))
        let blocks = try String(contentsOf: page, encoding: .utf8).components(separatedBy: "```swift\n").dropFirst()
        #expect(blocks.count == 6)
        for block in blocks {
            let example = Self.lines(block.components(separatedBy: "```")[0])
            #expect(source.contains(example), "\(example)")
        }
    }

    /// The lines without their indentation, each with its end.
    private static func lines(_ text: String) -> String {
        text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) + "\n" }.joined()
    }
}
