import DocketClient
import Foundation
import Testing

@Suite("The getting-started page")
struct GettingStartedTests {
    /// Compiled, and the same text as on the page.
    func code(token: String, event: Event) async throws {
        // page
        let client = try AuditClient(.init(target: "127.0.0.1:7480", token: token))

        client.emit(Event("authz.decision").by(.user("alice")).doing("delete").on("document", "42").decided(.deny))

        let receipt = try await client.emitAndWait(event)

        await client.shutdown()
        // end
        _ = receipt
    }

    func codeWithJournal(token: String, event: Event) async throws {
        // page
        var configuration = AuditClient.Configuration(targets: ["docket-1:7480", "docket-2:7480"], token: token)
        configuration.security = .tls(trustFile: "/etc/docket/ca.pem")

        configuration.journal = .init(path: "/var/lib/billing/docket")
        let client = try await AuditClient.open(configuration)
        try await client.emitDurably(event)
        // end
    }

    @Test("shows code that compiles")
    func compiles() throws {
        let own = try String(contentsOfFile: #filePath, encoding: .utf8)
        let root = #filePath.components(separatedBy: "/Tests/")[0]
        let page = try String(
            contentsOfFile: root + "/Sources/DocketClient/DocketClient.docc/GettingStarted.md", encoding: .utf8)
        let blocks = page.components(separatedBy: "```swift\n").dropFirst().map { $0.components(separatedBy: "```")[0] }
        #expect(blocks.count == 6)
        for block in blocks {
            let lines = block.split(separator: "\n").filter { !$0.hasPrefix("import ") }
            #expect(own.contains(lines.map { "        \($0)\n" }.joined()), "\(block)")
        }
    }
}
