import DocketClient
import Testing

@Suite("The README's example")
struct ReadmeTests {
    @Test("needs one import, and reports it when no collector is there")
    func example() async throws {
        let token = "dkt_example"
        // Nobody listens on port 1.
        let client = try AuditClient(.init(target: "127.0.0.1:1", token: token))
        client.emit(Event("authz.decision").by(.user("alice")).doing("delete").on("document", "42").decided(.deny))
        let error = await #expect(throws: ClientError.self) { try await client.flush(timeout: .milliseconds(50)) }
        #expect(error?.code == .timedOut)
        #expect(client.droppedCount == 0)
        await client.shutdown(timeout: .zero)
        #expect(client.droppedCount == 1)
    }
}
